"""Cash-or-nothing options: contract, edges, fixings, parity, and the price against Black and Scholes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_world import AS_OF, CONTEXT, given, with_prices
from tests.support.statistics import standard_error, three_sigma
from xva.errors import TradeError
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import walk
from xva.models.random import PathNoise, brownian_rotation
from xva.trades import DigitalOption, TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

D = np.datetime64
CALL = DigitalOption(
    trade_id="D1",
    netting_set="N",
    underlying="EQ/ACME",
    currency="USD",
    side="long",
    option_type="call",
    quantity=10.0,
    strike=100.0,
    cash=5.0,
    expiry_date=D("2026-07-15"),
    pay_date=D("2026-07-17"),
)


class TestCall(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    @pytest.mark.parametrize("width", [0.01, 0.05])
    def test_derivatives_are_numbers_on_edges_too(self, width: float) -> None:
        super().test_derivatives_are_numbers_on_edges_too(width)

    def trade(self) -> PathTrade:
        return CALL


class TestShortFxPut(TestCall):
    levels = (1.2,)

    def trade(self) -> PathTrade:
        return replace(
            CALL, underlying="FX/EUR/USD", option_type="put", strike=1.2, side="short", pay_date=None
        )


@pytest.mark.parametrize(
    ("option_type", "expected"), [("call", [0.0, 50.0, 50.0]), ("put", [50.0, 0.0, 0.0])]
)
def test_pays_beyond_the_strike(option_type: str, expected: list[float]) -> None:
    trade = replace(CALL, option_type=option_type)
    paths = given(trade, [[100.0] * 3, [100.0 - 1e-9, 100.0, 120.0]])
    (flow,) = trade.cashflows(paths, trade.none_exercised(CONTEXT, 3))
    assert (flow.observed, flow.pay) == (D("2026-07-15"), D("2026-07-17"))
    assert flow.amount.tolist() == expected


def test_a_fixed_one_pays_what_was_fixed() -> None:
    context = TradeContext(D("2026-07-16"), fixings={("EQ/ACME", "2026-07-15"): 101.0})
    paths = given(CALL, [[90.0]], context=context)
    (flow,) = CALL.cashflows(paths, CALL.none_exercised(context, 1))
    assert flow.amount.tolist() == [50.0]


def test_sharp_it_has_no_derivative() -> None:
    """Not a zero that would pass for one: the amount is cut off from the prices."""
    prices = torch.tensor([[100.0], [100.0]], dtype=torch.float64, requires_grad=True)
    paths = with_prices(given(CALL, [[100.0], [100.0]]), {"EQ/ACME": prices})
    (flow,) = CALL.cashflows(paths, CALL.none_exercised(CONTEXT, 1))
    assert not flow.amount.requires_grad


def test_smoothed_it_is_a_sigmoid_of_the_log_price() -> None:
    paths = replace(given(CALL, [[100.0] * 2, [100.0, 102.0]]), width=0.02)
    (flow,) = CALL.cashflows(paths, CALL.none_exercised(CONTEXT, 2))
    assert CALL.jumps
    expected = 50.0 / (1.0 + np.exp(-np.log([1.0, 1.02]) / 0.02))
    np.testing.assert_allclose(flow.amount, expected, rtol=1e-12)


def test_price_is_that_of_black_and_scholes() -> None:
    rate, vol, dividend, scrambles = 0.05, 0.2, 0.02, 32
    trade = replace(CALL, underlying="EQ/A", quantity=1.0, cash=100.0, expiry_date=AS_OF + 365, pay_date=None)
    spot, vols, yields = (torch.tensor([x], dtype=torch.float64) for x in (95.0, vol, dividend))
    model = EquityBasket.flat("USD", ["A"], spot, vols, rate, yields)
    times = np.array([0.0, 1.0])
    noise = PathNoise(7, scrambles, 3000, brownian_rotation(times[1:]), 1)
    found = []
    for block in range(scrambles):
        path = walk(model, times, noise.grid(block))
        observer = model.observe(path.times, path.states)
        paths = Paths(CONTEXT, observer, np.array([], dtype="datetime64[D]"), 3000)
        (flow,) = trade.cashflows(paths, trade.none_exercised(CONTEXT, 3000))
        found.append(float(paths.deflated(flow).mean()))
    exact = 100.0 * np.exp(-rate) * norm.cdf((np.log(0.95) + rate - dividend - vol**2 / 2) / vol)
    bound = three_sigma(scrambles) * standard_error(found)
    assert 0.0 < bound < 1e-3 * exact
    assert abs(np.mean(found) - exact) <= bound


BAD: list[tuple[dict[str, Any], str]] = [
    ({"cash": -1.0}, "field cash: expected a positive number"),
    ({"strike": float("nan")}, "field strike: expected a positive number"),
    ({"option_type": "straddle"}, "field option_type: expected call or put"),
    ({"underlying": "ACME"}, "field underlying: expected an underlying"),
    ({"expiry_date": "2026-07-15"}, "field expiry_date: expected a date"),
    ({"pay_date": D("2026-07-14")}, "field pay_date: expected a date not before the last observation"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(CALL, **changes)
    assert message in str(caught.value)
