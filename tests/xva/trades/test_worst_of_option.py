"""Worst-of and best-of options: contract and payoffs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import WORST_PUT, D
from tests.support.path_world import CONTEXT, given
from xva.errors import TradeError
from xva.trades.path_trade import PathTrade


class TestWorstOfPut(PathTradeContract):
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return WORST_PUT


class TestBestOfCall(PathTradeContract):
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return replace(WORST_PUT, measure="best", option_type="call", side="short", pay_date=D("2026-07-17"))


@pytest.mark.parametrize(
    ("measure", "option_type", "expected"),
    [
        ("worst", "put", [200.0, 0.0]),
        ("worst", "call", [0.0, 100.0]),
        ("best", "put", [0.0, 0.0]),
        ("best", "call", [200.0, 300.0]),
    ],
)
def test_pays_on_one_performance(measure: str, option_type: str, expected: list[float]) -> None:
    trade = replace(WORST_PUT, measure=measure, option_type=option_type)
    prices = [[[100.0] * 2, [80.0, 110.0]], [[50.0] * 2, [60.0, 65.0]], [[20.0] * 2, [21.0, 24.0]]]
    (flow,) = trade.cashflows(given(trade, prices), trade.none_exercised(CONTEXT, 2))
    np.testing.assert_allclose(flow.amount, expected, rtol=1e-12, atol=1e-12)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"measure": "median"}, "field measure: expected worst or best"),
    ({"initial_prices": (100.0, 50.0)}, "field initial_prices: expected a tuple of 3 positive numbers"),
    ({"strike": -1.0}, "field strike: expected a positive number"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(WORST_PUT, **changes)
    assert message in str(caught.value)
