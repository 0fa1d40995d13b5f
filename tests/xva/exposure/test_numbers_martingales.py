"""Deflated values are martingales: mean value plus flows paid so far is constant, for every linear product and swaption."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from tests.support.flat_book import FX_FIXING, day, linear_trades, physical, present_value, world
from tests.support.flat_world import FlatWorld, make_engine, run
from tests.support.statistics import assert_within

DATES = ["2025-03-03", "2025-07-15", "2026-02-20", "2027-01-15", "2027-10-01", "2029-06-30"]


def test_mean_deflated_value_and_past_flows_are_constant() -> None:
    """E[V(t)/N(t)] is today's value of what is still to be paid: past flows make up the rest.

    Of every trade on every date: so many numbers share the chance of a false alarm, and have paths enough for that.
    """
    w, trades = world(), linear_trades()
    apart = [replace(t, netting_set=t.trade_id) for t in trades]
    found = run(make_engine(w, apart, DATES, 1024, fixings=FX_FIXING))
    times = found.year_fraction.values
    exact = np.array([[present_value(t, w, after) for after in times] for t in apart])
    np.testing.assert_allclose(found.value.values[:, 0], exact[:, 0], atol=1e-6 * 1e6 * 1e-3)
    for k, name in enumerate(found.netting_set.values):
        at = found.sel(netting_set=name)
        assert_within(at.value, at.value_se, exact[k], more=0.01, numbers=exact.size)  # of a million


def exercised_mean(now: float, roll: float) -> float:
    """Mean deflated value of `physical` after expiry, flows to come only; ``roll`` is the last reset of the floating leg.

    A unit paid at T where exercised is worth ``P(0,T) Phi((-root - H_T zeta)/sqrt(zeta))``.
    """
    pays = np.array([f"{2027 + k}-01-15" for k in range(6)], dtype="datetime64[D]")
    t = ((pays - day("2025-01-15")).astype(np.int64) / 365.0).tolist()
    fixed = [(b, -1e6 * 0.032 * (b - a)) for a, b in zip(t[:-1], t[1:])]
    zeta = 1e-4 * math.expm1(0.06 * t[0]) / 0.06

    def h(time: float) -> float:
        return -math.expm1(-0.03 * time) / 0.03

    def swap_value(x: float) -> float:
        flows = [(t[0], 1e6), *fixed, (t[-1], -1e6)]
        return float(sum(a * math.exp(-0.03 * s - h(s) * x - 0.5 * h(s) ** 2 * zeta) for s, a in flows))

    root = brentq(swap_value, -0.3, 0.3, xtol=1e-15)

    def unit(time: float) -> float:
        return math.exp(-0.03 * time) * float(norm.cdf((-root - h(time) * zeta) / math.sqrt(zeta)))

    left = [(s, a) for s, a in fixed if s > now + 1e-9]
    return float(1e6 * (unit(max(roll, t[0])) - unit(t[-1])) + sum(a * unit(s) for s, a in left))


def test_mean_of_a_physically_settled_swaption_after_expiry() -> None:
    dates = ["2026-01-15", "2027-01-15", "2027-07-15", "2028-01-15", "2030-07-15", "2031-07-15"]
    found = run(make_engine(FlatWorld(), [physical()], dates, 1024)).isel(netting_set=0)
    exact = [exercised_mean(max(t, 2.0), t) for t in found.year_fraction.values]
    assert_within(found.value, found.value_se, exact, more=0.01)


def test_mean_of_an_exercised_swaption_inside_a_coupon() -> None:
    """The running coupon is conditioned on the exercise too: on today's state alone it is 1 to 6 % too small."""
    rolls, dates = ["2027-01-15", "2027-07-15", "2029-01-15"], ["2027-07-10", "2027-10-10", "2029-04-10"]
    found = run(make_engine(FlatWorld(), [physical()], dates, 1024)).isel(netting_set=0)
    for roll, date in zip(rolls, dates):
        at = found.sel(time=date)
        start = (day(roll) - day("2025-01-15")).astype(int) / 365.0
        exact = exercised_mean(at.year_fraction.item(), start)
        assert_within(at.value, at.value_se, exact, more=0.01)
        assert at.value_se.item() < 0.006 * 1e6 * 0.015  # a tenth of the first coupon's error by projection
