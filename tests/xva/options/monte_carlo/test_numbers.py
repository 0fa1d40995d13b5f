"""Path-dependent options with independent reference values and their Greeks, within the stated errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.monte_carlo_world import (
    AS_OF,
    BASKET,
    CALL,
    CONTEXT,
    CONTINUOUS,
    WATCHED,
    agrees,
    greeks_of,
    numbers,
    stretched,
)
from xva.options.monte_carlo import LikelihoodRatio, OneStepSurvival, Sampling, Smoothing, simulate_greeks

MARKET = numbers(spot=100.0, vol=0.2, rate=0.05)


def test_asian() -> None:
    """51 points with today's."""
    trade = replace(CALL, averaging_dates=tuple(AS_OF + 10 * k for k in range(51)))
    found = simulate_greeks(
        stretched(trade, 500.0 / 365.0),
        trade,
        CONTEXT,
        MARKET,
        sampling=Sampling(paths=1 << 18),
        controls="known",
        savings=False,
    )
    agrees(found["value"], 5.74266, 1e-4, 0.00004)
    agrees(found["delta"], 0.58895, 2e-3, 0.0001)
    agrees(found["vega"], 21.583, 1e-3, 0.0015)


def test_basket() -> None:
    market = numbers(spot=[100.0, 105.0, 95.0], vol=[0.2, 0.25, 0.18], rate=0.05, correlation=0.5)
    found = greeks_of(BASKET, market, controls="known", sampling=Sampling(paths=1 << 20, block_size=32768))
    agrees(found["value"], 9.4447, 1e-4, 0.0001)
    for name, exact in zip(found.names[1:4], (0.2136, 0.2202, 0.2109)):
        agrees(found[name], exact, 1e-3, 0.00005)
    assert found.names[1:4] == ("delta[0]", "delta[1]", "delta[2]")
    np.testing.assert_allclose(found.vector("delta").value, (0.2136, 0.2202, 0.2109), atol=2e-4)


@pytest.mark.parametrize("method", [pytest.param("survival", marks=pytest.mark.slow), "likelihood ratio"])
def test_down_and_out_on_100_dates(method: str) -> None:
    days = tuple(AS_OF + 4 * k for k in range(1, 101))
    trade = replace(WATCHED, barrier=90.0, monitoring_dates=days, expiry_date=days[-1])
    found = simulate_greeks(
        stretched(trade, 400.0 / 365.0),
        trade,
        CONTEXT,
        MARKET,
        method=OneStepSurvival.of(trade) if method == "survival" else LikelihoodRatio(),
        sampling=Sampling(paths=1 << 16, block_size=2048, ordering="components"),
        savings=False,
    )
    agrees(found["value"], 9.0457, 0.005, 0.0002)


def test_down_and_out_watched_continuously() -> None:
    found = greeks_of(CONTINUOUS, MARKET, controls="known", gamma=Smoothing(0.03))
    agrees(found["value"], 8.665471658, 1e-5)
