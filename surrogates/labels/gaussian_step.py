"""The log price of an asset after one step, where it is Gaussian given the state: mean, and loadings on the normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models import PathModel
from xva.models.path_model import Observer, Transition
from xva.numerics.types import Floats

_AFFINE = 1e-9


@dataclass(frozen=True)
class LogStep:
    """``ln S = mean + deviation (direction' z)`` at a step's end, from ``(state, path)`` at its start.

    Parameters
    ----------
    mean : Tensor
        ``(path,)``, connected to the state.
    deviation : Tensor
        ``(path,)`` standard deviation, > 0.
    direction : Tensor
        ``(normal, path)`` of unit length.
    """

    mean: Tensor
    deviation: Tensor
    direction: Tensor


def log_step(
    model: PathModel, transition: Transition, number: int, knots: Floats, state: Tensor, name: str
) -> LogStep:
    """Find it by stepping with unit normals: exact where the step is affine in them, refused where it is not.

    Parameters
    ----------
    number : int
        Of the step of ``transition``, which ends at ``knots[number + 1]``.
    name : str
        An equity, or ``FX/BASE/QUOTE``.

    Raises
    ------
    DomainError
        The log price is not Gaussian given the state with loadings that do not depend on it, or does not move.
    """

    def log_price(start: Tensor, normals: Tensor) -> Tensor:
        end = transition.step(number, start, normals)
        observer = model.observe(knots[number + 1 : number + 2], [end])
        return torch.log(asset(observer, name, float(knots[number + 1])))

    zero = state.new_zeros(model.n_normals, state.shape[-1])
    mean = log_price(state, zero)
    unit = torch.eye(model.n_normals, dtype=state.dtype)
    fixed = state.detach()
    loadings = (
        torch.stack([log_price(fixed, zero + unit[:, j : j + 1]) for j in range(model.n_normals)])
        - mean.detach()
    )
    _check(loadings, log_price(fixed, zero - 2.0) - mean.detach(), name)
    deviation = torch.sqrt((loadings**2).sum(0))
    return LogStep(mean, deviation, loadings / deviation)


def asset(observer: Observer, name: str, time: float) -> Tensor:
    """Price of an equity or, ``FX/BASE/QUOTE``, a rate."""
    if name.startswith("FX/"):
        _, base, quote = name.split("/")
        return observer.fx(base, quote, time)
    return observer.equity(name, time)


def _check(loadings: Tensor, far: Tensor, name: str) -> None:
    expected = -2.0 * loadings.sum(0)
    error = float((far - expected).abs().max())
    scale = float(loadings.abs().max())
    if not np.isfinite(error) or error > _AFFINE * max(scale, 1.0):
        raise DomainError(
            f"{name}: expected a log price that is Gaussian given the state before, got a step that is not affine in "
            f"its normals (off by {error:.2e}) -> use smoothed labels",
            [name],
        )
    if scale <= _AFFINE:
        raise DomainError(f"{name}: does not move from one date to the next", [name])
