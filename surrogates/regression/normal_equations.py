"""Penalised least squares from Gram matrices, the penalty chosen by cross-validation without refitting a sample."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PENALTIES = tuple(10.0 ** (k / 2.0) for k in range(-20, 1))


class NormalEquations(NamedTuple):
    """``(fold, term, term)`` Gram matrices and ``(fold, term)`` products with the labels, sums over each fold's samples."""

    gram: Tensor
    moment: Tensor
    samples: int


class Penalised(NamedTuple):
    """``(term,)`` coefficients, the penalty that was best, and its error on the folds left out.

    The error is a mean over samples from which the labels' own mean square, the same for every fit, is left out.
    """

    coefficients: Tensor
    penalty: float
    error: float


def solve_penalised(equations: NormalEquations) -> Penalised:
    """Coefficients ``b`` that minimise ``b'Gb/n - 2 r'b/n + penalty |b|^2``, over all folds.

    The penalty is the one of `PENALTIES` whose fits to the other folds predict each fold best. That error is a quadratic
    form in the fold's own Gram matrix, and one eigendecomposition serves every penalty: the choice costs one
    decomposition a fold.
    """
    gram, moment, samples = equations
    penalties = gram.new_tensor(PENALTIES)
    whole, right = gram.sum(0), moment.sum(0)
    error = torch.zeros_like(penalties)
    folds = len(gram)
    for g, r in zip(gram, moment):
        path = _path(whole - g, right - r, penalties * samples * (folds - 1) / folds)
        error += (path * (g @ path)).sum(0) - 2.0 * (r @ path)
    best = int(error.argmin())
    coefficients = _path(whole, right, penalties[best : best + 1] * samples)[:, 0]
    return Penalised(coefficients, PENALTIES[best], float(error[best]) / samples)


def _path(gram: Tensor, moment: Tensor, penalties: Tensor) -> Tensor:
    """``(term, penalty)`` solutions."""
    energy, axes = torch.linalg.eigh(gram)
    path: Tensor = axes @ ((axes.T @ moment)[:, None] / (energy.clamp_min(0.0)[:, None] + penalties))
    return path
