"""Autocallable: contract, and the term sheet's cases by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import NOTE, D
from tests.support.path_world import CONTEXT, given
from xva.errors import TradeError
from xva.trades import Autocallable
from xva.trades.path_trade import PathTrade

DAILY = replace(NOTE, knock_in_watch="daily", start_date=D("2026-01-15"))


class TestWatchedOnValuationDates(PathTradeContract):
    levels = (100.0, 80.0, 70.0, 98.0, 95.0)

    def trade(self) -> PathTrade:
        return NOTE


class TestEuropeanWithoutMemory(PathTradeContract):
    levels = (100.0, 80.0, 70.0, 90.0)

    def trade(self) -> PathTrade:
        return replace(
            NOTE, knock_in_watch="maturity", memory=False, pay_dates=(), side="short", put_strike=0.9
        )


class TestDaily(PathTradeContract):
    levels = (100.0, 80.0, 70.0)

    def trade(self) -> PathTrade:
        dates = (D("2026-01-23"), D("2026-02-02"), D("2026-02-10"))
        return replace(DAILY, valuation_dates=dates, call_levels=(1.0, 0.98), pay_dates=())


def amounts(trade: Autocallable, *worst: float) -> list[float]:
    """Paid per date where the worst performer, B, stands at ``worst`` and A a little higher."""
    rows = [[[100.0]] + [[101.0 * w] for w in worst], [[50.0]] + [[50.0 * w] for w in worst]]
    flows = trade.cashflows(given(trade, rows), trade.none_exercised(CONTEXT, 1))
    assert tuple(f.observed for f in flows) == trade.valuation_dates
    assert tuple(f.pay for f in flows) == (trade.pay_dates or trade.valuation_dates)
    return [round(float(f.amount), 9) for f in flows]


@pytest.mark.parametrize(
    ("worst", "paid"),
    [
        ((1.0, 2.0, 2.0, 2.0), [1020.0, 0.0, 0.0, 0.0]),  # called at once, on the level
        ((0.99, 0.99, 2.0, 2.0), [20.0, 1020.0, 0.0, 0.0]),
        ((0.79, 0.78, 0.97, 2.0), [0.0, 0.0, 1060.0, 0.0]),  # missed coupons are remembered
        ((0.79, 0.8, 0.79, 0.81), [0.0, 40.0, 0.0, 1040.0]),  # on the barrier, and once only
        ((0.79, 0.79, 0.79, 0.79), [0.0, 0.0, 0.0, 1000.0]),  # not knocked in
        ((0.79, 0.70, 0.79, 0.79), [0.0, 0.0, 0.0, 790.0]),  # knocked in on the way
        ((0.79, 0.70, 0.79, 1.2), [0.0, 0.0, 0.0, 1080.0]),  # knocked in, back above the strike
        ((0.9, 0.9, 0.9, 0.6), [20.0, 20.0, 20.0, 600.0]),
        ((0.6, 0.99, 0.5, 0.5), [0.0, 1040.0, 0.0, 0.0]),  # knocked in, then called
    ],
)
def test_pays_by_the_term_sheet(worst: tuple[float, ...], paid: list[float]) -> None:
    assert amounts(NOTE, *worst) == paid


def test_without_memory_missed_coupons_are_lost() -> None:
    assert amounts(replace(NOTE, memory=False), 0.79, 0.8, 0.79, 0.81) == [0.0, 20.0, 0.0, 1020.0]


def test_european_knock_in_sees_the_last_date_only() -> None:
    european = replace(NOTE, knock_in_watch="maturity", put_strike=0.8)
    assert amounts(european, 0.79, 0.5, 0.79, 0.71) == [0.0, 0.0, 0.0, 1000.0]
    assert amounts(european, 0.79, 0.5, 0.79, 0.6) == [0.0, 0.0, 0.0, 750.0]


def test_daily_knock_in_sees_every_business_day() -> None:
    days = DAILY.observation_dates(CONTEXT)
    assert len(days) == int(np.busday_count("2026-01-16", "2027-01-16"))
    rows = torch.full((2, len(days) + 1, 2), 90.0, dtype=torch.float64)
    rows[1] = 45.0
    rows[1, 30, 1] = 34.0  # some day between valuation dates
    flows = DAILY.cashflows(given(DAILY, rows.tolist()), DAILY.none_exercised(CONTEXT, 2))
    assert [f.amount.tolist() for f in flows[:-1]] == [[20.0, 20.0]] * 3
    assert flows[-1].amount.tolist() == pytest.approx([1020.0, 920.0])


def test_state_is_nothing_once_redeemed() -> None:
    report = [*NOTE.valuation_dates[:3], D("2026-12-01")]
    worst = [0.79, 0.69, 0.97, 1.5, 1.5]
    rows = [[[100.0], *([100.0 * w] for w in worst)], [[50.0], *([50.0 * w] for w in worst)]]
    state = NOTE.state(given(NOTE, rows, report))
    assert state["alive"].ravel().tolist() == [1.0, 1.0, 0.0, 0.0]
    assert state["missed"].ravel().tolist() == [1.0, 2.0, 0.0, 0.0]
    assert state["knocked"].ravel().tolist() == [0.0, 1.0, 0.0, 0.0]
    short = replace(NOTE, memory=False, knock_in_watch="maturity")
    assert list(short.state(given(short, rows, report))) == ["alive"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"call_levels": (1.0,) * 4}, "field call_levels: expected a tuple of 3 positive numbers"),
    ({"pay_dates": NOTE.pay_dates[:3]}, "field pay_dates: expected one date per entry of valuation_dates"),
    (
        {"pay_dates": (D("2026-04-14"), *NOTE.pay_dates[1:])},
        "field pay_dates: expected one date per entry of valuation_dates, none before it",
    ),
    ({"pay_dates": 3}, "field pay_dates: expected a tuple of dates"),
    ({"memory": "yes"}, "field memory: expected true or false"),
    ({"coupon_rate": -0.1}, "field coupon_rate: expected zero or a positive number"),
    ({"knock_in_watch": "weekly"}, "field knock_in_watch: expected maturity or valuation or daily"),
    ({"knock_in_watch": "daily"}, "field start_date: expected a date"),
    (
        {"knock_in_watch": "daily", "start_date": D("2026-04-15")},
        "field start_date: expected a date before 2026-04-15",
    ),
    ({"start_date": D("2026-01-15")}, "field start_date: expected none, because the knock-in is not"),
    ({"valuation_dates": ()}, "field valuation_dates: expected a tuple of dates"),
    ({"valuation_dates": None}, "field valuation_dates: expected a tuple of dates"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(NOTE, **changes)
    assert message in str(caught.value)
