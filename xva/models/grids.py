"""Grids for models that step by a scheme."""

from __future__ import annotations

import numpy as np

from xva.dates import SAME_TIME
from xva.numerics.types import Floats


def refined(times: Floats, longest: float) -> Floats:
    """A grid with knots between ``times`` ``(time,)`` so that no step is longer than ``longest`` years."""
    pieces = np.maximum(np.ceil(np.diff(times) / longest - SAME_TIME), 1.0).astype(int)
    inner = [np.linspace(a, b, n + 1)[:-1] for a, b, n in zip(times[:-1], times[1:], pieces, strict=True)]
    return np.concatenate([*inner, times[-1:]])
