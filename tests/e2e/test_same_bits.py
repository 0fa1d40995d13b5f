"""The real engine on the sample bank: the same bits whoever computes, in one process or on 1, 2 and 4 workers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pipelines import ExposureJob
from pipelines.results.run import Run
from tests.support.flat_job import option, swap, write_flat_job
from tests.support.places import EXAMPLES

BANK = EXAMPLES / "bank"
SIZES = {
    "demo.toml": (("paths = 2048", "paths = 512"), ("block_size = 256", "block_size = 64")),
    "full.toml": (("paths = 8192", "paths = 1024"), ("block_size = 1024", "block_size = 128")),
}


def small_job(name: str, folder: Path) -> ExposureJob:
    """A bank's job on fewer paths, 8 blocks."""
    bank = shutil.copytree(BANK, folder / "bank", ignore=shutil.ignore_patterns("runs", "*.py", "generator"))
    text = (bank / name).read_text()
    for old, new in SIZES[name]:
        assert old in text
        text = text.replace(old, new)
    (bank / name).write_text(text)
    return ExposureJob.from_toml(bank / name)


def assert_same_bits(one: Run, other: Run) -> None:
    assert one.completion is not None
    assert other.completion is not None
    assert one.completion.root_hash == other.completion.root_hash
    assert set(one.xva.variables) == set(other.xva.variables)
    for name, variable in one.xva.variables.items():
        np.testing.assert_array_equal(variable.values, other.xva.variables[name].values, err_msg=str(name))


def test_two_workers_on_two_trades(tmp_path: Path) -> None:
    """The engine with sensitivities on the flat market: a swap and an option."""
    tables = {
        "swaps": [swap("S", "A", "2026-01-19", "2028-01-19")],
        "fx_options": [option("O", "B", "2027-06-15")],
    }
    job = ExposureJob.from_toml(write_flat_job(tmp_path / "job", tables, grid='grid = "6M..2Y"'))
    serial = job.run("serial", output=tmp_path / "serial")
    assert float(serial.xva["total"].sel(measure="CVA")) > 0.0
    assert_same_bits(serial, job.run("local", workers=2, output=tmp_path / "two"))


@pytest.mark.slow
def test_serial_and_one_two_and_four_workers(tmp_path: Path) -> None:
    job = small_job("demo.toml", tmp_path)
    serial = job.run("serial", output=tmp_path / "serial")
    assert float(serial.xva["total"].sel(measure="CVA")) > 0.0
    for workers in (1, 2, 4):
        run = job.run("local", workers=workers, output=tmp_path / str(workers))
        assert_same_bits(serial, run)


@pytest.mark.slow
def test_the_full_bank_serial_and_on_two_workers(tmp_path: Path) -> None:
    job = small_job("full.toml", tmp_path)
    serial = job.run("serial", output=tmp_path / "serial")
    assert_same_bits(serial, job.run("local", workers=2, output=tmp_path / "two"))
