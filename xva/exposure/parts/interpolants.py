"""One-currency functions of the state as Chebyshev series: as many nodes on each date as their coefficients ask for.

A deflated bond is ``exp(-H x - H^2 zeta/2)``, so what a date needs depends on how large its last flow's ``H sqrt(zeta)`` is;
an option's price has a kink as wide as the state's spread until expiry. The first guess comes from these; nodes are added
until the last coefficients are below the tolerance, and the series is cut where the rest of it is. Both are decided from
values without graph and are constants of a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.tilt import Tilt
from xva.exposure.state.frame import Frame
from xva.numerics import chebyshev
from xva.numerics.types import Floats, Ints

NodeValues = Callable[[Ints, Tensor], Tensor]
"""Values ``(date, node)`` on dates ``(date,)`` (numbers) at states ``(date, node)``."""

ORDERS = np.array([8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128])
LINEAR_TOLERANCE = 1e-11
OPTION_TOLERANCE = 1e-7
"""Of the mean of the absolute value on the date."""
TODAY_TOLERANCE = 1e-13  # today's values are prices
DIRECT_YEARS, DIRECT_SHARE = 0.5, 0.08
_ROUNDING = 256.0 * float(np.finfo(np.float64).eps)  # exp(y) is off by y units in the last place


@dataclass(frozen=True)
class Series:
    """A function on all dates.

    ``coefficients`` ``(date, width)``, zero from ``degree`` on or what was cut there; ``order``, ``degree`` ``(date,)``;
    ``bound`` ``(date,)`` of the error on the interval where paths are, in the currency of the function.
    """

    coefficients: Tensor
    order: Ints
    degree: Ints
    bound: Floats


def direct_from(expiry: Floats) -> Floats:
    """When options begin to be evaluated on every path, years: their kink has become too sharp for nodes.

    Its width is the state's spread until expiry, the interval's that of the spread so far: half a year, later 8 % of the life.
    """
    found: Floats = np.minimum(expiry - DIRECT_YEARS, expiry / (1.0 + DIRECT_SHARE))
    return found


def first_orders(frame: Frame, currency: str, alive: NDArray[np.bool_], kink: Floats | None = None) -> Ints:
    """First guess ``(date,)`` of the nodes; ``kink`` ``(date,)`` is the width in the state of the sharpest one of options."""
    c = frame.model.layout.rates(currency).start
    need = 10.0 + 2.0 * frame.spread.reach[:, c].numpy()
    if kink is not None:
        need = np.maximum(need, 4.0 * frame.scale[:, c].numpy() / np.where(alive, kink, np.inf))
    guess = ORDERS[np.minimum(np.searchsorted(ORDERS, need), len(ORDERS) - 1)]
    return np.where(alive, guess, 0).astype(np.int64)


def at_orders(
    values: NodeValues, order: Ints, frame: Frame, currency: str, tilt: Tilt | None = None
) -> Tensor:
    """Coefficients ``(date, highest order)`` of interpolants with a given number of nodes on each date."""
    width = int(order.max(initial=0))
    found = torch.zeros(len(order), width, dtype=torch.float64)
    for count in np.unique(order[order > 0]).tolist():
        dates = np.flatnonzero(order == count)
        fitted = _coefficients(values, dates, count, frame, currency, tilt)
        padded = torch.nn.functional.pad(fitted, (0, width - count))
        found = found.index_add(0, torch.from_numpy(dates), padded)
    return found


def to_width(coefficients: Tensor, width: int) -> Tensor:
    """Columns cut off or added, zero, so that there are ``width``."""
    missing = width - coefficients.shape[-1]
    return torch.nn.functional.pad(coefficients, (0, missing)) if missing > 0 else coefficients[..., :width]


def decided(
    values: NodeValues, first: Ints, tolerance: float, frame: Frame, currency: str, tilt: Tilt | None = None
) -> Series:
    """The series with as many nodes and coefficients as the tolerance asks for; ``first`` is a guess of the nodes.

    Of the function divided by the ``tilt``, where there is one.
    """
    order, degree, bound = first.copy(), np.zeros_like(first), np.zeros(len(first))
    known = torch.zeros(len(first), int(ORDERS[-1]), dtype=torch.float64)
    left = np.flatnonzero(order)
    with torch.no_grad():
        while left.size:
            more = []
            for count in np.unique(order[left]).tolist():
                dates = left[order[left] == count]
                fitted = _coefficients(values, dates, count, frame, currency, tilt)
                kept, error, settled = _cut(fitted, dates, count, tolerance, frame, currency, tilt)
                known[dates, :count] = fitted
                degree[dates], bound[dates] = kept, error
                if count < ORDERS[-1]:
                    more.append(dates[~settled])
            left = np.sort(np.concatenate(more)) if more else left[:0]
            order[left] = ORDERS[np.searchsorted(ORDERS, order[left]) + 1]
    width = int(order.max(initial=0))
    attached = (
        at_orders(values, order, frame, currency, tilt) if torch.is_grad_enabled() else known[:, :width]
    )
    return Series(attached, order, degree, bound)


def _coefficients(
    values: NodeValues, dates: Ints, count: int, frame: Frame, currency: str, tilt: Tilt | None
) -> Tensor:
    x = frame.nodes(currency, count)[torch.from_numpy(dates)]
    found = values(dates, x)
    if tilt is not None:
        found = tilt.divided(found, dates, frame.model.layout.rates(currency).start, x)
    return found @ chebyshev.coefficient_matrix(count).T


def _cut(
    fitted: Tensor, dates: Ints, count: int, tolerance: float, frame: Frame, currency: str, tilt: Tilt | None
) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """``(date,)`` each: coefficients kept, bound of the error, whether there are nodes enough.

    What is cut and what lies beyond the last node's coefficient (which folds back onto the others, as much again) are the
    error; coefficients of analytic functions fall at least geometrically, so the last two stand for what lies beyond.
    """
    size = np.abs(fitted.numpy())
    tails = np.cumsum(size[:, ::-1], axis=1)[:, ::-1]
    asked = np.where(frame.times[dates] > 0.0, tolerance, TODAY_TOLERANCE)
    limit = asked * _mean_size(fitted, dates, count, frame, currency, tilt)
    limit = np.maximum(limit, _ROUNDING * size.max(axis=1))
    settled = tails[:, -2] <= limit
    kept = np.where(settled, (tails > limit[:, None]).sum(axis=1), count)
    rest = np.take_along_axis(tails, np.minimum(kept, count - 2)[:, None], axis=1)[:, 0]
    slow = tails[:, 3 * count // 4]
    error = np.maximum(np.where(settled, 2.0 * rest, 2.0 * slow), _ROUNDING * size.sum(axis=1))
    return np.maximum(kept, 1), error, settled


def _mean_size(
    fitted: Tensor, dates: Ints, count: int, frame: Frame, currency: str, tilt: Tilt | None
) -> Floats:
    """``E |g(x)|`` ``(date,)`` over the paths' normal law (times the tilt), by the trapezoid rule on the interval."""
    c, pick = frame.model.layout.rates(currency).start, torch.from_numpy(dates)
    u = torch.linspace(-1.0, 1.0, 129, dtype=torch.float64)
    x = frame.centre[pick, c, None] + frame.scale[pick, c, None] * u
    mean, deviation = frame.spread.mean[pick, c], frame.spread.deviation[pick, c]
    if tilt is not None:
        mean = tilt.seen_from(mean, deviation, dates, c)
    z = (x - mean[:, None]) / deviation[:, None]
    density = torch.exp(-0.5 * z * z)
    values = (fitted @ chebyshev.basis(u, max(count, 2))[:count]).abs()
    return ((values * density).sum(1) / density.sum(1)).numpy()
