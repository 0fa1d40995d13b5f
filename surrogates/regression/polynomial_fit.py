"""Differential polynomial regression: values and derivatives in one linear system of the values' own products.

The derivative of a polynomial is one of lower degree in the same basis: with normalised Hermite polynomials
``d he_k = sqrt(k) he_{k-1}``, so the products of all derivatives are entries of the values' Gram matrix, moved and scaled,
and derivatives add a single product with their labels to the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor

from surrogates.regression.loss import gradient_weights, require_strength
from surrogates.regression.normal_equations import NormalEquations, solve_penalised
from surrogates.regression.samples import Samples
from surrogates.regression.scaling import Scaled, ScaledSurrogate, Scaling
from surrogates.regression.surrogate import Surrogate
from surrogates.regression.training import ClosedForm
from xva.errors import DomainError

_CELLS = 1 << 21


class _Basis(NamedTuple):
    """``lower[j, a]`` is the term with one power of input j less and ``root[j, a]`` the root of that power, or 0."""

    lower: Tensor
    root: Tensor


@final
@dataclass(frozen=True, eq=False)
class PolynomialSurrogate(ScaledSurrogate):
    """A polynomial of the scaled state.

    Parameters
    ----------
    feature_names : tuple of str
    scaling : Scaling
    powers : Tensor
        ``(term, reduced)`` int64 degrees of normalised Hermite polynomials, as `_powers` orders them.
    coefficients : Tensor
        ``(term,)``.
    """

    kind: ClassVar[str] = "polynomial"

    feature_names: tuple[str, ...]
    scaling: Scaling
    powers: Tensor
    coefficients: Tensor

    def _scaled(self, inputs: Tensor) -> Tensor:
        return self.coefficients @ _terms(inputs, self.powers)

    def _scaled_with_gradient(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = self._with_slopes @ _terms(inputs, self.powers)
        return found[0], found[1:].T

    @cached_property
    def _with_slopes(self) -> Tensor:
        """``(1 + reduced, term)`` coefficients of the polynomial and of its derivatives."""
        lower, root = _basis(self.powers)
        slopes = self.coefficients.new_zeros(lower.shape)
        slopes.scatter_add_(1, lower, self.coefficients * root.to(self.coefficients.dtype))
        return torch.cat([self.coefficients[None], slopes])


def constant(names: tuple[str, ...], scaling: Scaling) -> PolynomialSurrogate:
    """What is left where no feature moves the value: its mean, exactly 0 for labels of 0, and today's slopes."""
    empty = scaling.offset.new_zeros(1)
    return PolynomialSurrogate(
        names, scaling, torch.zeros(1, 0, dtype=torch.int64, device=empty.device), empty
    )


@final
@dataclass(frozen=True)
class PolynomialRegression(ClosedForm):
    """Fits `PolynomialSurrogate`.

    Parameters
    ----------
    degree : int
        Total degree; less where that is more than ``terms`` terms.
    terms : int
        Largest number of terms.
    gradient_weight : float
        0 fits values alone.
    dropped : float
        Share of the mean squared gradient that differential PCA may drop.
    folds : int
        Of the cross-validation of the penalty.
    seed : int
        Of the folds.
    """

    degree: int = 4
    terms: int = 500
    gradient_weight: float = 1.0
    dropped: float = 1e-6
    folds: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        require_strength(self.gradient_weight)
        if self.degree < 1 or self.terms < 1 or self.folds < 2:
            raise DomainError(
                f"polynomial: expected degree >= 1, terms >= 1 and folds >= 2, got {self} -> a constant is no regression"
            )

    def fit_one(self, samples: Samples) -> Surrogate:
        used = samples.at_weight(self.gradient_weight)
        scaling = Scaling.of(used, self.dropped)
        reduced = scaling.reduced
        if reduced == 0:
            return constant(samples.names, scaling)
        powers = _powers(reduced, self._fitting(reduced)).to(samples.values.device)
        found = solve_penalised(self._equations(scaling.scaled(used), powers))
        return PolynomialSurrogate(samples.names, scaling, powers, found.coefficients)

    def _fitting(self, reduced: int) -> int:
        """The highest degree with few enough terms; at least 1."""
        degree = self.degree
        while degree > 1 and math.comb(reduced + degree, degree) > self.terms:
            degree -= 1
        return degree

    def _equations(self, labels: Scaled, powers: Tensor) -> NormalEquations:
        known, size = labels.gradients.shape[1], len(powers)
        weights = gradient_weights(labels.gradients, self.gradient_weight)
        basis = _basis(powers)
        folds = min(self.folds, len(labels.values))
        gram, moment = labels.values.new_zeros(folds, size, size), labels.values.new_zeros(folds, size)
        draw = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(labels.values), generator=draw).to(powers.device)
        for fold, members in enumerate(order.tensor_split(folds)):
            products, right = torch.zeros_like(gram[0]), labels.values.new_zeros(size, 1 + known)
            for rows in torch.split(members, max(_CELLS // size, 1)):
                inputs, values, gradients = (part[rows] for part in labels)
                terms = _terms(inputs, powers)
                products += terms @ terms.T
                right += terms @ torch.cat([values[:, None], gradients], 1)
            gram[fold], moment[fold] = products, right[:, 0]
            for j in range(known):
                lower, root = basis.lower[j], basis.root[j].to(products.dtype)
                gram[fold] += weights[j] * root[:, None] * root * products[lower][:, lower]
                moment[fold] += weights[j] * root * right[lower, 1 + j]
        return NormalEquations(gram, moment, len(order))


def _powers(inputs: int, degree: int) -> Tensor:
    """``(term, inputs)`` of total degree up to ``degree``, constant first."""
    rows = [[0] * inputs]
    layer = rows
    for _ in range(degree):
        grown = []
        for row in layer:
            last = max((j for j, power in enumerate(row) if power), default=0)
            grown += [[*row[:j], row[j] + 1, *row[j + 1 :]] for j in range(last, inputs)]
        rows, layer = rows + grown, grown
    return torch.tensor(rows, dtype=torch.int64)


def _basis(powers: Tensor) -> _Basis:
    place = {tuple(row): number for number, row in enumerate(powers.tolist())}
    lower = torch.zeros(powers.shape[1], powers.shape[0], dtype=torch.int64)
    for row, number in place.items():
        for j, power in enumerate(row):
            if power:
                lower[j, number] = place[(*row[:j], power - 1, *row[j + 1 :])]
    return _Basis(lower.to(powers.device), powers.T.to(torch.float64).sqrt())


def _terms(inputs: Tensor, powers: Tensor) -> Tensor:
    """``(term, sample)`` products of one-dimensional polynomials, each term from one with an input fewer."""
    table = _hermite(inputs.T.contiguous(), int(powers.max()) if powers.numel() else 0)
    terms = inputs.new_ones(len(powers), len(inputs))
    for j in range(powers.shape[1]):
        has = powers[:, j].nonzero()[:, 0]
        terms[has] *= table[powers[has, j], j]
    return terms


def _hermite(inputs: Tensor, degree: int) -> Tensor:
    """``(degree + 1, reduced, sample)`` of ``he_k = He_k / sqrt(k!)``, orthonormal under the standard normal."""
    found = [torch.ones_like(inputs), inputs]
    for k in range(1, degree):
        found.append((inputs * found[k] - math.sqrt(k) * found[k - 1]) / math.sqrt(k + 1.0))
    return torch.stack(found[: degree + 1])
