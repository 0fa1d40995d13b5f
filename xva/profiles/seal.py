"""A seal on stored values: the last bit of every float32 is a hash of its other bits.

Labels do not say whether values are still those that were stored: xarray carries attributes through arithmetic, so that
``cube * numeraire`` claims to be deflated as ``cube`` does. Bits do. A sealed value stays sealed through selections, copies,
chunks, concatenations and files, and half of all values that are computed anew have the wrong last bit, or bits that
float32 has no room for. It costs less than 2^-23 of a value. This is against mistakes, not against forgers.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SEAL: Final = "seal"
"""Name of the attribute of a sealed cube."""
LAST_BIT: Final = "last bit of float32"
"""Its value; a Dataset without it, or with another, is not sealed."""
_MIX: Final = np.uint32(0x9E3779B1)  # Knuth's multiplicative hash: 2^32 over the golden ratio, odd


def sealed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same float32 values, each with its last bit as the seal wants it; order and zeros are kept, NaN stays NaN."""
    bits = (values + np.float32(0.0)).view(np.uint32)  # -0 becomes 0
    return (bits & ~np.uint32(1) | _hash(bits)).view(np.float32)


def is_sealed(values: NDArray[Any]) -> bool:
    """Whether all values that are not NaN have the seal; float64 too, if float32 holds them exactly."""
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, dtype=np.float32)
    bits = single.view(np.uint32)
    kept = (single == values) & ((bits & np.uint32(1)) == _hash(bits))
    return bool((kept | np.isnan(values)).all())


def _hash(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return ((bits >> np.uint32(1)) * _MIX) >> np.uint32(31)
