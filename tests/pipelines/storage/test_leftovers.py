"""What killed processes leave is swept: at once under a run's lock, after a week where others may be at work."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pipelines.storage.leftovers import ASIDE, DRAFTS, WEEK, sweep

LEFT = (".run.json.1f.tmp", "blocks/.0.json.1f.tmp", "cube.zarr/value/c/3/0/0.1f.partial")
FOLDERS = (".cube.zarr.1f", ".xva.zarr.1f")
KEPT = ("run.json", "blocks/00000000.json", "cube.zarr/value/c/3/0/0", "xva.zarr/zarr.json")


def test_a_runs_drafts(tmp_path: Path) -> None:
    for name in (*LEFT, *KEPT, *(f"{f}/deep/zarr.json" for f in FOLDERS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    outside = tmp_path.parent / "outside"
    outside.mkdir()
    (tmp_path / ".xva.zarr.link").symlink_to(outside)
    sweep(tmp_path, *DRAFTS)
    there = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert there == set(KEPT)
    assert outside.is_dir()
    assert not (tmp_path / ".xva.zarr.link").is_symlink()


def test_folders_that_somebody_may_be_using_are_left_for_a_week(tmp_path: Path) -> None:
    for name in ("xva-plan-new", "xva-plan-old", "xva-job-old", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")
    long_ago = time.time() - WEEK - 60.0
    for name in ("xva-plan-old", "xva-job-old", "other"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    sweep(tmp_path, *ASIDE, older=WEEK)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other", "xva-plan-new"]
