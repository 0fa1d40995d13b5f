"""Where a function has to be known: PyChebyshev's grids, and its values there, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pychebyshev import ChebyshevApproximation
from torch import Tensor

from surrogates.chebyshev.box import Box
from xva.errors import DomainError

Points = NDArray[np.float64]
Function = Callable[[Points], Points]
"""Values ``(point,)`` at points ``(point, axis)``, float64, a row depending on its own point only."""


def grid(box: Box, counts: Sequence[int]) -> Points:
    """All nodes ``(point, axis)`` of a dense tensor, ascending, the last axis running fastest.

    Raises
    ------
    DomainError
        Not one count per axis, or one below 2.
    """
    if len(counts) != len(box) or any(not isinstance(n, int) or n < 2 for n in counts):
        raise DomainError(
            f"counts: expected a whole number >= 2 for each of {list(box.names)}, got {list(counts)}"
        )
    bounds = [(axis.lower, axis.upper) for axis in box.axes]
    points: Points = ChebyshevApproximation.nodes(len(box), bounds, list(counts))["full_grid"]
    return points


def values_at(function: Function, box: Box, points: Points) -> Tensor:
    """Values ``(point,)`` of the function, float64.

    Raises
    ------
    DomainError
        Another shape, or a value that is not finite, naming the first such node.
    """
    values = np.asarray(function(points), dtype=np.float64)
    if values.shape != (len(points),):
        raise DomainError(f"function: expected values of shape ({len(points)},), got {values.shape}")
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        node = {name: float(x) for name, x in zip(box.names, points[bad[0]])}
        raise DomainError(
            f"function: expected finite values, got {values[bad[0]]} at {node} and {len(bad) - 1} more nodes",
            box.names,
        )
    return torch.from_numpy(values.copy())
