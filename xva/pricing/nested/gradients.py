"""Derivatives of nested values to the outer state: pathwise, or by the likelihood ratio of the first step."""

from __future__ import annotations

from torch import Tensor

from xva.errors import DomainError
from xva.models import PathModel
from xva.numerics.types import Floats
from xva.pricing.estimators import gaussian_steps


def first_step_score(model: PathModel, knots: Floats, normals: Tensor) -> Tensor:
    """``(state, path)`` derivative of the log density of the first step's end to its start.

    Where a step is ``x + c + L z`` the weight of a path is ``L^-T z``: unbiased however the payoff jumps, noisy where the
    first step is short (Broadie & Glasserman 1996).

    Parameters
    ----------
    normals : Tensor
        ``(normal, path)`` of the first step.

    Raises
    ------
    DomainError
        The model's step is not of that form, or its loadings are singular.
    """
    try:
        return gaussian_steps(model, knots[:2]).start_score(normals)
    except DomainError:
        raise DomainError(
            f"nested gradient of a payoff that jumps: expected Gaussian steps x + c + L z, got those of "
            f"{type(model).__name__}; smooth the jump (width > 0) or take values only"
        ) from None
