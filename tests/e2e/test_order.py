"""Rows of trades, quotes, netting sets and counterparties in another order are the same job: the same run id, and the same
bytes for workers to compute from, hence the same numbers to the last digit.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from pipelines import ExposureJob
from pipelines.storage.plans import plan_address
from tests.support.places import EXAMPLES

BANK = EXAMPLES / "bank"
SMALL = "paths = 64\nblock_size = 8\nscrambles = 8"


def job(folder: Path) -> ExposureJob:
    shutil.copytree(BANK, folder, ignore=shutil.ignore_patterns("runs"))
    text = (folder / "demo.toml").read_text()
    text = text.replace("paths = 2048\nblock_size = 256\nscrambles = 8", SMALL)
    (folder / "demo.toml").write_text(text.replace("3M..5Y, 6M..10Y, 1Y..20Y", "1Y..5Y"))
    return ExposureJob.from_toml(folder / "demo.toml")


def shuffle(file: Path) -> None:
    head, *rows = file.read_text().splitlines()
    shuffled = random.Random(5).sample(rows, len(rows))
    assert shuffled != rows or len(rows) < 3
    file.write_text("\n".join([head, *shuffled]) + "\n")


def test_rows_in_another_order(tmp_path: Path) -> None:
    first = job(tmp_path / "a")
    other = tmp_path / "b"
    shutil.copytree(tmp_path / "a", other, ignore=shutil.ignore_patterns("runs"))
    tables = [other / "counterparties.csv", other / "netting_sets.csv", other / "market" / "quotes.csv"]
    for file in [*tables, *(other / "trades" / "demo").glob("*.csv")]:
        shuffle(file)
    again = ExposureJob.from_toml(other / "demo.toml")
    assert again.identity.run_id == first.identity.run_id
    assert plan_address(again.exposure.plan) == plan_address(first.exposure.plan)


def test_other_rows_are_another_job(tmp_path: Path) -> None:
    first = job(tmp_path / "a")
    swaps = tmp_path / "a" / "trades" / "demo" / "swaps.csv"
    swaps.write_text("\n".join(swaps.read_text().splitlines()[:-1]) + "\n")
    again = ExposureJob.from_toml(tmp_path / "a" / "demo.toml")
    assert again.identity.run_id != first.identity.run_id
    assert plan_address(again.exposure.plan) != plan_address(first.exposure.plan)
