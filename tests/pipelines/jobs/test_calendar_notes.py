"""Trades that outlive what their calendars know of holidays."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from pipelines.jobs.calendar_notes import calendar_notes
from xva import dates
from xva.market.conventions import BUILT_IN, Conventions, CurrencyConvention
from xva.trades import FxForward

NAMES = {
    "CN": ql.China(ql.China.IB),
    "HK": ql.HongKong(),
    "IL": ql.Israel(ql.Israel.SHIR),
    "IN": ql.India(),
    "KR": ql.SouthKorea(ql.SouthKorea.Settlement),
    "NZ": ql.NewZealand(ql.NewZealand.Wellington),
    "SG": ql.Singapore(),
    "TH": ql.Thailand(),
    "TR": ql.Turkey(),
}


def forward(trade_id: str, currency: str, day: str) -> FxForward:
    return FxForward(
        trade_id=trade_id,
        netting_set="N",
        buy_currency="EUR",
        buy_amount=1.0,
        sell_currency=currency,
        sell_amount=1.0,
        settlement_date=np.datetime64(day),
    )


def count(calendar: ql.Calendar, years: range) -> int:
    """Holidays that are no weekend."""
    return len(calendar.holidayList(ql.Date(1, 1, years[0]), ql.Date(31, 12, years[-1]), False))


@pytest.mark.parametrize("name", sorted(dates.KNOWN_TO))
def test_holidays_get_fewer_after_the_last_year_that_is_known(name: str) -> None:
    last, calendar = dates.KNOWN_TO[name], NAMES[name]
    assert count(calendar, range(last - 2, last + 1)) >= count(calendar, range(last + 1, last + 4)) + 2


def test_all_calendars_that_end_are_listed() -> None:
    """Of the others the next decades have as many holidays as the last years, to two a year."""
    for name in sorted(set(dates._CALENDARS) - set(dates.KNOWN_TO) - {"NULL"}):
        now = count(dates._CALENDARS[name], range(2020, 2026)) / 6.0
        assert count(dates._CALENDARS[name], range(2050, 2098)) / 48.0 >= now - 1.0, name


def test_trades_are_named_by_calendar() -> None:
    trades = [
        forward("A", "HKD", "2026-12-15"),
        forward("B", "HKD", "2029-06-01"),
        forward("C", "HKD", "2031-06-02"),
        forward("D", "TRY", "2035-01-08"),
        forward("E", "USD", "2060-01-08"),
    ]
    hong_kong, turkey = calendar_notes(trades, BUILT_IN)
    assert hong_kong.startswith(
        "calendar HK knows moving holidays up to 2026 only; 2 trades (B, C) end later"
    )
    assert "up to 2031-06-02" in hong_kong
    assert turkey.startswith("calendar TR knows moving holidays up to 2034 only; trade D ends later")


def test_a_currency_has_the_calendar_that_the_job_says() -> None:
    own = Conventions({"USD": CurrencyConvention(currency="USD", calendar="HK")})
    (note,) = calendar_notes([forward("A", "USD", "2030-06-03"), forward("B", "HKD", "2030-06-03")], own)
    assert note.startswith("calendar HK knows moving holidays up to 2026 only; trade A ends later")


def test_a_joint_calendar_ends_with_each_of_its_own() -> None:
    assert dates.known_to("HK+TARGET+TR") == {"HK": 2026, "TR": 2034}
    assert dates.known_to("TARGET+UK") == {}
