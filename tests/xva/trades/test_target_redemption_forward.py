"""Target redemption forward: contract, and the term sheet's cases by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import REDEMPTION, D
from tests.support.path_world import CONTEXT, given
from xva.errors import TradeError
from xva.trades import TargetRedemptionForward
from xva.trades.path_trade import PathTrade


class TestBuyFull(PathTradeContract):
    levels = (1.25,)

    def trade(self) -> PathTrade:
        return replace(REDEMPTION, target=0.2)


class TestSellExact(PathTradeContract):
    levels = (1.25,)

    def trade(self) -> PathTrade:
        return replace(REDEMPTION, target=0.2, direction="sell", last_payment="exact", side="short")


class TestBuyNone(PathTradeContract):
    levels = (1.25,)

    def trade(self) -> PathTrade:
        pay_dates = (D("2026-02-18"), D("2026-03-18"), D("2026-04-17"), D("2026-05-19"))
        return replace(REDEMPTION, target=0.2, last_payment="none", pay_dates=pay_dates)


def amounts(trade: TargetRedemptionForward, *fixings: float) -> list[float]:
    flows = trade.cashflows(given(trade, [[1.25], *([x] for x in fixings)]), trade.none_exercised(CONTEXT, 1))
    assert tuple(f.observed for f in flows) == trade.fixing_dates
    assert {f.currency for f in flows} == {"USD"}
    return [float(f.amount) for f in flows]


@pytest.mark.parametrize(
    ("last_payment", "paid"),
    [
        ("full", [250.0, -250.0, 250.0, 0.0]),
        ("exact", [250.0, -250.0, 125.0, 0.0]),
        ("none", [250.0, -250.0, 0.0, 0.0]),
    ],
)
def test_ends_with_the_fixing_that_reaches_the_target(last_payment: str, paid: list[float]) -> None:
    trade = replace(REDEMPTION, last_payment=last_payment)
    assert amounts(trade, 1.5, 1.125, 1.5, 1.0) == paid
    sell = replace(trade, direction="sell")
    assert amounts(sell, 1.0, 1.375, 1.0, 1.5) == paid


def test_on_the_target_it_has_been_reached() -> None:
    assert amounts(REDEMPTION, 1.5, 1.375, 1.0, 1.0) == [250.0, 125.0, 0.0, 0.0]
    assert amounts(replace(REDEMPTION, last_payment="none"), 1.5, 1.375, 1.0, 1.0) == [250.0, 0.0, 0.0, 0.0]


def test_without_profit_it_lives_to_the_end() -> None:
    assert amounts(REDEMPTION, 1.0, 1.0, 1.0, 1.375) == [-500.0, -500.0, -500.0, 125.0]


def test_state_is_profit_and_whether_it_lives() -> None:
    rows = [[1.25], [1.5], [1.125], [1.5], [2.0]]
    state = REDEMPTION.state(given(REDEMPTION, rows, REDEMPTION.fixing_dates))
    assert state["profit"].ravel().tolist() == [0.25, 0.25, 0.5, 0.5]
    assert state["alive"].ravel().tolist() == [1.0, 1.0, 0.0, 0.0]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"direction": "long"}, "field direction: expected buy or sell"),
    ({"last_payment": "half"}, "field last_payment: expected full or exact or none"),
    ({"target": 0.0}, "field target: expected a positive number"),
    ({"leverage": -1.0}, "field leverage: expected a positive number"),
    ({"quote_currency": "EUR"}, "field quote_currency: expected something other than the base_currency"),
    ({"fixing_dates": ()}, "field fixing_dates: expected a tuple of dates"),
    ({"pay_dates": (D("2026-02-16"),)}, "field pay_dates: expected one date per entry of fixing_dates"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(REDEMPTION, **changes)
    assert message in str(caught.value)
