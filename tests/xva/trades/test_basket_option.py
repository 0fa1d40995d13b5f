"""Basket, worst-of and best-of options: contract and payoffs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import BASKET_CALL, D
from tests.support.path_world import CONTEXT, given
from xva.errors import TradeError
from xva.trades.path_trade import PathTrade


class TestCall(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return BASKET_CALL

    def scale(self, number: int) -> float:
        return (100.0, 120.0, 1.1)[number]


class TestShortPut(TestCall):
    def trade(self) -> PathTrade:
        return replace(BASKET_CALL, option_type="put", side="short", pay_date=None)


@pytest.mark.parametrize(("option_type", "expected"), [("call", [40.0, 0.0]), ("put", [0.0, 135.0])])
def test_pays_on_the_weighted_sum(option_type: str, expected: list[float]) -> None:
    paths = given(
        BASKET_CALL, [[[100.0, 100.0], [110.0, 90.0]], [[1.0, 1.0], [108.0, 94.0]], [[1.0, 1.0], [1.1, 0.9]]]
    )
    trade = replace(BASKET_CALL, weights=(0.5, 0.25, 20.0), option_type=option_type)
    (flow,) = trade.cashflows(paths, trade.none_exercised(CONTEXT, 2))
    baskets = np.array([55.0 + 27.0 + 22.0, 45.0 + 23.5 + 18.0])
    sign = 1.0 if option_type == "call" else -1.0
    np.testing.assert_allclose(flow.amount, 10.0 * np.maximum(sign * (baskets - 100.0), 0.0), rtol=1e-12)
    np.testing.assert_allclose(flow.amount, expected, rtol=1e-12)


def test_currencies_are_those_to_simulate() -> None:
    assert BASKET_CALL.currencies == ("EUR", "USD")
    assert BASKET_CALL.equities == (("A", "USD"), ("B", "USD"))
    quanto = replace(BASKET_CALL, underlying_currencies=("JPY", "GBP", "USD"))
    assert quanto.currencies == ("EUR", "GBP", "JPY", "USD")
    assert quanto.equities == (("A", "JPY"), ("B", "GBP"))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"underlyings": ("EQ/A",)}, "field underlyings: expected two or more underlyings, each once"),
    ({"underlyings": ("EQ/A", "EQ/A", "EQ/B")}, "field underlyings: expected two or more underlyings"),
    ({"underlyings": ("EQ/A", "B", "EQ/C")}, "field underlyings: expected a tuple, each an underlying"),
    ({"underlyings": "EQ/A"}, "field underlyings: expected a tuple, each an underlying"),
    ({"weights": (1.0, 1.0)}, "field weights: expected a tuple of 3 positive numbers"),
    ({"weights": (1.0, 1.0, 0.0)}, "field weights: expected a tuple of 3 positive numbers"),
    (
        {"underlying_currencies": ("USD", "USD")},
        "field underlying_currencies: expected a tuple of 3 currencies",
    ),
    ({"underlying_currencies": ("USD", "usd", "USD")}, "expected a tuple of 3 currencies"),
    ({"underlying_currencies": ("USD", "USD", "EUR")}, "expected the quote currency for an exchange rate"),
    ({"option_type": "straddle"}, "field option_type: expected call or put"),
    ({"pay_date": D("2026-07-14")}, "field pay_date: expected a date not before"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(BASKET_CALL, **changes)
    assert message in str(caught.value)
