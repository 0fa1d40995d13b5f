"""A copy of the demo bank that tests may spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.places import EXAMPLES
from tests.support.spoilt_bank import Copy

BANK = EXAMPLES / "bank"
FILES = ("demo.toml", "counterparties.csv", "netting_sets.csv", "fixings.csv", "market", "trades/demo")


@pytest.fixture
def bank(tmp_path: Path) -> Copy:
    for name in FILES:
        source, target = BANK / name, tmp_path / "bank" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return Copy(tmp_path / "bank")
