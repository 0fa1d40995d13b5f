from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from numpy.typing import NDArray

from pipelines.storage.layout import RunLayout
from pipelines.storage.results import open_cube
from pipelines.storage.shards import CubeTemplate, install_template, write_block, write_region
from xva.blocks.plan import BlockResult, CubeSchema
from xva.errors import StoreError
from xva.profiles import accessor as _accessor  # noqa: F401  registers ``ds.xva``
from xva.profiles.seal import LAST_BIT, sealed

Make = Callable[[int], BlockResult]


@pytest.fixture
def cube(layout: RunLayout, template: CubeTemplate) -> RunLayout:
    install_template(layout, template)
    return layout


def read_block(layout: RunLayout, variable: str, block: int) -> NDArray[np.float32]:
    """Read one block ``(path in block, time, netting_set)`` float32; NaN where it was not written."""
    array = zarr.open_array(layout.cube / variable, mode="r", zarr_format=3)
    block_size = (array.shards or array.chunks)[0]
    return np.asarray(array[block * block_size : (block + 1) * block_size], dtype=np.float32)


def test_metadata_are_what_the_design_says(cube: RunLayout) -> None:
    metadata = json.loads((cube.cube / "value" / "zarr.json").read_text())
    sharding = metadata["codecs"][0]
    assert metadata["zarr_format"] == 3
    assert metadata["data_type"] == "float32"
    assert metadata["fill_value"] == "NaN"
    assert metadata["dimension_names"] == ["path", "time", "netting_set"]
    assert metadata["chunk_grid"]["configuration"]["chunk_shape"] == [8, 20, 3]
    assert sharding["configuration"]["chunk_shape"] == [8, 10, 3]
    assert sharding["configuration"]["codecs"][1] == {
        "name": "zstd",
        "configuration": {"level": 1, "checksum": True},
    }
    assert "consolidated_metadata" not in json.loads((cube.cube / "zarr.json").read_text())


def test_xarray_reads_what_tasks_wrote(cube: RunLayout, schema: CubeSchema, block_result: Make) -> None:
    write_block(cube, ("value",), 1, block_result(1).cube)
    with open_cube(cube.root) as dataset:
        assert dataset["value"].dims == ("path", "time", "netting_set")
        labels = {"units": "EUR", "deflated": True, "seal": LAST_BIT, "seed": 42, "job": "demo"}
        assert dataset.attrs == labels
        assert set(dataset.coords) == {"time", "netting_set", "year_fraction", "counterparty"}
        assert dataset["netting_set"].values.tolist() == list(schema.netting_sets)
        assert dataset["counterparty"].values.tolist() == list(schema.counterparties)
        np.testing.assert_array_equal(dataset["time"].values.astype("M8[D]"), schema.dates)
        np.testing.assert_array_equal(dataset["year_fraction"], schema.year_fractions)
        stored = dataset["value"].values
    written = block_result(1).cube["value"].astype(np.float32)
    np.testing.assert_array_equal(stored[8:16], sealed(written))
    np.testing.assert_allclose(stored[8:16], written, rtol=2**-23)
    assert np.isnan(stored[:8]).all()
    assert np.isnan(stored[16:]).all()
    assert not cube.shard("value", 0).exists()


def test_plain_open_zarr_gives_the_same(cube: RunLayout, block_result: Make) -> None:
    write_block(cube, ("value",), 0, block_result(0).cube)
    with pytest.warns(RuntimeWarning, match="consolidated"):  # xarray says so of every store without it
        plain = xr.open_zarr(cube.cube)
    with open_cube(cube.root) as ours:
        xr.testing.assert_identical(plain.load(), ours.load())


def test_dask_sees_one_chunking_of_all_variables(cube: RunLayout, block_result: Make) -> None:
    for block in range(3):
        write_block(cube, ("value",), block, block_result(block).cube)
    plain = xr.open_zarr(cube.cube, consolidated=False, chunks={})
    assert plain.chunks == {"path": (8, 8, 8), "time": (10, 3), "netting_set": (3,)}
    doubled = plain.map_blocks(lambda part: 2.0 * part, template=plain)
    np.testing.assert_array_equal(doubled["value"], 2.0 * plain["value"])


SELECTIONS: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "one netting set": lambda cube: cube.sel(netting_set="CP:B"),
    "two netting sets": lambda cube: cube.isel(netting_set=[0, 2]),
    "the last date": lambda cube: cube.isel(time=-1),
    "some dates": lambda cube: cube.isel(time=slice(2, 9)),
    "some paths": lambda cube: cube.isel(path=slice(3, 17)),
    "one path": lambda cube: cube.isel(path=5),
    "all": lambda cube: cube,
}


@pytest.mark.parametrize("chunks", [None, {}])
@pytest.mark.parametrize("part", SELECTIONS)
def test_selections_can_be_saved_and_opened_again(
    cube: RunLayout, block_result: Make, tmp_path: Path, part: str, chunks: dict[str, int] | None
) -> None:
    for block in range(3):
        write_block(cube, ("value",), block, block_result(block).cube)
    chosen = SELECTIONS[part](open_cube(cube.root, chunks=chunks))
    if chunks is not None and part in ("some dates", "some paths"):
        # dask's own rule: chunks of one size
        chosen = chosen.assign(value=chosen["value"].chunk({"path": 7, "time": 4}))
    chosen.to_zarr(tmp_path / "copy.zarr", consolidated=False)
    again = xr.open_zarr(tmp_path / "copy.zarr", consolidated=False)
    xr.testing.assert_equal(again, chosen)
    if "path" in again.dims and "time" in again.dims:
        xr.testing.assert_allclose(again.xva.epe(), chosen.xva.epe())


def test_a_plain_mean_over_paths_is_exact_enough(layout: RunLayout, schema: CubeSchema) -> None:
    """The sum of 100,000 float32 numbers along the first axis loses digits: 3e-6 and more of the mean."""
    few = replace(schema, dates=schema.dates[:1], year_fractions=schema.year_fractions[:1])
    install_template(layout, CubeTemplate(few, 1, 100_000, ("value",), "demo", 42))
    values = 1e6 * np.exp(np.random.default_rng(3).standard_normal((100_000, 1, 3)))
    write_block(layout, ("value",), 0, {"value": values})
    expected = values.mean(0)
    assert np.abs(values.astype(np.float32).mean(0) / expected - 1.0).max() > 1e-6
    for opened in (open_cube(layout.root), xr.open_zarr(layout.cube, consolidated=False)):
        np.testing.assert_allclose(opened["value"].mean("path"), expected, rtol=2e-9)


def test_a_region_that_is_not_one_whole_shard_is_refused(cube: RunLayout) -> None:
    array = zarr.open_array(cube.cube / "value", mode="r+", zarr_format=3)
    whole = np.zeros((8, 13, 3), dtype=np.float32)
    for start, values in ((4, whole), (0, whole[:4]), (0, whole[:, :10]), (24, whole), (-8, whole)):
        with pytest.raises(StoreError, match="one whole shard"):
            write_region(array, start, values)
    assert not any(cube.shard("value", b).exists() for b in range(3))
    write_region(array, 16, whole)


def test_zeros_are_stored_and_not_mistaken_for_missing(cube: RunLayout) -> None:
    write_block(cube, ("value",), 2, {"value": np.zeros((8, 13, 3))})
    assert cube.shard("value", 2).is_file()
    assert (read_block(cube, "value", 2) == 0.0).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.full((8, 13, 3), np.nan), "finite"),
        (np.full((8, 13, 3), 1e39), "finite"),  # overflows float32
        (np.zeros((8, 12, 3)), "one whole shard"),
    ],
)
def test_bad_blocks_are_refused(cube: RunLayout, value: np.ndarray, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        write_block(cube, ("value",), 0, {"value": value})
    with pytest.raises(StoreError, match="expected cube variable 'value'"):
        write_block(cube, ("value",), 0, {})


def test_every_bit_flip_is_caught_by_the_store_itself(cube: RunLayout, block_result: Make) -> None:
    write_block(cube, ("value",), 0, block_result(0).cube)
    shard = cube.shard("value", 0)
    good = shard.read_bytes()
    rng = np.random.default_rng(7)
    for position in rng.integers(0, len(good) * 8, size=100):
        flipped = bytearray(good)
        flipped[position // 8] ^= 1 << (position % 8)
        shard.write_bytes(flipped)
        with pytest.raises((RuntimeError, ValueError, IndexError)):
            read_block(cube, "value", 0)


def test_few_dates_make_one_chunk(layout: RunLayout, template: CubeTemplate) -> None:
    schema = template.schema
    short = replace(
        template, schema=replace(schema, dates=schema.dates[:4], year_fractions=schema.year_fractions[:4])
    )
    assert (short.chunks, short.shards) == ((8, 4, 3), (8, 4, 3))
    install_template(layout, short)
    write_block(layout, ("value",), 0, {"value": np.ones((8, 4, 3))})
    assert (read_block(layout, "value", 0) == sealed(np.float32([1.0]))).all()


def test_template_can_be_laid_again_over_the_shards(
    cube: RunLayout, template: CubeTemplate, block_result: Make
) -> None:
    write_block(cube, ("value",), 0, block_result(0).cube)
    before = {p: p.read_bytes() for p in cube.cube.rglob("*") if p.is_file()}
    (cube.cube / "value" / "zarr.json").write_text("{}")
    install_template(cube, template)
    assert {p: p.read_bytes() for p in cube.cube.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("variables", [("other",), ("../value",)])
def test_unknown_variables_are_refused(template: CubeTemplate, variables: tuple[str, ...]) -> None:
    with pytest.raises(StoreError, match="cube variable"):
        replace(template, variables=variables)
