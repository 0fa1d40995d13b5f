"""Basis functions of a regression: products of Hermite polynomials up to a total degree."""

from __future__ import annotations

from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import DomainError

Exponents = NDArray[np.int64]
LARGEST = 1_000


def total_degree(n_features: int, degree: int) -> Exponents:
    """``(basis, feature)`` degrees of all products of total degree ``degree`` at most, the constant first.

    Raises
    ------
    DomainError
        More than `LARGEST` of them.
    """
    count = comb(n_features + degree, degree)
    if count > LARGEST:
        raise DomainError(
            f"regression basis: expected at most {LARGEST} functions, got {count} of degree {degree} in {n_features} "
            f"features; lower the degree"
        )
    rows = [np.zeros(n_features, dtype=np.int64)]
    rows += [row for row in _rows(n_features, degree) if row.any()]
    return np.array(rows, dtype=np.int64).reshape(count, n_features)


def fitting_degree(n_features: int, degree: int, terms: int) -> int:
    """``degree``, lowered until there are ``terms`` products at most; 1 at least."""
    while degree > 1 and comb(n_features + degree, degree) > terms:
        degree -= 1
    return degree


def _rows(n_features: int, degree: int) -> list[Exponents]:
    if n_features == 0:
        return []
    if n_features == 1:
        return [np.array([k]) for k in range(degree + 1)]
    found = []
    for first in range(degree + 1):
        found += [np.concatenate([[first], rest]) for rest in _rows(n_features - 1, degree - first)]
    return sorted(found, key=lambda row: (int(row.sum()), *(-row).tolist()))


def evaluate(exponents: Exponents, standardised: Tensor) -> Tensor:
    """``(basis, path)`` at features ``(feature, path)`` of mean 0 and variance 1.

    Probabilists' Hermite polynomials: nearly orthogonal where the features are nearly Gaussian.
    """
    if exponents.shape[1] == 0:
        return torch.ones(1, standardised.shape[-1], dtype=torch.float64)
    powers = [torch.ones_like(standardised), standardised]
    for k in range(1, int(exponents.max())):
        powers.append(standardised * powers[k] - k * powers[k - 1])
    table = torch.stack(powers)
    found: Tensor | None = None
    for feature, column in enumerate(exponents.T):
        chosen = table[:, feature].index_select(0, torch.from_numpy(column))
        found = chosen if found is None else found * chosen
    assert found is not None
    return found
