"""Drafts and folders laid aside by processes that were killed before they could remove them."""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

DRAFTS = (
    ".*.tmp",
    "*/.*.tmp",
    ".cube.zarr.*",
    ".xva.zarr.*",
    "cube.zarr/*/c/*/*/*.partial",
)
"""Patterns under a run's folder; whoever holds its lock may remove them."""
ASIDE = ("xva-inputs-*", "xva-trades-*", "xva-job-*", "xva-plan-*")
"""Of temporary folders that other processes may be using."""
WEEK = 7 * 86400.0
"""Seconds after which nobody uses them any more."""


def sweep(folder: Path, *patterns: str, older: float = 0.0) -> None:
    """Remove what matches and was not touched for ``older`` seconds; what cannot be removed stays."""
    until = time.time() - older
    for leftover in [found for pattern in patterns for found in folder.glob(pattern)]:
        with contextlib.suppress(OSError):
            if older and leftover.lstat().st_mtime > until:
                continue
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()
