"""Arithmetic Asian options: contract, weights, past fixings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import ASIAN_CALL, ASIAN_FX_PUT, D
from tests.support.path_world import AS_OF, given
from xva.errors import TradeError
from xva.trades import TradeContext
from xva.trades.path_trade import PathTrade


class TestEquityCall(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return ASIAN_CALL


class TestWeightedFxPut(PathTradeContract):
    sizes = ("quantity",)
    levels = (1.2,)

    def trade(self) -> PathTrade:
        return ASIAN_FX_PUT


def test_pays_on_the_average() -> None:
    paths = given(ASIAN_CALL, [[100.0], [104.0], [120.0], [100.0], [96.0]])
    (flow,) = ASIAN_CALL.cashflows(paths, ASIAN_CALL.none_exercised(paths.context, 1))
    assert (flow.observed, flow.pay) == (D("2026-05-15"), D("2026-05-19"))
    assert flow.amount.tolist() == [50.0]
    weighted = replace(ASIAN_CALL, weights=(0.5, 0.125, 0.25, 0.125))
    (flow,) = weighted.cashflows(paths, ASIAN_CALL.none_exercised(paths.context, 1))
    assert flow.amount.tolist() == [10.0 * (52.0 + 15.0 + 25.0 + 12.0 - 100.0)]


def test_state_is_the_average_so_far() -> None:
    report = [AS_OF, D("2026-02-16"), D("2026-04-01"), D("2026-07-01")]
    rows = [[100.0], [104.0], [120.0], [1.0], [100.0], [96.0], [5.0]]  # the report's own days do not count
    paths = given(ASIAN_CALL, rows, report)
    assert ASIAN_CALL.state(paths)["average"].ravel().tolist() == [0.0, 26.0, 56.0, 105.0]


def test_price_of_today_is_the_fixing_or_the_market() -> None:
    today = replace(ASIAN_CALL, averaging_dates=(AS_OF, D("2026-02-16")), pay_date=None)
    (flow,) = today.cashflows(given(today, [[106.0], [104.0]]), today.none_exercised(TradeContext(AS_OF), 1))
    assert flow.amount.tolist() == [50.0]
    context = TradeContext(AS_OF, fixings={("EQ/ACME", str(AS_OF)): 116.0})
    paths = given(today, [[106.0], [104.0]], context=context)
    (flow,) = today.cashflows(paths, today.none_exercised(context, 1))
    assert flow.amount.tolist() == [100.0]


def test_what_is_known_is_still_to_be_paid() -> None:
    fixings = {("EQ/ACME", str(day)): 107.0 for day in ASIAN_CALL.averaging_dates}
    context = TradeContext(D("2026-05-16"), fixings=fixings)
    paths = given(ASIAN_CALL, [[1.0]], context=context)
    (flow,) = ASIAN_CALL.cashflows(paths, ASIAN_CALL.none_exercised(context, 1))
    assert flow.amount.tolist() == [70.0]
    assert float(paths.deflated(flow)) == pytest.approx(70.0 * np.exp(-0.03 * 3 / 365))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"averaging_dates": ()}, "field averaging_dates: expected a tuple of dates"),
    ({"averaging_dates": ASIAN_CALL.averaging_dates[::-1]}, "expected dates in increasing order"),
    ({"weights": (0.5, 0.5)}, "field weights: expected a tuple of 4 positive numbers"),
    ({"weights": (0.5, 0.5, 0.5, 0.5)}, "field weights: expected numbers that add up to 1"),
    ({"weights": (0.5, 0.5, 0.5, -0.5)}, "field weights: expected a tuple of 4 positive numbers"),
    (
        {"pay_date": D("2026-05-14")},
        "field pay_date: expected a date not before the last observation 2026-05-15",
    ),
    ({"pay_date": "2026-05-19"}, "field pay_date: expected a date (numpy"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(ASIAN_CALL, **changes)
    assert message in str(caught.value)
