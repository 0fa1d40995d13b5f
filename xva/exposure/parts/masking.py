"""Values times the mask of their unit, and sums of such over paths; ``mask`` is ``(unit, path)`` or None for ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.numerics import chebyshev


def unit_mask(mask: Tensor | None, unit: int | np.int64) -> Tensor | float:
    """A unit's ``(path,)``."""
    return 1.0 if mask is None else mask[int(unit)]


def row_mask(value: Tensor, unit: NDArray[np.int64] | Tensor, mask: Tensor | None) -> Tensor:
    """``value`` ``(row, path)`` times its unit's mask."""
    if mask is None:
        return value
    return value * (mask if mask.shape[0] == 1 else mask[torch.as_tensor(unit, device=mask.device)])


def row_sums(value: Tensor, unit: NDArray[np.int64], mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over paths of ``mask value`` ``(2, row)`` and of ``mask value state`` ``(2, row, state)``, and without mask.

    With one unit the mask goes to the states, so that no (row, path) array is made.
    """
    n = state.shape[0]
    one = torch.cat([state, torch.ones_like(state[:1])])
    if len(mask) == 1:
        both = (value @ torch.cat([one * mask, one]).T).reshape(-1, 2, n + 1).transpose(0, 1)
    else:
        both = torch.stack([row_mask(value, unit, mask) @ one.T, value @ one.T])
    return both[..., n], both[..., :n]


def slopes(degree: int, like: Tensor) -> Tensor:
    """Matrix of a Chebyshev series' derivative, ``(degree, degree)``."""
    return chebyshev.derivative_matrix(degree).to(like)
