"""The exposure cube in Zarr v3: one block of paths is one whole shard is one file, written once.

Shard ``(block, all dates, netting sets)``, inner chunk ``(block, 10 dates, netting sets)``, float32, zstd
with a checksum in every chunk, NaN where nothing was written yet (zarr's own default, 0, would read as "no
exposure"). Values are sealed (`xva.profiles.seal`), so that profiles are refused of values that were changed since.
A scale factor of 1 makes xarray read them as float64: a plain mean over 100,000 paths in float32 is off by 1e-5.
Coordinates along time have the chunks of the values, as dask wants it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from pipelines.storage.durable import Digest, digest_tree, fsync_files
from pipelines.storage.layout import RunLayout, safe_name
from pipelines.storage.tensors import require_finite
from surrogates.durable import canonical_json
from xva.blocks import CubeSchema
from xva.blocks.plan import Arrays
from xva.errors import StoreError
from xva.profiles.seal import LAST_BIT, SEAL, sealed

DATES_PER_CHUNK = 10
DIMS = ("path", "time", "netting_set")

_COORDINATES = "year_fraction counterparty"
_NETTED = "netted"


@dataclass(frozen=True)
class CubeTemplate:
    """Shape and labels of a cube before any block is written.

    ``variables`` may be fewer than the schema's (none: nothing but sums is kept). ``job`` and ``seed`` become
    attributes beside the schema's ``units`` and ``deflated``.
    """

    schema: CubeSchema
    n_blocks: int
    block_size: int
    variables: tuple[str, ...]
    job: str
    seed: int

    def __post_init__(self) -> None:
        sizes = (self.n_blocks, self.block_size, len(self.schema.dates), len(self.schema.netting_sets))
        if min(sizes) < 1:
            raise StoreError(
                f"cube of job {self.job}: expected at least 1 block, path, date and netting set, got {sizes}"
            )
        for variable in self.variables:
            safe_name(variable, "cube variable")
            if variable not in self.schema.variables:
                raise StoreError(f"cube variable {variable!r}: expected one of {self.schema.variables}")
        labels = {*DIMS, *self.coordinates.split()}
        if clash := labels.intersection(self.variables):
            raise StoreError(f"cube variables {sorted(clash)} have the name of a coordinate")

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(path, time, netting_set)``."""
        return self.n_blocks * self.block_size, len(self.schema.dates), len(self.schema.netting_sets)

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Inner chunk."""
        return self.block_size, min(DATES_PER_CHUNK, self.shape[1]), self.shape[2]

    @property
    def shards(self) -> tuple[int, int, int]:
        """Shard; its time length is rounded up to whole inner chunks."""
        dates = self.chunks[1]
        return self.block_size, -(-self.shape[1] // dates) * dates, self.shape[2]

    @property
    def coordinates(self) -> str:
        """Names of the coordinates that are no dims."""
        return f"{_COORDINATES} {_NETTED}" if self.schema.netted else _COORDINATES

    @property
    def attributes(self) -> dict[str, Any]:
        """JSON-clean attributes of the cube."""
        attributes = {
            "units": self.schema.units,
            "deflated": bool(self.schema.deflated),
            **({"measure": self.schema.measure} if self.schema.measure else {}),
            SEAL: LAST_BIT,
            "seed": int(self.seed),
            "job": self.job,
        }
        canonical_json(attributes)
        return attributes


def install_template(layout: RunLayout, template: CubeTemplate) -> dict[str, Digest]:
    """Write the cube's metadata and coordinates, leaving shards alone; returns the digests of those files.

    The files appear one by one, each whole: the template is laid aside first and moved into place.
    """
    aside = layout.root / f".{layout.cube.name}.{uuid4().hex}"
    try:
        _write_template(aside, template)
        digests = digest_tree(aside, aside)
        for name in digests:
            target = layout.cube / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (aside / name).replace(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    fsync_files((layout.cube / name for name in digests), layout.root)
    return {f"{layout.cube.name}/{name}": digest for name, digest in digests.items()}


def _write_template(root: Path, template: CubeTemplate) -> None:
    group = zarr.open_group(root, mode="w-", zarr_format=3)
    group.attrs.update({**template.attributes, "coordinates": template.coordinates})
    for variable in template.variables:
        group.create_array(
            variable,
            shape=template.shape,
            dtype="float32",
            shards=template.shards,
            chunks=template.chunks,
            fill_value=float("nan"),
            compressors=ZstdCodec(level=1, checksum=True),
            dimension_names=DIMS,
            attributes={
                "units": template.schema.units,
                "coordinates": template.coordinates,
                "scale_factor": 1.0,
            },
        )
    _write_coordinates(group, template)


def _write_coordinates(group: zarr.Group, template: CubeTemplate) -> None:
    schema = template.schema
    chunks = dict(zip(DIMS, template.chunks))
    days = schema.dates.astype("datetime64[D]").astype(np.int64)
    calendar = {"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}
    columns: tuple[tuple[str, str, Any, NDArray[Any], dict[str, str]], ...] = (
        ("time", "time", "int64", days, calendar),
        ("year_fraction", "time", "float64", schema.year_fractions, {"units": "years, Actual/365 (Fixed)"}),
        ("netting_set", "netting_set", str, np.array(schema.netting_sets, dtype=object), {}),
        ("counterparty", "netting_set", str, np.array(schema.counterparties, dtype=object), {}),
    )
    if schema.netted:
        columns += ((_NETTED, "netting_set", "bool", np.array(schema.netted), {}),)
    for name, dim, dtype, values, attributes in columns:
        array = group.create_array(
            name,
            shape=values.shape,
            chunks=(chunks[dim],),
            dtype=dtype,
            dimension_names=(dim,),
            attributes=dict(attributes),
        )
        array[:] = values


def write_block(layout: RunLayout, variables: tuple[str, ...], block: int, cube: Arrays) -> None:
    """Write, flush and read back one block of every variable.

    Parameters
    ----------
    cube : dict
        ``cube[variable]`` is ``(path in block, time, netting_set)`` float64; cast to float32 and sealed here.

    Raises
    ------
    StoreError
        A variable is missing, has another shape, is not finite (also after the cast), or what comes back from
        the store is not what went in.
    """
    for variable in variables:
        if variable not in cube:
            raise StoreError(f"block {block}: expected cube variable {variable!r}, got {sorted(cube)}")
        with np.errstate(over="ignore"):
            values = sealed(cube[variable].astype(np.float32))
        require_finite({variable: values}, f"block {block}, cube as float32")
        array = zarr.open_array(layout.cube / variable, mode="r+", zarr_format=3)
        # a shard reaches beyond the last date, so zarr would read and merge with a torn one that lies there
        layout.shard(variable, block).unlink(missing_ok=True)
        start = block * (array.shards or array.chunks)[0]
        write_region(array, start, values)
        fsync_files([layout.shard(variable, block)], layout.cube)
        stored = np.asarray(array[start : start + len(values)])
        if stored.tobytes() != values.tobytes():
            raise StoreError(f"{layout.shard(variable, block)}: what was read back is not what was written")


def write_region(array: zarr.Array[Any], start: int, values: NDArray[np.float32]) -> None:
    """Write ``values`` at path ``start``, if that is exactly one whole shard.

    Two writers that share a shard lose rows, silently; hence a region is one shard or refused (StoreError).
    """
    block_size = (array.shards or array.chunks)[0]
    expected = (block_size, *array.shape[1:])
    if start % block_size or not 0 <= start < array.shape[0] or values.shape != expected:
        raise StoreError(
            f"cube variable {array.basename}: expected one whole shard, {expected} at a multiple of "
            f"{block_size} below {array.shape[0]}, got {values.shape} at path {start}"
        )
    array[start : start + block_size] = values
