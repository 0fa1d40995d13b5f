"""The demo bank small: its job in a folder of its own, and one finished run of it that tests read and copy."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pipelines
from pipelines.results.run import Run
from tests.support.places import EXAMPLES

BANK = EXAMPLES / "bank"
PATHS, BLOCK = 128, 16
GRID = 'grid = "6M..3Y, 1Y..10Y, 5Y..30Y"'


def small_bank(
    folder: Path, *, sensitivities: bool = False, cube: bool = True, quotes: str | None = None
) -> Path:
    """A copy of the demo job with few paths and dates; returns the job file."""
    for name in ("market", "trades/demo"):
        shutil.copytree(BANK / name, folder / name)
    for file in BANK.glob("*.csv"):
        shutil.copy(file, folder)
    text = (BANK / "demo.toml").read_text()
    sizes = {
        r"paths = \d+": f"paths = {PATHS}",
        r"block_size = \d+": f"block_size = {BLOCK}",
        "grid = .*": GRID,
    }
    for pattern, small in sizes.items():
        text, count = re.subn(pattern, small, text)
        assert count == 1, pattern
    if not sensitivities:
        text = text.replace("sensitivities = true", "sensitivities = false")
    if not cube:
        text = text.replace("[exposure]", "[exposure]\nstore_cube = false")
    if quotes is not None:
        (folder / "market/quotes.csv").write_text(quotes)
    job = folder / "demo.toml"
    job.write_text(text)
    return job


@dataclass(frozen=True)
class BankRun:
    """A finished run of `small_bank` with sensitivities; whoever writes beside it takes a copy."""

    job: Path
    folder: Path
    shown: str
    """What ``xva run`` printed."""

    def copy(self, folder: Path) -> Run:
        return pipelines.open_run(shutil.copytree(self.folder, folder / "runs" / self.folder.name))
