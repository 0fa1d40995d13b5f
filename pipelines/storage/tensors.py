"""Named arrays as safetensors bytes: open format, no code in it, same arrays same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from xva.blocks.plan import Arrays
from xva.errors import StoreError

_KINDS = "biuf"


def encode_arrays(arrays: Mapping[str, NDArray[Any]], what: str) -> bytes:
    """Encode arrays as safetensors.

    Raises
    ------
    StoreError
        An array is not bool, integer or float (dates and strings belong into the JSON part).
    """
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
            got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise StoreError(
                f"{what}: array {name!r}: expected a numpy array of bool, int or float, got {got}"
            )
    # safetensors reads the raw buffer: a strided or Fortran-ordered array would be stored scrambled
    plain = {n: np.asarray(a, dtype=a.dtype.newbyteorder("<"), order="C") for n, a in arrays.items()}
    data: bytes = save(plain)
    return data


def decode_arrays(data: bytes, what: str) -> Arrays:
    """Decode what `encode_arrays` wrote, by name: safetensors gives another order each time. Raises StoreError."""
    try:
        return dict(sorted(load(data).items()))
    except SafetensorError as error:
        raise StoreError(f"{what}: expected safetensors, got a torn or damaged file ({error})") from error


def require_finite(arrays: Mapping[str, NDArray[Any]], what: str) -> None:
    """Raise StoreError naming the first array that holds a NaN or an infinity, and where."""
    for name, array in arrays.items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise StoreError(
                f"{what}: {name!r}: expected finite numbers, got {array[tuple(bad[0])]} at index "
                f"{tuple(int(i) for i in bad[0])} and {len(bad) - 1} more"
            )
