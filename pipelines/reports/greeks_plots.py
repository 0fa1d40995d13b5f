"""Figures of Greeks: surfaces over spot and expiry, and what finite differences lose at every step size.

Figures belong to nobody: no pyplot state is touched, `Figure.savefig` writes them and a notebook shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib import cm
from matplotlib.figure import Figure
from torch import Tensor

from xva.errors import DomainError
from xva.numerics.types import Floats
from xva.options.greeks import greeks

Price = Callable[..., Tensor]


def plot_surfaces(price: Price, names: Sequence[str], spots: Floats, expiries: Floats, **held: Any) -> Figure:
    """Surfaces of some Greeks over spot and time to expiry.

    Parameters
    ----------
    price : callable
        Of named tensors, ``spot`` and ``expiry`` (years) among them.
    names : sequence of str
        As `xva.options.greeks` labels them: ``delta``, ``gamma``.
    held : Tensor or number
        The other arguments.
    """
    spot, expiry = np.meshgrid(spots, expiries)
    points = {"spot": torch.from_numpy(spot.ravel()), "expiry": torch.from_numpy(expiry.ravel())}
    found = greeks(price, order=2)(**points, **_tensors(held, points["spot"]))
    figure = Figure(figsize=(5.2 * len(names), 4.4), layout="constrained")
    for k, name in enumerate(names):
        axes: Any = figure.add_subplot(1, len(names), k + 1, projection="3d")
        height = found[name].reshape(spot.shape).numpy()
        axes.plot_surface(spot, expiry, height, cmap=cm.viridis, linewidth=0.0, antialiased=True)
        axes.set(xlabel="spot", ylabel="years to expiry", title=name)
        axes.view_init(elev=28.0, azim=-125.0)
    return figure


def plot_difference_error(
    price: Price, name: str, steps: Floats, orders: Sequence[int] = (1, 2), **point: Any
) -> Figure:
    """Relative error of central differences against step size, AD being the reference.

    Too large a step is wrong by its curvature, too small a one by rounding: the error of a first difference cannot fall
    below about ``eps^(2/3)``, of a second one below ``eps^(1/2)``.

    Parameters
    ----------
    name : str
        The argument that is bumped.
    steps : ndarray
        ``(step,)`` relative to the argument.
    orders : sequence of int
        Of the derivatives: 1, 2 or both.

    Raises
    ------
    DomainError
        A derivative is zero.
    """
    given = _tensors(point, torch.zeros((), dtype=torch.float64))
    exact = greeks(price, order=max(orders), wrt=(name,))(**given)
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for order in orders:
        true = float(exact.derivative(*[name] * order))
        if true == 0.0:
            raise DomainError(f"derivative of order {order} by {name} is zero: no relative error", [name])
        errors = [abs(_difference(price, name, order, float(h), given) / true - 1.0) for h in steps]
        axes.loglog(
            steps,
            np.maximum(errors, 1e-17),
            marker=".",
            label=f"{'first' if order == 1 else 'second'} derivative",
        )
    axes.axhline(np.finfo(np.float64).eps, color="black", lw=0.8, ls=":", label="rounding of AD")
    axes.set(xlabel=f"step, share of {name}", ylabel="relative error against AD", title="Central differences")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _difference(price: Price, name: str, order: int, step: float, point: dict[str, Any]) -> float:
    size = step * float(point[name])
    up, middle, down = (float(price(**{**point, name: point[name] + k * size})) for k in (1.0, 0.0, -1.0))
    return (up - down) / (2.0 * size) if order == 1 else (up - 2.0 * middle + down) / size**2


def _tensors(values: dict[str, Any], like: Tensor) -> dict[str, Any]:
    """Numbers as tensors of the shape of ``like``; signs and other whole numbers as they are."""
    return {
        name: torch.full_like(like, value) if isinstance(value, float) else value
        for name, value in values.items()
    }
