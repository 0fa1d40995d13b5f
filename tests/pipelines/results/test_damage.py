"""A changed bit in what a run delivered is an error, not another number."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.results.run import Run, open_run
from pipelines.runs.exposure import ExposureJob, resume_run
from tests.support.small_job import swap_job
from xva.errors import StoreError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("damage")
    return ExposureJob.from_toml(swap_job(folder / "job")).run(output=folder / "runs")


def test_one_bit_of_any_result_is_an_error_that_names_the_file(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path / "xva.zarr", copy / "xva.zarr")
    for name in ("run.json", "COMPLETE.json"):
        shutil.copy(run.path / name, copy / name)
    assert float(open_run(copy).xva["total"].sel(measure="CVA")) > 0.0
    files = sorted(p for p in (copy / "xva.zarr").rglob("*") if p.is_file())
    for number, file in enumerate(files):
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[(0, len(whole) // 2, -1)[number % 3]] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match=f"{file.name}.*-> mend them with 'xva resume"):
            _ = open_run(copy).xva
        file.write_bytes(whole)
    file.unlink()
    with pytest.raises(StoreError, match="missing"):
        _ = open_run(copy).xva


def test_one_bit_of_the_cubes_coordinates(run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (chunk,) = (p for p in (copy / "cube.zarr" / "year_fraction" / "c").iterdir())
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(StoreError, match="year_fraction"):
        _ = open_run(copy).cube


def test_resume_mends_it(run: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path, tmp_path / "copy")
    chunk = next(p for p in (copy / "xva.zarr" / "xva").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(b"")
    mended = resume_run(copy)
    assert mended.xva["xva"].identical(run.xva["xva"])
