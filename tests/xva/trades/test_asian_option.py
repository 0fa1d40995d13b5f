"""Arithmetic Asian options: contract, weights, past fixings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_world import AS_OF, given
from xva.errors import TradeError
from xva.trades import AsianOption, TradeContext
from xva.trades.path_trade import PathTrade

D = np.datetime64
CALL = AsianOption(
    trade_id="A1",
    netting_set="N",
    underlying="EQ/ACME",
    currency="USD",
    side="long",
    option_type="call",
    quantity=10.0,
    strike=100.0,
    averaging_dates=(D("2026-02-16"), D("2026-03-16"), D("2026-04-15"), D("2026-05-15")),
    pay_date=D("2026-05-19"),
)
FX_PUT = replace(
    CALL,
    underlying="FX/EUR/USD",
    option_type="put",
    strike=1.2,
    side="short",
    weights=(0.5, 0.125, 0.25, 0.125),
    pay_date=None,
)


class TestEquityCall(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return CALL


class TestWeightedFxPut(PathTradeContract):
    sizes = ("quantity",)
    levels = (1.2,)

    def trade(self) -> PathTrade:
        return FX_PUT


def test_pays_on_the_average() -> None:
    paths = given(CALL, [[100.0], [104.0], [120.0], [100.0], [96.0]])
    (flow,) = CALL.cashflows(paths, CALL.none_exercised(paths.context, 1))
    assert (flow.observed, flow.pay) == (D("2026-05-15"), D("2026-05-19"))
    assert flow.amount.tolist() == [50.0]
    weighted = replace(CALL, weights=(0.5, 0.125, 0.25, 0.125))
    (flow,) = weighted.cashflows(paths, CALL.none_exercised(paths.context, 1))
    assert flow.amount.tolist() == [10.0 * (52.0 + 15.0 + 25.0 + 12.0 - 100.0)]


def test_state_is_the_average_so_far() -> None:
    report = [AS_OF, D("2026-02-16"), D("2026-04-01"), D("2026-07-01")]
    rows = [[100.0], [104.0], [120.0], [1.0], [100.0], [96.0], [5.0]]  # the report's own days do not count
    paths = given(CALL, rows, report)
    assert CALL.state(paths)["average"].ravel().tolist() == [0.0, 26.0, 56.0, 105.0]


def test_price_of_today_is_the_fixing_or_the_market() -> None:
    today = replace(CALL, averaging_dates=(AS_OF, D("2026-02-16")), pay_date=None)
    (flow,) = today.cashflows(given(today, [[106.0], [104.0]]), today.none_exercised(TradeContext(AS_OF), 1))
    assert flow.amount.tolist() == [50.0]
    context = TradeContext(AS_OF, fixings={("EQ/ACME", str(AS_OF)): 116.0})
    paths = given(today, [[106.0], [104.0]], context=context)
    (flow,) = today.cashflows(paths, today.none_exercised(context, 1))
    assert flow.amount.tolist() == [100.0]


def test_what_is_known_is_still_to_be_paid() -> None:
    fixings = {("EQ/ACME", str(day)): 107.0 for day in CALL.averaging_dates}
    context = TradeContext(D("2026-05-16"), fixings=fixings)
    paths = given(CALL, [[1.0]], context=context)
    (flow,) = CALL.cashflows(paths, CALL.none_exercised(context, 1))
    assert flow.amount.tolist() == [70.0]
    assert float(paths.deflated(flow)) == pytest.approx(70.0 * np.exp(-0.03 * 3 / 365))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"averaging_dates": ()}, "field averaging_dates: expected a tuple of dates"),
    ({"averaging_dates": CALL.averaging_dates[::-1]}, "expected dates in increasing order"),
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
        replace(CALL, **changes)
    assert message in str(caught.value)
