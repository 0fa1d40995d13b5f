"""What people read: the cube, the results, and the blocks' sums in block order."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload
from uuid import uuid4

import numpy as np
import xarray as xr

from pipelines.storage.checked_store import CommittedCube
from pipelines.storage.durable import Digest, digest_tree, fsync_files
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import read_manifest
from pipelines.storage.markers import Marker, read_sums
from surrogates.durable import canonical_json
from xva.blocks.plan import Arrays
from xva.errors import StoreError

_VARIABLE = {"dtype": object}


class StoredSums(Sequence[Arrays]):
    """Partial sums of all blocks, in block order, each read from disk and checked when it is asked for.

    Parameters
    ----------
    layout : RunLayout
    markers : mapping
        One marker per block, 0 to n - 1.
    """

    def __init__(self, layout: RunLayout, markers: Mapping[int, Marker]) -> None:
        if sorted(markers) != list(range(len(markers))):
            raise StoreError(
                f"sums: expected markers of blocks 0 to {len(markers) - 1}, got {sorted(markers)}"
            )
        self._layout = layout
        self._markers = dict(markers)

    def __len__(self) -> int:
        return len(self._markers)

    @overload
    def __getitem__(self, index: int) -> Arrays: ...
    @overload
    def __getitem__(self, index: slice) -> list[Arrays]: ...
    def __getitem__(self, index: int | slice) -> Arrays | list[Arrays]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        block = index + len(self) if index < 0 else index
        if not 0 <= block < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        return read_sums(self._layout, self._markers[block])


def write_results(layout: RunLayout, dataset: xr.Dataset) -> dict[str, Digest]:
    """Write ``xva.zarr``, whole or not at all; returns the digests of its files.

    Raises
    ------
    StoreError
        Attributes that are not clean JSON, or a MultiIndex.
    """
    _require_open(dataset)
    aside = layout.root / f".{layout.results.name}.{uuid4().hex}"
    try:
        _plain_strings(dataset).to_zarr(aside, mode="w-", zarr_format=3, consolidated=False)
        shutil.rmtree(layout.results, ignore_errors=True)
        aside.replace(layout.results)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    digests = digest_tree(layout.results, layout.root)
    fsync_files((layout.root / name for name in digests), layout.root)
    return digests


def _require_open(dataset: xr.Dataset) -> None:
    attributes = {"dataset": dataset.attrs} | {str(n): v.attrs for n, v in dataset.variables.items()}
    for name, attrs in attributes.items():
        try:
            canonical_json(dict(attrs))
        except StoreError as error:
            raise StoreError(f"results: attributes of {name}: {error.message}") from error
    for name, index in dataset.xindexes.items():
        if isinstance(index, xr.indexes.PandasMultiIndex):
            raise StoreError(
                f"results: {name}: expected a plain index, got a MultiIndex, which Zarr cannot hold"
            )


def _plain_strings(dataset: xr.Dataset) -> xr.Dataset:
    """Fixed-length strings have no Zarr v3 specification; variable-length ones do."""
    fixed = {n: v for n, v in dataset.variables.items() if v.dtype.kind == "U"}
    plain = {n: (v.dims, v.values.astype(object), v.attrs) for n, v in fixed.items()}
    coordinates = {n: v for n, v in plain.items() if n in dataset.coords}
    return dataset.assign({n: v for n, v in plain.items() if n not in coordinates}).assign_coords(coordinates)


def plottable(dataset: xr.Dataset) -> xr.Dataset:
    """The same with text labels of fixed length: xarray plots by these, and refuses labels of numpy's variable-length kind.

    They are saved with variable length, as they were: Zarr has no specification of the others.
    """
    text = {n: c for n, c in dataset.coords.items() if c.dtype.kind in "OTU"}
    fixed = {
        n: (
            c.dims,
            np.array([str(t) for t in c.values.flat], dtype=np.str_).reshape(c.shape),
            c.attrs,
            _VARIABLE,
        )
        for n, c in text.items()
    }
    return dataset.assign_coords(fixed)


def open_cube(root: Path | str, **options: Any) -> xr.Dataset:
    """Open a run's cube lazily: dims ``path, time, netting_set``; NaN in blocks not yet committed.

    ``options`` go to `xarray.open_zarr` (``chunks={}`` for dask arrays; none by default). How the store is cut into shards
    and chunks is forgotten: xarray would impose it on any selection that is saved, where it does not fit. Of a run, values of
    a committed block that were lost or changed are refused as they are read (StoreError).
    """
    layout = RunLayout(Path(root))
    store: Path | CommittedCube = layout.cube
    if layout.run_json.exists() and layout.cube.is_dir():
        manifest = read_manifest(layout)
        store = CommittedCube.of(layout, manifest.run_id, manifest.variables)
    cube = _open(layout.cube, store, options)
    for variable in cube.variables.values():
        for key in ("shards", "chunks"):
            variable.encoding.pop(key, None)
    return cube


def open_results(root: Path | str, **options: Any) -> xr.Dataset:
    """Open a complete run's ``xva.zarr`` lazily; options as in `open_cube`."""
    path = RunLayout(Path(root)).results
    return _open(path, path, options)


def _open(path: Path, store: Path | CommittedCube, options: Mapping[str, Any]) -> xr.Dataset:
    if not path.is_dir():
        raise StoreError(f"{path}: expected a Zarr store, got none: the run has not come that far")
    dataset: xr.Dataset = xr.open_zarr(store, consolidated=False, **{"chunks": None, **options})
    return plottable(dataset)
