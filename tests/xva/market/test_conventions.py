"""One table of conventions: against QuantLib's indices and calendars, and nowhere else a table by currency."""

from __future__ import annotations

import ast

import numpy as np
import pytest
import QuantLib as ql

from tests.support.places import ROOT
from xva import dates
from xva.market.conventions import (
    STANDARD_INDICES,
    TABLE,
    convention_of,
    fx_calendar,
    fx_spot_date,
    standard_swap,
)
from xva.trades import CrossCurrencySwap, TradeContext
from xva.trades.claims import FixedFlow

DAY = np.datetime64
QUANTLIB = {
    "EUR-ESTR": ql.Estr(),
    "EUR-EURIBOR-3M": ql.Euribor3M(),
    "EUR-EURIBOR-6M": ql.Euribor6M(),
    "USD-SOFR": ql.Sofr(),
    "GBP-SONIA": ql.Sonia(),
    "JPY-TONA": ql.Tonar(),
}
DAY_COUNTS = {"Actual/360": "A360", "Actual/365 (Fixed)": "A365"}


@pytest.mark.parametrize("name", STANDARD_INDICES)
def test_indices_are_quantlibs(name: str) -> None:
    ours, theirs = STANDARD_INDICES[name], QUANTLIB[name]
    assert ours.currency == theirs.currency().code()
    assert ours.day_count == DAY_COUNTS[theirs.dayCounter().name()]
    assert ours.fixing_lag == theirs.fixingDays()
    calendar = theirs.fixingCalendar()
    for day in np.arange(DAY("2026-01-01"), DAY("2028-01-01")):
        good = calendar.isBusinessDay(ql.Date(str(day), "%Y-%m-%d"))
        assert good == (dates.adjust(day, ours.calendar, "F") == day), f"{name}: {day}"


def test_a_row_agrees_with_itself() -> None:
    for currency, row in TABLE.items():
        assert row.currency == currency
        assert dates.is_calendar(row.calendar)
        assert {i.currency for i in row.indices} <= {currency}
        assert {i.calendar for i in row.indices} <= {row.calendar}
        assert row.swaption_index in {"", *(i.name for i in row.indices)}
        assert sum(i.overnight for i in row.indices) <= 1


def test_an_unknown_currency_has_one_rule() -> None:
    rule = convention_of("XXX")
    assert (rule.calendar, rule.spot_lag, rule.points) == ("WEEKENDS", 2, 1e4)
    assert (rule.indices, rule.swaption_index) == ((), "")
    assert standard_swap("XXX-IBOR-3M", "XXX") == rule.ibor_swap
    assert (rule.ibor_swap.fixed_frequency, rule.ibor_swap.fixed_day_count) == ("1Y", "30/360")
    assert fx_calendar("XXX", "EUR") == "TARGET+WEEKENDS"


def test_fixed_legs_of_an_unknown_currency_roll_over_weekends() -> None:
    """30 August 2026 is a Sunday; a calendar that never closes would pay on it."""
    swap = CrossCurrencySwap(
        "T",
        "N",
        pay_currency="XXX",
        pay_notional=1.0,
        pay_fixed_rate=0.02,
        receive_currency="YYY",
        receive_notional=1.0,
        receive_fixed_rate=0.03,
        start_date=DAY("2026-02-27"),
        maturity_date=DAY("2026-08-30"),
        frequency="6M",
    )
    paid = {c.pay for c in swap.claims(TradeContext(DAY("2026-01-15"))) if isinstance(c, FixedFlow)}
    days = {DAY("2026-01-15") + np.timedelta64(round(365 * t), "D") for t in paid}
    assert days == {DAY("2026-02-27"), DAY("2026-08-31")}
    assert swap.maturity == DAY("2026-08-31")


@pytest.mark.parametrize(
    ("pair", "spot"),
    [
        (("EUR", "USD"), "2026-01-20"),  # Monday the 19th is a holiday in New York
        (("EUR", "GBP"), "2026-01-19"),
        (("USD", "JPY"), "2026-01-20"),
        (("USD", "XXX"), "2026-01-20"),
    ],
)
def test_fx_settles_two_days_on_in_both_calendars(pair: tuple[str, str], spot: str) -> None:
    assert fx_spot_date(DAY("2026-01-15"), *pair) == DAY(spot)
    assert fx_spot_date(DAY("2026-01-15"), *reversed(pair)) == DAY(spot)


def test_no_other_module_has_a_table_by_currency() -> None:
    """Sterling and yen are named where conventions are, and where the usual market of four currencies is."""
    allowed = {"xva/market/conventions.py", "xva/market/config.py"}
    found = set()
    for top in ("xva", "surrogates", "pipelines"):
        for path in (ROOT / top).rglob("*.py"):
            names = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
            if names & {"GBP", "JPY"}:
                found.add(str(path.relative_to(ROOT)))
    assert found <= allowed
