"""Dense coefficients to tensor trains and trains to smaller ones, to a stated tolerance.

The tolerance is relative, in the Frobenius norm of the coefficients: with at most δ of it dropped at each of
the d − 1 bonds, the whole is off by at most δ √(d − 1). Polynomials being at most 1 in size, a value is off by
at most the norm dropped times the root of the number of coefficients, in practice by about the norm itself.

Oseledets, Tensor-train decomposition, SIAM J. Sci. Comput. 33 (2011), algorithms 1 and 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from xva.errors import DomainError


def cores_of(coefficients: Tensor, tolerance: float) -> tuple[Tensor, ...]:
    """Tensor train of a dense tensor by successive singular value decompositions."""
    share = _share(tolerance, coefficients.ndim) * float(torch.linalg.vector_norm(coefficients))
    cores = []
    rest, rank = coefficients, 1
    for count in coefficients.shape[:-1]:
        left, right = _split(rest.reshape(rank * count, -1), share)
        cores.append(left.reshape(rank, count, -1))
        rest, rank = right, left.shape[1]
    cores.append(rest.reshape(rank, coefficients.shape[-1], 1))
    return tuple(cores)


def round_cores(cores: Sequence[Tensor], tolerance: float) -> tuple[Tensor, ...]:
    """The same train with the smallest ranks that the tolerance allows."""
    found = list(cores)
    for k in range(len(found) - 1, 0, -1):  # orthogonal from the right: the norm then sits in the first core
        rank, count, right = found[k].shape
        q, r = torch.linalg.qr(found[k].reshape(rank, count * right).T)
        found[k] = q.T.reshape(-1, count, right)
        found[k - 1] = torch.tensordot(found[k - 1], r.T, dims=1)
    share = _share(tolerance, len(found)) * float(torch.linalg.vector_norm(found[0]))
    for k in range(len(found) - 1):
        rank, count, right = found[k].shape
        left, carried = _split(found[k].reshape(rank * count, right), share)
        found[k] = left.reshape(rank, count, -1)
        found[k + 1] = torch.tensordot(carried, found[k + 1], dims=1)
    return tuple(found)


def _share(tolerance: float, dimensions: int) -> float:
    if not 0.0 <= tolerance < 1.0:
        raise DomainError(f"tolerance: expected a relative error in [0, 1), got {tolerance}")
    return tolerance / math.sqrt(max(dimensions - 1, 1))


def _split(matrix: Tensor, dropped: float) -> tuple[Tensor, Tensor]:
    """``matrix`` as a product, off by at most ``dropped`` in Frobenius norm, of the smallest inner size."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    tails = s.flip(0).square().cumsum(0).sqrt().flip(0)
    rank = max(1, int((tails > dropped).sum()))
    return u[:, :rank], s[:rank, None] * v[:rank]
