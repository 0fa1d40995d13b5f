"""What a fit minimises: squared errors of values and, weighted, of derivatives."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from surrogates.regression.scaling import Scaled
from xva.errors import DomainError

CAP = 10.0


def gradient_weights(gradients: Tensor, strength: float = 1.0, cap: float = CAP) -> Tensor:
    """``(labelled,)`` weights ``lambda_j = strength / E[gradient_j^2]``, none above ``cap`` times the smallest.

    Without the cap (Huge & Savine 2020) a derivative that dies out as trades mature gets a weight without bound, and
    a network NaN.
    """
    energy = gradients.square().mean(0)
    if energy.numel() == 0:
        return energy
    return strength / torch.maximum(energy, energy.max() / cap)


@final
class DifferentialLoss:
    """``(E[(v - v^)^2] + sum_j lambda_j E[(g_j - g^_j)^2]) / (1 + strength * labelled)``, for each date of a stack.

    Parameters
    ----------
    weights : Tensor
        ``(date, labelled)`` from `gradient_weights`, 0 where a date has fewer directions.
    """

    def __init__(self, weights: Tensor) -> None:
        self._weights = weights[:, None, :]
        self._size = 1.0 + (weights > 0.0).sum(1).to(weights.dtype)

    def __call__(self, values: Tensor, gradients: Tensor, label: Tensor, label_gradients: Tensor) -> Tensor:
        """``(date,)`` of ``(date, sample)`` values and ``(date, sample, labelled)`` gradients, and their labels."""
        error = (values - label).square()
        error = error + (self._weights * (gradients - label_gradients).square()).sum(-1)
        return error.mean(1) / self._size


def scores(labels: Scaled, values: Tensor, gradients: Tensor, weights: Tensor) -> tuple[float, float]:
    """Mean squared errors against labels: of values, and of gradients weighted and averaged over their columns.

    Both are in units of the labels' own mean square, so 1 is what a constant scores; the labels' noise, the same for
    every fit, is in them.
    """
    value = float((values - labels.values).square().mean())
    if labels.gradients.shape[1] == 0:
        return value, 0.0
    error = (gradients[:, : labels.gradients.shape[1]] - labels.gradients).square().mean(0)
    return value, float((weights * error).mean())


def require_strength(strength: float) -> float:
    """A weight of the derivatives, checked."""
    if not 0.0 <= strength < math.inf:
        raise DomainError(f"gradient_weight: expected a number >= 0, got {strength}")
    return strength
