"""Bermudan swaption under one-factor LGM by deterministic rollback: value, exposure and CVA, the boundary found anew.

Nothing of the platform is used. Expectations are composite Gauss-Legendre sums against the Gaussian transition density, cut at
the exercise boundary and at the swap's own zero, so every number is smooth in the market and a central difference of a
basis point is its derivative with the boundary moving.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]
_REACH = 8.5  # standard deviations
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Market:
    """Discount factors ``P(0, t)`` and a Hull-White model of constant volatility."""

    discount: Callable[[Floats], Floats]
    sigma: float
    kappa: float

    def h(self, t: Floats | float) -> Floats:
        return np.asarray(-np.expm1(-self.kappa * np.asarray(t)) / self.kappa)

    def zeta(self, t: float) -> float:
        return float(self.sigma**2 * np.expm1(2.0 * self.kappa * t) / (2.0 * self.kappa))

    def bonds(self, t: float, x: Floats, maturities: Floats) -> Floats:
        """Deflated ``(point, maturity)``."""
        h = self.h(maturities)
        zeta = self.zeta(t)
        found: Floats = self.discount(maturities) * np.exp(-np.outer(x, h) - 0.5 * h * h * zeta)
        return found


@dataclass(frozen=True)
class Swap:
    """Payer of a unit notional: ``times`` of all resets and payments; ``fixed`` ``(time,)`` coupons paid there.

    The floating leg resets and pays on every time, off one curve, so on these dates no coupon is running.
    """

    times: Floats
    fixed: Floats

    def value(self, market: Market, t: float, x: Floats) -> Floats:
        """Deflated value ``(point,)`` at ``t`` of the periods to come."""
        later = self.times > t + 1e-9
        if not later.any():
            return np.zeros_like(x)
        bonds = market.bonds(t, x, np.concatenate([[t], self.times[later]]))
        found: Floats = bonds[:, 0] - bonds[:, -1] - bonds[:, 1:] @ self.fixed[later]
        return found


def nodes(market: Market, t: float, before: float, cut: float) -> tuple[Floats, Floats]:
    """Points and weights of the state at ``t``, resolving a transition from ``before``, split at ``cut``."""
    reach = _REACH * np.sqrt(market.zeta(t))
    wide = np.sqrt(market.zeta(t) - market.zeta(before))
    cut = float(np.clip(cut, -reach, reach))
    edges: list[float] = []
    for low, high in ((-reach, cut), (cut, reach)):
        count = max(1, int(np.ceil((high - low) / wide)))
        edges += np.linspace(low, high, count + 1)[: count if high == cut else None].tolist()
    bounds = np.array(edges)
    half, middle = 0.5 * np.diff(bounds), 0.5 * (bounds[1:] + bounds[:-1])
    return (middle[:, None] + half[:, None] * _POINTS).ravel(), (half[:, None] * _WEIGHTS).ravel()


def transition(x: Floats, to: tuple[Floats, Floats], variance: float) -> Floats:
    """``(point, node)`` weights of an expectation over the nodes."""
    points, weights = to
    gap = points - x[:, None]
    found: Floats = weights * np.exp(-0.5 * gap * gap / variance) / np.sqrt(2.0 * np.pi * variance)
    return found


@dataclass(frozen=True)
class BermudanGrid:
    """A long Bermudan swaption of unit notional.

    Parameters
    ----------
    exercise : ndarray
        ``(exercise,)`` times, on the swap's.
    sense : int
        +1 payer, -1 receiver, as its holder sees it.
    report : ndarray
        ``(time,)`` on the swap's times (no running coupon), increasing.
    physical : bool
    """

    market: Market
    swap: Swap
    exercise: Floats
    sense: int
    report: Floats
    physical: bool

    def worth(self, t: float, x: Floats) -> Floats:
        """Of the swap, to the holder."""
        return self.sense * self.swap.value(self.market, t, x)

    @cached_property
    def dates(self) -> Floats:
        return np.unique(np.concatenate([self.exercise, self.report]))

    @cached_property
    def _rolled(self) -> tuple[list[tuple[Floats, Floats]], list[Floats], list[float], list[Floats], float]:
        """By date: nodes, value to who has not exercised, boundary, transitions to the next date; and today's value."""
        n = len(self.dates)
        grids: list[tuple[Floats, Floats]] = [(np.empty(0), np.empty(0))] * n
        waiting, roots, kernels = [np.empty(0)] * n, [0.0] * n, [np.empty((0, 0))] * n
        held = np.empty(0)  # value on the next date's nodes, decisions taken
        for k in range(n - 1, -1, -1):
            t = float(self.dates[k])
            before = float(self.dates[k - 1]) if k else 0.0
            roots[k] = self._root(k, grids, held)
            grids[k] = nodes(self.market, t, before, roots[k])
            x = grids[k][0]
            if k + 1 < n:
                kernels[k] = transition(x, grids[k + 1], self._variance(k))
            waiting[k] = kernels[k] @ held if k + 1 < n else np.zeros_like(x)
            held = np.where(self._exercised(k, x, roots[k]), self.worth(t, x), waiting[k])
        first = transition(np.zeros(1), grids[0], self.market.zeta(float(self.dates[0])))
        return grids, waiting, roots, [first, *kernels], float((first @ held)[0])

    def _variance(self, k: int) -> float:
        return self.market.zeta(float(self.dates[k + 1])) - self.market.zeta(float(self.dates[k]))

    def _root(self, k: int, grids: list[tuple[Floats, Floats]], held: Floats) -> float:
        t = float(self.dates[k])
        reach = _REACH * np.sqrt(self.market.zeta(t))
        if not np.isclose(self.exercise, t).any():
            return self.sense * reach  # nobody exercises

        def gap(x: float) -> float:
            at = np.array([x])
            wait = 0.0
            if len(held):
                wait = float((transition(at, grids[k + 1], self._variance(k)) @ held)[0])
            return float(self.worth(t, at)[0]) - wait

        if gap(-reach) * gap(reach) > 0.0:
            raise ValueError(f"no exercise boundary at {t}")
        return float(brentq(gap, -reach, reach, xtol=1e-15, rtol=1e-14))

    def _exercised(self, k: int, x: Floats, root: float) -> NDArray[np.bool_]:
        on_date = np.isclose(self.exercise, self.dates[k]).any()
        return np.asarray(on_date & (self.sense * (x - root) > 0.0))

    @property
    def value(self) -> float:
        """Today's."""
        return self._rolled[4]

    @property
    def boundary(self) -> Floats:
        """``(exercise,)`` states beyond which it is exercised."""
        roots = self._rolled[2]
        return np.array([r for r, t in zip(roots, self.dates) if np.isclose(self.exercise, t).any()])

    def profile(self, side: int = 1) -> Floats:
        """Discounted expected exposure ``(time,)`` on the report dates, decisions of the date taken; side -1 negative."""
        return np.array([self._exposure(float(t), side) for t in self.report])

    def _exposure(self, t: float, side: int) -> float:
        grids, waiting, roots, kernels, _ = self._rolled
        last = int(np.argmin(abs(self.dates - t)))
        level = np.maximum(side * waiting[last], 0.0)
        for k in range(last, -1, -1):
            x = grids[k][0]
            gone = self._exercised(k, x, roots[k])
            if k < last:
                level = kernels[k + 1] @ level
            level = np.where(gone, self._settled(k, x, t, side), level)
        return float((kernels[0] @ level)[0])

    def _settled(self, k: int, x: Floats, t: float, side: int) -> Floats:
        """Expected exposure at ``t`` of who has exercised by date ``k``."""
        if not self.physical or not (self.swap.times > t + 1e-9).any():
            return np.zeros_like(x)
        now = float(self.dates[k])
        if t <= now:
            return np.maximum(side * self.worth(t, x), 0.0)
        reach = _REACH * np.sqrt(self.market.zeta(t))
        cut = brentq(lambda y: float(self.worth(t, np.array([y]))[0]), -reach, reach, xtol=1e-15)
        to = nodes(self.market, t, now, float(cut))
        positive = np.maximum(side * self.worth(t, to[0]), 0.0)
        return transition(x, to, self.market.zeta(t) - self.market.zeta(now)) @ positive

    def cva(self, hazard: float, loss: float) -> float:
        """Unilateral, right end of the buckets between report dates."""
        survival = np.exp(-hazard * np.concatenate([[0.0], self.report]))
        return float(loss * self.profile() @ (survival[:-1] - survival[1:]))


def central(function: Callable[[Floats], Floats], at: Floats, steps: Floats) -> Floats:
    """Central differences ``(output, parameter)``, bumps ``steps`` large enough to move paths across the boundary."""
    columns = []
    for k, step in enumerate(steps):
        shift = np.zeros_like(at)
        shift[k] = step
        columns.append((function(at + shift) - function(at - shift)) / (2.0 * step))
    return np.stack(columns, axis=-1)


def flat_10nc1(rate: float = 0.03, sigma: float = 0.01, kappa: float = 0.03) -> BermudanGrid:
    """The reference payer, physical, reported once a year."""
    return ten_year(Market(lambda t: np.exp(-rate * np.asarray(t)), sigma, kappa))


def ten_year(market: Market, strike: float = 0.030454789387) -> BermudanGrid:
    """The same terms in another market: 10y from 2026-01-02 on, annual against 6M, exercise after 1 to 9 years."""
    start = np.datetime64("2026-01-02")
    days = [np.datetime64(f"{2026 + k // 2}-{1 + 6 * (k % 2):02d}-02") for k in range(1, 21)]
    times = np.array([(day - start).astype(int) / 365.0 for day in days])
    annual = times[1::2]
    fixed = np.zeros(20)
    fixed[1::2] = strike * np.diff(np.concatenate([[0.0], annual]))
    return BermudanGrid(market, Swap(times, fixed), annual[:-1], 1, annual, True)
