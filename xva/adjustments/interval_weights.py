"""How an integral over the life of a netting set becomes a weighted sum over grid dates.

Every adjustment here has the form ``integral of profile(t) * factor(t) d measure(t)``: linear in the
profile, so it is one weight per date, and sums, standard errors and adjoints are dot products.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from xva.errors import DomainError

Quadrature = Literal["right", "trapezoid"]


def interval_weights(increments: Tensor, factor: Tensor, quadrature: Quadrature) -> Tensor:
    """Weights ``w`` with ``sum_t w_t profile_t`` the integral of ``profile * factor`` over the increments.

    Parameters
    ----------
    increments : Tensor
        ``(..., time - 1)``, the measure of ``(t_{i-1}, t_i]``.
    factor : Tensor
        ``(..., time)``, what multiplies the profile.
    quadrature : {"right", "trapezoid"}
        ``right``: profile at ``t_i`` times factor at ``t_{i-1}``. ``trapezoid``: mean of
        ``profile * factor`` at both ends (second order in the step).

    Returns
    -------
    Tensor
        ``(..., time)``; the weight at ``t_0`` is zero for ``right``.
    """
    check_quadrature(quadrature)
    if quadrature == "right":
        return _after(increments * factor[..., :-1])
    return 0.5 * factor * (_after(increments) + _before(increments))


def check_quadrature(quadrature: str) -> None:
    if quadrature not in get_args(Quadrature):
        choices = ", ".join(get_args(Quadrature))
        raise DomainError(f"quadrature: expected one of {choices}, got {quadrature!r}")


def check_grid(times: ArrayLike, **curves: Tensor) -> None:
    """Refuse a grid that does not start at 0 and increase, or curves not given on it.

    Raises
    ------
    DomainError
        Naming the argument, its shape and what was expected.
    """
    grid = np.asarray(times, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 2 or grid[0] != 0.0 or not np.all(np.diff(grid) > 0):
        raise DomainError(
            "times: expected year fractions that start at 0 and increase, (time,) with at least two dates, "
            f"got shape {grid.shape}, first {grid.ravel()[:3].tolist()}"
        )
    for name, curve in curves.items():
        if curve.shape[-1:] != (grid.size,):
            raise DomainError(f"{name}: expected (..., {grid.size}) on the grid, got {tuple(curve.shape)}")


def column(value: Tensor | float) -> Tensor:
    """A number per curve ``(...)`` as ``(..., 1)``, to multiply ``(..., time)``."""
    return torch.as_tensor(value, dtype=torch.float64).unsqueeze(-1)


def _after(increments: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(increments[..., :1]), increments], dim=-1)


def _before(increments: Tensor) -> Tensor:
    return torch.cat([increments, torch.zeros_like(increments[..., :1])], dim=-1)
