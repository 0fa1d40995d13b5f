"""Linear least squares from sums over samples, its solution differentiable in them as often as wanted.

Blocks of samples add up ``gram = sum w phi phi'`` and ``moment = sum w phi y``; the coefficients solve
``(gram + ridge diag(gram)) beta = moment``. The ridge is relative to each column's own size, so that rescaling a basis
function changes nothing, and columns that depend on each other get small coefficients instead of large opposite ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from xva.errors import DomainError

RIDGE = 1e-9


def moments(basis: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """What one block of samples adds to a regression, ``(basis, basis + 1)``: the Gram matrix beside the moment vector.

    Parameters
    ----------
    basis : Tensor
        ``(basis, sample)``.
    target, weight : Tensor
        ``(sample,)``; weights are 1 if omitted.
    """
    weighted = basis if weight is None else basis * weight
    return weighted @ torch.cat([basis, target[None]]).T


def orthonormal(sums: Tensor, tolerance: float = 1e-4) -> Tensor:
    """Matrix ``(basis, basis)`` that takes basis functions to orthonormal ones, in order; a constant, without a graph.

    A function of which the ones before it leave a share of less than ``tolerance`` unexplained becomes zero. With the matrix
    of a base run, normal equations are well conditioned there and near it, whatever the functions.

    Parameters
    ----------
    sums : Tensor
        ``(basis, basis + 1)`` of `moments`.
    """
    gram = sums[:, :-1].detach()
    size = torch.diagonal(gram)
    scale = torch.rsqrt(torch.where(size > 0.0, size, torch.ones_like(size)))
    scaled = scale[:, None] * gram * scale
    rest, kept = scaled.clone(), []  # what the functions kept so far leave
    for k in range(len(size)):
        if float(rest[k, k]) > tolerance:
            kept.append(k)
            rest = rest - torch.outer(rest[:, k], rest[k]) / rest[k, k]
    found = torch.zeros_like(gram)
    rows = torch.tensor(kept, dtype=torch.long)
    factor = torch.linalg.cholesky(scaled[rows[:, None], rows])
    unit = torch.diag(scale[rows])
    found[rows[:, None], rows] = torch.linalg.solve_triangular(factor, unit, upper=False)
    return found


def solve_moments(sums: Tensor, ridge: float = RIDGE) -> Tensor:
    """Coefficients ``(..., basis)`` from sums ``(..., basis, basis + 1)`` of `moments`.

    The graph is torch's own, so derivatives of any order are those of the ridge problem, exactly. A basis function that is
    zero on all samples gets the coefficient 0.

    Raises
    ------
    DomainError
        Sums that are not finite, or no ridge where the basis functions depend on each other.
    """
    gram, moment = sums[..., :-1], sums[..., -1]
    size = torch.diagonal(gram, dim1=-2, dim2=-1)
    empty = size == 0.0
    matrix = gram + torch.diag_embed(torch.where(empty, torch.ones_like(size), ridge * size))
    scale = torch.rsqrt(torch.where(empty, torch.ones_like(size), size)).detach()
    scaled = scale[..., :, None] * matrix * scale[..., None, :]  # same solution, better conditioned
    solution, failed = torch.linalg.solve_ex(scaled, scale * moment)
    if bool((failed != 0).any()) or not bool(torch.isfinite(solution.detach()).all()):
        raise DomainError(
            "regression: expected finite samples and basis functions that do not depend on each other, got a singular or "
            "infinite system; drop a feature, lower the degree, or take a larger ridge"
        )
    coefficients: Tensor = scale * solution
    return coefficients


def pull_moments(sums: Tensor, coefficients: Tensor, cotangent: Tensor, ridge: float = RIDGE) -> Tensor:
    """Adjoint of `solve_moments`: cotangents of the sums ``(batch, basis, basis + 1)`` from those of the coefficients.

    One solve for the whole batch: with ``lambda = matrix^-1 cotangent`` the moment vector has the cotangent ``lambda`` and
    the matrix ``-lambda beta'``.

    Parameters
    ----------
    sums : Tensor
        ``(basis, basis + 1)``, as given to `solve_moments`.
    coefficients : Tensor
        ``(basis,)``, what it returned.
    cotangent : Tensor
        ``(batch, basis)``.
    """
    gram = sums[:, :-1]
    size = torch.diagonal(gram)
    empty = size == 0.0
    matrix = gram + torch.diag(torch.where(empty, torch.ones_like(size), ridge * size))
    scale = torch.rsqrt(torch.where(empty, torch.ones_like(size), size))
    scaled = scale[:, None] * matrix * scale
    solved = scale * torch.linalg.solve(scaled.T, (scale * cotangent).T).T
    outer = -solved[:, :, None] * coefficients
    on_diagonal = torch.where(empty, torch.zeros_like(size), ridge * torch.diagonal(outer, dim1=1, dim2=2))
    return torch.cat([outer + torch.diag_embed(on_diagonal), solved[:, :, None]], dim=2)
