"""American, Bermudan and European options: contract, exercise dates, cash flows of a given exercise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import AMERICAN_PUT, D
from tests.support.path_world import AS_OF, CONTEXT, given
from xva import dates
from xva.errors import TradeError
from xva.trades import TermsError, TradeContext
from xva.trades.path_trade import PathTrade

FX_CALL = replace(AMERICAN_PUT, underlying="FX/EUR/USD", option_type="call", strike=1.2, side="short")


class TestBermudanEquityPut(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return AMERICAN_PUT


class TestFxCall(PathTradeContract):
    sizes = ("quantity",)
    levels = (1.2,)

    def trade(self) -> PathTrade:
        return FX_CALL


class TestMonthly(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return replace(
            AMERICAN_PUT, exercise=(), frequency="1M", first_date=D("2026-03-15"), settlement_lag=""
        )


def test_holder() -> None:
    assert (AMERICAN_PUT.holder, FX_CALL.holder) == (1, -1)


def test_european_is_one_date() -> None:
    days = replace(AMERICAN_PUT, exercise=()).exercise_dates(CONTEXT)
    assert days.tolist() == [D("2027-01-15").item()]


def test_expiry_is_always_an_exercise_date() -> None:
    days = replace(AMERICAN_PUT, exercise=AMERICAN_PUT.exercise[:1]).exercise_dates(CONTEXT)
    assert list(days) == [D("2026-05-15"), D("2027-01-15")]


def test_american_is_every_business_day() -> None:
    american = replace(AMERICAN_PUT, exercise=(), frequency="business daily", first_date=AS_OF)
    days = american.exercise_dates(CONTEXT)
    every = np.arange(AS_OF + 1, american.expiry_date + 1)
    assert list(days) == list(every[dates.adjust(every, "TARGET", "F") == every])
    assert len(days) == 256
    later = american.exercise_dates(TradeContext(D("2026-12-31")))
    assert list(later) == list(days[days > D("2026-12-31")])


def test_frequency() -> None:
    monthly = replace(AMERICAN_PUT, exercise=(), frequency="3M", first_date=D("2026-04-15"))
    assert list(monthly.exercise_dates(CONTEXT)) == [
        D("2026-04-15"),
        D("2026-07-15"),
        D("2026-10-15"),
        D("2027-01-15"),
    ]


def test_exercise_brings_the_intrinsic_value_two_days_later() -> None:
    paths = given(AMERICAN_PUT, [[100.0, 100.0], [90.0, 120.0], [70.0, 80.0], [95.0, 60.0]])
    exercised = torch.tensor([[1.0, 0.0], [0.0, 0.25], [0.0, 0.75]], dtype=torch.float64)
    flows = AMERICAN_PUT.cashflows(paths, exercised)
    assert [f.pay for f in flows] == [D("2026-05-19"), D("2026-09-17"), D("2027-01-19")]
    assert [f.amount.tolist() for f in flows] == [[100.0, 0.0], [0.0, 50.0], [0.0, 300.0]]
    assert AMERICAN_PUT.maturity == D("2027-01-19")
    short = replace(AMERICAN_PUT, side="short").cashflows(paths, exercised)
    assert short[0].amount.tolist() == [-100.0, 0.0]


def test_exercise_value_is_the_holders_deflated_gain() -> None:
    paths = given(FX_CALL, [[1.2], [1.3], [1.1], [1.5]])
    gains = FX_CALL.exercise_value(paths)
    assert gains is not None
    paid = [CONTEXT.time(d) for d in (D("2026-05-19"), D("2026-09-17"), D("2027-01-19"))]
    expected = 10.0 * np.array([0.1, 0.0, 0.3]) * np.exp(-0.03 * np.array(paid))
    np.testing.assert_allclose(gains[:, 0], expected, rtol=1e-12)
    (flow, *_) = FX_CALL.cashflows(paths, torch.eye(3, 1, dtype=torch.float64))
    assert float(paths.deflated(flow)) == pytest.approx(-expected[0])


def test_currencies_are_those_to_simulate() -> None:
    assert FX_CALL.currencies == ("EUR", "USD")
    assert FX_CALL.equities == ()
    assert AMERICAN_PUT.currencies == ("USD",)
    assert AMERICAN_PUT.equities == (("ACME", "USD"),)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"underlying": "ACME"}, "field underlying: expected an underlying such as EQ/<name> or FX/EUR/USD"),
    ({"underlying": "FX/EUR/EUR"}, "field underlying: expected an underlying"),
    ({"underlying": "FX/USD/EUR"}, "field currency: expected the quote currency of FX/USD/EUR, got 'USD'"),
    ({"side": "buyer"}, "field side: expected long or short"),
    ({"option_type": "CALL"}, "field option_type: expected call or put"),
    ({"exercise": (D("2027-01-18"),)}, "field exercise: expected dates up to the expiry_date 2027-01-15"),
    ({"exercise": (D("2026-05-15"),) * 2}, "field exercise: expected dates in increasing order"),
    ({"exercise": [D("2026-05-15")]}, "field exercise: expected a tuple of dates"),
    ({"exercise": ("2026-05-15",)}, "field exercise: expected a tuple of dates"),
    ({"frequency": "monthly"}, 'field frequency: expected a tenor such as "3M"'),
    ({"frequency": "1M"}, "field exercise: expected none, because there is a frequency"),
    ({"frequency": "1M", "exercise": ()}, "field first_date: expected a date"),
    ({"first_date": D("2026-05-15")}, "field first_date: expected none, because there is no frequency"),
    ({"settlement_lag": "2M"}, "field settlement_lag: expected business days"),
    ({"calendar": "MARS"}, "field calendar: expected a calendar"),
    ({"expiry_date": None}, "field expiry_date: expected a date"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(AMERICAN_PUT, **changes)
    assert str(caught.value).startswith("trade A1, field ")
    assert message in str(caught.value)


def test_tells_all_problems_at_once() -> None:
    with pytest.raises(TermsError) as caught:
        replace(AMERICAN_PUT, strike=0.0, underlying="", exercise=3, calendar="")
    assert len(caught.value.problems) == 4
