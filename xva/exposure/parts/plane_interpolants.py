"""Functions of two rates factors as products of Chebyshev series, on the ellipse's own axes: as `interpolants`, in a plane.

Coordinates are ``u = x_1`` and ``v = x_2 - slope x_1``, which is independent of u: the two factors of a currency move against
each other, and a box around both would be mostly empty. What is decided is a constant of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.interpolants import LINEAR_TOLERANCE, ORDERS, TODAY_TOLERANCE
from xva.exposure.state.frame import FIRST_SCALE, HALF_WIDTH_SD, Frame
from xva.numerics import chebyshev
from xva.numerics.types import Floats, Ints

GridValues = Callable[[int, Tensor, Tensor], Tensor]
"""Values ``(u, v)`` on a date (its number) on the grid of coordinates ``(u,)`` and ``(v,)``."""

_ROUNDING = 256.0 * float(np.finfo(np.float64).eps)
_BOND_MATURITIES = 9
_LAW_NODES = 41


@dataclass(frozen=True)
class Plane:
    """Boxes of one currency's two states by date.

    ``slope`` ``(date,)``; ``centre``, ``scale`` ``(date, 2)`` map ``(u, v)`` to [-1, 1]; ``mean``, ``deviation`` ``(date, 2)``
    are the paths' law in them.
    """

    slope: Floats
    centre: Floats
    scale: Floats
    mean: Floats
    deviation: Floats

    def grid(self, date: int, orders: Ints) -> tuple[Tensor, Tensor]:
        """Chebyshev nodes ``(u,)`` and ``(v,)``."""
        u, v = (
            self.centre[date, k] + self.scale[date, k] * chebyshev.nodes(int(orders[k])) for k in range(2)
        )
        return u, v


def plane(frame: Frame, currency: str, last: float) -> Plane:
    """The boxes: 5.5 standard deviations around the paths' mean and around where bonds up to ``last`` have their value.

    A deflated bond of T has it at ``-Z H(T)``.
    """
    model, times = frame.model, frame.times
    rows = model.layout.rates(currency)
    with torch.no_grad():
        covariance = frame.table.at(times)
        mean = model.drifts(covariance)[:, rows].numpy()
        z = covariance[:, rows, rows].numpy()
        share = np.linspace(0.0, 1.0, _BOND_MATURITIES)
        ends = times[:, None] + share * np.maximum(last - times, 0.0)[:, None]
        h = model.rates[currency].loadings(ends).numpy()
    variance = np.where(z[:, 0, 0] > 0.0, z[:, 0, 0], 1.0)
    slope = np.where(z[:, 0, 0] > 0.0, z[:, 0, 1] / variance, 0.0)
    rest = np.maximum(z[:, 1, 1] - slope * z[:, 0, 1], 0.0)
    deviation = np.sqrt(np.stack([z[:, 0, 0], rest], axis=1))
    deviation = np.where(deviation > 0.0, deviation, FIRST_SCALE / HALF_WIDTH_SD)
    middle = _turned(mean, slope)
    value = _turned(-np.einsum("tij,tmj->tmi", z, h), slope[:, None])
    lower = np.minimum(middle, value.min(axis=1)) - HALF_WIDTH_SD * deviation
    upper = np.maximum(middle, value.max(axis=1)) + HALF_WIDTH_SD * deviation
    return Plane(slope, 0.5 * (lower + upper), 0.5 * (upper - lower), middle, deviation)


def _turned(x: Floats, slope: Floats) -> Floats:
    return np.stack([x[..., 0], x[..., 1] - slope * x[..., 0]], axis=-1)


def at_orders(values: GridValues, orders: Ints, where: Plane, width: tuple[int, int]) -> Tensor:
    """Coefficients ``(date, *width)`` of interpolants with given numbers of nodes ``(date, 2)``, zero where there are none."""
    found = []
    for date, order in enumerate(orders):
        if not order.all():
            found.append(torch.zeros(width, dtype=torch.float64))
            continue
        fitted = _coefficients(values, date, order, where)
        missing = (0, width[1] - int(order[1]), 0, width[0] - int(order[0]))
        found.append(torch.nn.functional.pad(fitted, missing))
    return torch.stack(found)


def decided(values: GridValues, alive: NDArray[np.bool_], where: Plane, times: Floats) -> tuple[Ints, Floats]:
    """Numbers of nodes ``(date, 2)``, 0 where nothing is ``alive``, and the bound ``(date,)`` of the error that they leave."""
    orders, bound = np.zeros((len(alive), 2), dtype=np.int64), np.zeros(len(alive))
    with torch.no_grad():
        for date in np.flatnonzero(alive).tolist():
            asked = LINEAR_TOLERANCE if times[date] > 0.0 else TODAY_TOLERANCE
            order = np.array([ORDERS[1], ORDERS[1]])
            while True:
                fitted = _coefficients(values, date, order, where).numpy()
                limit = asked * _mean_size(fitted, date, where)
                limit = max(limit, _ROUNDING * float(np.abs(fitted).max()))
                tails = [np.abs(fitted).sum(axis=1 - k)[-2:].sum() for k in range(2)]
                more = [k for k in range(2) if tails[k] > limit and order[k] < ORDERS[-1]]
                if not more:
                    break
                for k in more:
                    order[k] = ORDERS[np.searchsorted(ORDERS, order[k]) + 1]
            orders[date] = order
            bound[date] = 2.0 * sum(tails) + _ROUNDING * float(np.abs(fitted).sum())
    return orders, bound


def _coefficients(values: GridValues, date: int, order: Ints, where: Plane) -> Tensor:
    u, v = where.grid(date, order)
    left, right = (chebyshev.coefficient_matrix(int(n)) for n in order)
    return left @ values(date, u, v) @ right.T


def _mean_size(fitted: Floats, date: int, where: Plane) -> float:
    """``E |g(u, v)|`` over the paths' normal law, by the trapezoid rule on the box."""
    nodes = torch.linspace(-1.0, 1.0, _LAW_NODES, dtype=torch.float64)
    found = torch.from_numpy(fitted)
    left, right = (chebyshev.basis(nodes, n) for n in fitted.shape)
    size = (left.T @ found @ right).abs()
    weight = []
    for k in range(2):
        x = where.centre[date, k] + where.scale[date, k] * nodes
        z = (x - where.mean[date, k]) / where.deviation[date, k]
        density = torch.exp(-0.5 * z * z)
        weight.append(density / density.sum())
    return float(weight[0] @ size @ weight[1])
