"""One-dimensional Chebyshev interpolation: nodes, coefficients and basis, batched in torch.

Chebyshev points of the first kind; Trefethen, *Approximation Theory and Approximation Practice* (2013), ch. 2-4.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor


@cache
def nodes(count: int) -> Tensor:
    """The ``(count,)`` Chebyshev points of the first kind on [-1, 1]."""
    k = np.arange(count)
    return torch.from_numpy(np.cos(np.pi * (k + 0.5) / count))


@cache
def coefficient_matrix(count: int) -> Tensor:
    """``(count, count)`` matrix M with ``coefficients = M @ values at nodes(count)``."""
    j = np.arange(count)[:, None]
    k = np.arange(count)[None, :]
    matrix = 2.0 / count * np.cos(np.pi * j * (k + 0.5) / count)
    matrix[0] *= 0.5
    return torch.from_numpy(matrix)


@cache
def derivative_matrix(count: int) -> Tensor:
    """``(count, count)`` matrix D: ``D @ coefficients`` are those of the derivative on [-1, 1]."""
    matrix = np.zeros((count, count))
    for j in range(1, count):
        unit = np.zeros(count)
        unit[j] = 1.0
        matrix[: count - 1, j] = np.polynomial.chebyshev.chebder(unit)
    return torch.from_numpy(matrix)


def basis(point: Tensor, count: int) -> Tensor:
    """``T_0 … T_{count-1}`` at ``point`` ``(path,)`` in [-1, 1], as ``(count, path)``; differentiable."""
    terms = [torch.ones_like(point), point]
    twice = 2.0 * point
    for _ in range(2, count):
        terms.append(twice * terms[-1] - terms[-2])
    return torch.stack(terms[:count])
