"""Derivatives of nested values to the outer state: pathwise, or by the likelihood ratio of the first step."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models.path_model import PathModel
from xva.numerics.types import Floats

_AFFINE = 1e-9


def first_step_score(model: PathModel, knots: Floats, start: Tensor, normals: Tensor) -> Tensor:
    """``(state, path)`` derivative of the log density of the first step's end to its start.

    Where a step is ``x + c + L z`` the weight of a path is ``L^-T z``: unbiased however the payoff jumps, noisy where the
    first step is short (Broadie & Glasserman 1996).

    Parameters
    ----------
    start, normals : Tensor
        ``(state, path)``, ``(normal, path)`` of the first step.

    Raises
    ------
    DomainError
        The model's step is not of that form, or its loadings are singular.
    """
    transition, origin = model.transition(knots[:2]), torch.zeros_like(start[:, :1])
    columns = origin.expand(-1, model.n_normals)
    drift = transition.step(0, origin, normals.new_zeros(model.n_normals, 1))
    if model.n_normals == start.shape[0]:
        loading = transition.step(0, columns, torch.eye(model.n_normals, dtype=start.dtype)) - drift
        gap = transition.step(0, start, normals) - start - drift - loading @ normals
        if bool((gap.abs() <= _AFFINE * (1.0 + start.abs())).all()):
            score: Tensor = torch.linalg.solve(loading.T, normals)
            return score
    raise DomainError(
        f"nested gradient of a payoff that jumps: expected Gaussian steps x + c + L z, got those of "
        f"{type(model).__name__}; smooth the jump (width > 0) or take values only"
    )
