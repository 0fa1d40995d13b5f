"""A run that was damaged after it finished is refused by whoever reads it, file by file, and never read as other numbers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipelines import open_run
from pipelines.execution.runner import RunSettings, execute
from pipelines.execution.serial import SerialExecutor
from pipelines.storage.layout import RunLayout
from pipelines.storage.results import open_cube
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from xva.errors import StoreError

PLAN = DummyPlan(blocks=5)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reading") / "run"
    execute(
        PLAN,
        folder,
        SerialExecutor(),
        finish,
        identity=identity(PLAN),
        settings=RunSettings(trusted_modules=TRUST),
    )
    return folder


def read(folder: Path) -> tuple[xr.Dataset, xr.Dataset]:
    run = open_run(folder)
    return run.cube.load(), run.xva.load()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = np.random.default_rng(len(data)).integers(0, len(data))
    data[place] ^= 16
    path.write_bytes(data)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path) -> None:
    """Another block's shard in its place, whole in itself."""
    other = path.parents[2] / ("1" if path.parents[1].name != "1" else "2") / "0" / "0"
    shutil.copyfile(other if other.is_file() else path.parent / "zarr.json", path)


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("damage", [flip, tear, empty, Path.unlink])
def test_every_file_of_cube_and_results(
    finished: Path, tmp_path: Path, damage: Callable[[Path], None], step: int
) -> None:
    """Every file; among the quick tests every fourth, another one for every damage."""
    whole = read(finished)
    stores = (finished / "cube.zarr", finished / "xva.zarr")
    files = [p.relative_to(finished) for s in stores for p in sorted(s.rglob("*")) if p.is_file()]
    assert len(files) > 15
    for name in files[[flip, tear, empty, Path.unlink].index(damage) % step :: step]:
        copy = tmp_path / "run"
        shutil.copytree(finished, copy)
        damage(copy / name)
        with pytest.raises(StoreError, match="xva resume") as refused:
            read(copy)
        assert name.name in refused.value.message
        shutil.rmtree(copy)
    for one, again in zip(whole, read(finished)):
        xr.testing.assert_identical(one, again)


def test_another_blocks_shard_is_not_this_ones(finished: Path, tmp_path: Path) -> None:
    copy = RunLayout(shutil.copytree(finished, tmp_path / "run"))
    swap(copy.shard("value", 3))
    with pytest.raises(StoreError, match="expected block 3 as it was written"):
        read(copy.root)


def test_a_lost_marker_of_a_finished_run_is_refused(finished: Path, tmp_path: Path) -> None:
    copy = RunLayout(shutil.copytree(finished, tmp_path / "run"))
    copy.marker(3).unlink()
    with pytest.raises(StoreError, match=r"00000003\.json: expected the marker of a finished run"):
        read(copy.root)


def test_what_is_not_committed_is_not_there(finished: Path, tmp_path: Path) -> None:
    """While a run computes, a shard without its marker may be half written."""
    copy = RunLayout(shutil.copytree(finished, tmp_path / "run"))
    copy.complete_json.unlink()
    copy.marker(3).unlink()
    values = open_cube(copy.root)["value"]
    lost = np.isnan(values.values).any(axis=(1, 2)).reshape(5, -1)
    assert lost[3].all()
    assert not lost[[0, 1, 2, 4]].any()


def test_a_selection_meets_the_damage_of_its_own_block_only(finished: Path, tmp_path: Path) -> None:
    copy = RunLayout(shutil.copytree(finished, tmp_path / "run"))
    copy.shard("value", 4).unlink()
    cube = open_run(copy.root).cube
    first = cube["value"].isel(path=slice(0, PLAN.block_size))
    np.testing.assert_array_equal(
        first, open_run(finished).cube["value"].isel(path=slice(0, PLAN.block_size))
    )
    with pytest.raises(StoreError, match="missing"):
        cube["value"].mean("path").load()
