"""Calendars, fixings of today, weekends, flat test indices, and the time that claims take."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.support.samples import SAMPLES
from tests.support.strategies import AS_OF, CONTEXT
from xva import dates
from xva.market.conventions import STANDARD_INDICES
from xva.market.indices import RateIndex
from xva.trades import InterestRateSwap, TradeContext
from xva.trades.claims import CompoundedFlow, FixedFlow, IborFlow, ResetPeriod
from xva.trades.legs import declining, growth, periods

D = np.datetime64
FLAT = RateIndex("EUR-FLAT-6M", "EUR", "6M", "NULL", "A365")


def test_an_index_without_holidays_gives_unadjusted_dates_and_no_lag() -> None:
    trade = InterestRateSwap(
        trade_id="S",
        netting_set="N",
        currency="EUR",
        notional=100.0,
        side="receiver",
        fixed_rate=0.03,
        index=FLAT.name,
        start_date=D("2026-01-03"),  # a Saturday
        maturity_date=D("2028-01-03"),
        fixed_day_count="A365",
    )
    context = TradeContext(D("2026-01-03"), {FLAT.name: FLAT})
    days = [D("2026-01-03"), D("2026-07-03"), D("2027-01-03"), D("2027-07-03"), D("2028-01-03")]
    t = [(day - days[0]).astype(int) / 365.0 for day in days]
    floating = [
        IborFlow("EUR", FLAT.name, a, a, b, b, pytest.approx(-100.0 * (b - a)), pytest.approx(b - a))
        for a, b in pairwise(t)
    ]
    fixed = [FixedFlow("EUR", b, pytest.approx(3.0 * (b - a))) for a, b in ((t[0], t[2]), (t[2], t[4]))]
    assert list(trade.claims(context)) == [*floating, *fixed]
    assert trade.maturity == D("2028-01-03")


def test_a_fixing_of_today_is_used_if_it_is_there() -> None:
    trade = replace(SAMPLES["ibor_swap"], start_date=D("2026-01-19"), maturity_date=D("2031-01-19"))
    assert isinstance(trade.claims(CONTEXT)[0], IborFlow)
    assert trade.claims(CONTEXT)[0].fixing == 0.0
    known = replace(
        CONTEXT, fixings={("EUR-EURIBOR-6M", "2026-01-15"): 0.02, ("EUR-EURIBOR-6M", "2026-07-16"): 9.0}
    )
    first, second = trade.claims(known)[:2]
    assert first == FixedFlow("EUR", first.pay, pytest.approx(1e7 * 0.02 * 182 / 360))
    assert isinstance(second, IborFlow)  # a fixing of the future is not knowledge


def test_a_reset_of_today_uses_the_fixing_if_it_is_there() -> None:
    trade = replace(SAMPLES["cross_currency_swap"], resetting="receive", start_date=AS_OF)
    resets = [c for c in trade.claims(CONTEXT) if isinstance(c, ResetPeriod)]
    assert resets[0].start == 0.0
    known = replace(CONTEXT, fixings={("FX/EUR/USD", str(AS_OF)): 1.2})
    fixed = [c for c in trade.claims(known) if not isinstance(c, ResetPeriod) and c.currency == "USD"]
    assert [type(c) for c in fixed] == [CompoundedFlow, FixedFlow]
    assert fixed[1].amount == pytest.approx(1.2e7)


def test_fx_fixings_of_either_quotation() -> None:
    trade = replace(SAMPLES["cross_currency_swap"], resetting="receive")
    inverted = {
        ("FX/USD/EUR", day) if name == "FX/EUR/USD" else (name, day): 1.0 / v if name == "FX/EUR/USD" else v
        for (name, day), v in CONTEXT.fixings.items()
    }
    direct, other = trade.claims(CONTEXT), trade.claims(replace(CONTEXT, fixings=inverted))
    assert [type(c) for c in direct] == [type(c) for c in other]
    for one, two in zip(direct, other):
        assert one[-2:] == pytest.approx(two[-2:], rel=1e-14)


def test_friday_counts_for_three_days() -> None:
    estr = STANDARD_INDICES["EUR-ESTR"]
    days = ["2026-01-08", "2026-01-09", "2026-01-12", "2026-01-13"]
    rates = [0.01, 0.02, 0.03, 0.04]
    known = {(estr.name, day): rate for day, rate in zip(days, rates)}

    def grown(as_of: str) -> float:
        before = {key: rate for key, rate in known.items() if key[1] < as_of}
        found, day = growth(TradeContext(D(as_of), fixings=before), estr, D("2026-01-08"), D("2026-06-08"))
        assert day == D(as_of)
        return found

    thursday = 1 + 0.01 / 360
    assert grown("2026-01-09") == pytest.approx(thursday, rel=1e-15)
    assert grown("2026-01-10") == pytest.approx(thursday * (1 + 0.02 / 360), rel=1e-15)
    assert grown("2026-01-12") == pytest.approx(thursday * (1 + 3 * 0.02 / 360), rel=1e-15)
    assert grown("2026-01-14") == pytest.approx(
        thursday * (1 + 3 * 0.02 / 360) * (1 + 0.03 / 360) * (1 + 0.04 / 360), rel=1e-15
    )


def test_the_fixing_of_the_day_holds_for_the_night_where_it_is_there() -> None:
    estr = STANDARD_INDICES["EUR-ESTR"]
    known = {(estr.name, "2026-01-08"): 0.01, (estr.name, "2026-01-09"): 0.02}
    context = TradeContext(D("2026-01-09"), fixings=known)  # a Friday
    found, until = growth(context, estr, D("2026-01-08"), D("2026-06-08"))
    assert until == D("2026-01-12")
    assert found == pytest.approx((1 + 0.01 / 360) * (1 + 3 * 0.02 / 360), rel=1e-15)
    found, until = growth(context, estr, D("2026-01-09"), D("2026-01-11"))
    assert (found, until) == (pytest.approx(1 + 2 * 0.02 / 360, rel=1e-15), D("2026-01-11"))
    assert growth(replace(context, fixings={}), estr, D("2026-01-09"), D("2026-06-08")) == (
        1.0,
        context.as_of,
    )


def test_growth_starts_from_yesterdays_fixing_on_a_holiday() -> None:
    known = {("EUR-ESTR", "2026-01-09"): 0.02}
    context = TradeContext(D("2026-01-12"), fixings=known)
    found, until = growth(context, STANDARD_INDICES["EUR-ESTR"], D("2026-01-10"), D("2026-06-08"))
    assert (found, until) == (pytest.approx(1 + 2 * 0.02 / 360, rel=1e-15), context.as_of)


def test_a_finished_overnight_coupon_waits_for_its_payment_as_a_fixed_flow() -> None:
    trade = replace(SAMPLES["overnight_swap"], start_date=D("2025-01-14"), maturity_date=D("2026-01-14"))
    floating, fixed = trade.claims(CONTEXT)
    assert isinstance(floating, FixedFlow)
    assert floating.pay == fixed.pay == pytest.approx(1 / 365.0)


def test_linear_amortisation_and_joint_calendars() -> None:
    assert declining(8.0, 4).tolist() == [8.0, 6.0, 4.0, 2.0]
    assert dates.joint_calendar("TARGET", "NULL", "US", "TARGET") == "TARGET+US"
    assert dates.joint_calendar("NULL") == "NULL"


def test_periods_are_cached_and_cannot_be_written_to() -> None:
    one = periods(D("2026-01-15"), D("2030-01-15"), "3M", "TARGET", 1)
    assert one is periods(D("2026-01-15"), D("2030-01-15"), "3M", "TARGET", 1)
    for days in (one.start, one.end, one.pay):
        with pytest.raises(ValueError, match="read-only"):
            days[0] = D("2020-01-01")


def test_claims_of_a_bank() -> None:
    """2,500 trades with dates of their own, every kind of swap, seasoned."""
    book: list[Any] = []
    kinds = [SAMPLES[name] for name in ("ibor_swap", "overnight_swap", "basis_swap", "cross_currency_swap")]
    kinds.append(replace(SAMPLES["cross_currency_swap"], resetting="receive"))
    for k in range(2500):
        start = D("2022-01-03") + k
        terms = {"start_date": start, "maturity_date": start + 5475, "trade_id": f"T{k}"}
        book.append(replace(kinds[k % len(kinds)], **terms))
    assert all(trade.claims(CONTEXT) for trade in book)
