"""One table of conventions: against QuantLib's indices and calendars, and nowhere else a table by currency."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import numpy as np
import pytest
import QuantLib as ql

from tests.support.places import ROOT
from xva import dates
from xva.errors import InputErrors
from xva.market.conventions import (
    STANDARD_INDICES,
    TABLE,
    convention_of,
    fx_calendar,
    fx_spot_date,
    read_conventions,
    standard_swap,
)
from xva.trades import CrossCurrencySwap, TradeContext
from xva.trades.claims import FixedFlow

DAY = np.datetime64
DAY_COUNTS = {"Actual/360": "A360", "Actual/365 (Fixed)": "A365"}
WANTED = "EUR USD GBP JPY CHF CAD AUD NZD SEK NOK DKK PLN CZK HUF HKD SGD CNH KRW INR MXN ZAR ILS TRY THB"
DATA = tomllib.loads((ROOT / "xva/market/data/currencies.toml").read_text())
NONE_IN_QUANTLIB = {
    "SEK-STIBOR", "NOK-NOWA", "DKK-CIBOR", "PLN-POLSTR", "CZK-CZEONIA", "HUF-HUFONIA", "HUF-BUBOR", "HKD-HONIA", "HKD-HIBOR",
    "SGD-SORA", "CNH-HIBOR", "KRW-CD", "INR-MIBOR", "MXN-FTIIE", "MXN-TIIE", "TRY-TLREF", "THB-THOR",
}  # fmt: skip


def families() -> Iterator[tuple[str, str, list[str]]]:
    """Names in the data, their sources, and the tenors of families."""
    for row in DATA.values():
        for name, terms in row.get("indices", {}).items():
            yield name, terms["source"], [""]
        for name, terms in row.get("terms", {}).items():
            yield name, terms["source"], terms["tenors"]


def quantlibs() -> list[tuple[str, ql.InterestRateIndex]]:
    """Our indices whose source is a class of QuantLib's, and what that makes."""
    found = []
    for name, source, tenors in families():
        stated = re.match(r"QuantLib (\w+)", source)
        for tenor in tenors if stated else ():
            make = getattr(ql, stated.group(1))  # type: ignore[union-attr]
            found.append((f"{name}-{tenor}" if tenor else name, make(ql.Period(tenor)) if tenor else make()))
    return found


def test_the_currencies_that_are_asked_for_are_there_with_sources() -> None:
    assert list(TABLE) == WANTED.split()
    assert all(source for _, source, _ in families())
    silent = {name for name, source, _ in families() if not source.startswith("QuantLib ")}
    assert silent == NONE_IN_QUANTLIB


@pytest.mark.parametrize(("name", "theirs"), quantlibs(), ids=lambda x: x if isinstance(x, str) else "")
def test_indices_are_quantlibs(name: str, theirs: ql.InterestRateIndex) -> None:
    ours = STANDARD_INDICES[name]
    assert ours.currency == theirs.currency().code()
    assert ours.day_count == DAY_COUNTS[theirs.dayCounter().name()]
    assert ours.fixing_lag == theirs.fixingDays()
    assert ours.overnight == isinstance(theirs, ql.OvernightIndex)
    if not ours.overnight:
        assert dates.tenor_years(ours.tenor) == dates.tenor_years(str(theirs.tenor()))
    calendar = theirs.fixingCalendar()
    days = np.arange(DAY("2026-01-01"), DAY("2028-01-01"))
    good = [calendar.isBusinessDay(ql.Date(str(day), "%Y-%m-%d")) for day in days]
    assert good == (dates.adjust(days, ours.calendar, "F") == days).tolist()


def test_a_row_agrees_with_itself() -> None:
    for currency, row in TABLE.items():
        assert row.currency == currency
        assert dates.is_calendar(row.calendar)
        assert {i.currency for i in row.indices} <= {currency}
        assert {i.calendar for i in row.indices} <= {row.calendar}
        assert row.swaption_index in {"", *(i.name for i in row.indices)}
        assert sum(i.overnight for i in row.indices) <= 1
        assert all(i.swap is not None for i in row.indices)


def test_what_the_four_had_before_the_table_was_data() -> None:
    """Numbers that runs hang on: fixed legs, lags, calendars, points of the currencies that were there first."""
    had = {
        "EUR": ("TARGET", 2, 1e4, "1Y", "30/360", {"EUR-ESTR": (1, "1Y", "A360"), "EUR-EURIBOR-6M": (0, "1Y", "30/360")}),
        "USD": ("US", 1, 1e4, "6M", "30/360", {"USD-SOFR": (2, "1Y", "A360")}),
        "GBP": ("UK", 2, 1e4, "6M", "A365", {"GBP-SONIA": (0, "1Y", "A365")}),
        "JPY": ("JP", 2, 1e2, "6M", "A365", {"JPY-TONA": (2, "1Y", "A365")}),
    }  # fmt: skip
    for currency, (calendar, lag, points, frequency, count, indices) in had.items():
        row = TABLE[currency]
        assert (row.calendar, row.spot_lag, row.points) == (calendar, lag, points)
        assert (row.ibor_swap.fixed_frequency, row.ibor_swap.fixed_day_count) == (frequency, count)
        for name, (paid, fixed, fixed_count) in indices.items():
            swap = standard_swap(name, currency)
            assert (STANDARD_INDICES[name].payment_lag, swap.fixed_frequency, swap.fixed_day_count) == (
                paid,
                fixed,
                fixed_count,
            )


def test_all_that_is_wrong_with_a_table_is_said_at_once() -> None:
    table = {
        "AAA": {"calendar": "MARS", "spot_lag": -1, "indices": {"AAA-ON": {"tenor": "1D", "day_count": "A365"}}},
        "BBB": {"indices": {"BBB-X": {"tenor": "0M", "day_count": "A999", "fixing_lag": 2.5}}},
        "CCC": {"swaption_index": "CCC-Y", "ibor_swap": {"fixed_frequency": "1Y", "fixed_day_count": "30/361"}},
        "DDD": {"spotlag": 2},
    }  # fmt: skip
    with pytest.raises(InputErrors) as error:
        read_conventions(table)
    told = [p.where for p in error.value.problems]
    assert told == [
        "[AAA] index AAA-ON, calendar",
        "[BBB] index BBB-X, tenor",
        "[BBB] index BBB-X, day_count",
        "[BBB] index BBB-X, fixing_lag",
        "[CCC] swap, fixed_day_count",
        "[DDD]",
    ]


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
        (("USD", "CAD"), "2026-01-16"),  # the day after
        (("AUD", "NZD"), "2026-01-20"),  # Monday the 19th is Wellington's anniversary
        (("EUR", "SEK"), "2026-01-19"),
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
