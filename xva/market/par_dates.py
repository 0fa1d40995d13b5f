"""Dates of the instruments that rate curves are built from: deposits, FRAs, futures, swaps, tenor basis swaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xva import dates
from xva.market.conventions import swap_convention
from xva.market.indices import RateIndex
from xva.market.labels import QuoteInfo, quote_info
from xva.numerics.types import Dates


@dataclass(frozen=True)
class SwapDates:
    """Dates of one par instrument, for unit notional.

    ``starts``, ``ends``, ``float_pays`` are ``(floating coupon,)``; ``fixed_pays`` and ``accruals`` (year
    fractions) ``(fixed coupon,)``. Of a tenor basis swap the fixed coupons are those of the spread, negative where it is on
    the leg whose curve is built, and ``other`` is the leg on the other index.
    """

    starts: Dates
    ends: Dates
    float_pays: Dates
    fixed_pays: Dates
    accruals: NDArray[np.float64]
    other: OtherLeg | None = None

    @property
    def last(self) -> np.datetime64:
        """The last date that the instrument's value depends on."""
        last: np.datetime64 = np.concatenate([self.ends, self.float_pays, self.fixed_pays]).max()
        return last


def instrument_dates(
    as_of: np.datetime64, quote_id: str, index: RateIndex, other: RateIndex | None = None
) -> SwapDates:
    """Dates of the instrument that a quote is about; ``other`` is the other index of a tenor basis swap.

    Deposits and swaps begin the quote's lag after ``as_of``; FRAs in so many months from the index's own spot date, futures on
    the third Wednesday of their month, tenor basis swaps on the spot date of swaps on the longer index.
    Deposits and overnight swaps from the last business day of a month end on the last business day of theirs.
    """
    info = quote_info(quote_id)
    calendar = index.calendar
    if info.family == "FRA":
        begin = dates.advance(
            dates.business_days(as_of, index.fixing_lag, calendar), info.terms["start"], calendar
        )
        return _one_period(begin, index)
    if info.family == "future":
        return _one_period(dates.third_wednesday(info.terms["month"]), index)
    if info.family == "tenor basis":
        assert other is not None
        return _basis(as_of, info, index, other)
    spot = dates.business_days(as_of, int(info.terms["lag"][:-1]), calendar)
    month_end = calendar != "NULL" and bool(spot == dates.end_of_month(spot, calendar))
    if info.family == "deposit":
        last = dates.adjust(_end(spot, info.tenor, calendar, month_end), calendar)
        end = np.array([last], dtype="datetime64[D]")
        start = np.array([spot], dtype="datetime64[D]")
        return SwapDates(start, end, end, end, dates.year_fraction(index.day_count, start, end))
    convention = swap_convention(index)
    if index.overnight:
        end_date = _end(spot, info.tenor, calendar, month_end)
        fixed = floating = dates.schedule(
            spot, end_date, convention.fixed_frequency, calendar, end_of_month=month_end
        )
    else:
        end_date = dates.add_tenor(spot, info.tenor)
        fixed = dates.schedule(spot, end_date, convention.fixed_frequency, calendar)
        floating = dates.schedule(spot, end_date, index.tenor, calendar)
    lag = index.payment_lag if index.overnight else 0
    return SwapDates(
        starts=floating[:-1],
        ends=floating[1:],
        float_pays=dates.business_days(floating[1:], lag, calendar),
        fixed_pays=dates.business_days(fixed[1:], lag, calendar),
        accruals=dates.year_fraction(convention.fixed_day_count, fixed[:-1], fixed[1:]),
    )


def _end(spot: np.datetime64, tenor: str, calendar: str, month_end: bool) -> np.datetime64:
    """Unadjusted end, but the last business day of the month if ``spot`` is one."""
    end = dates.add_tenor(spot, tenor)
    return dates.end_of_month(end, calendar) if month_end and tenor[-1] in "MY" else end


@dataclass(frozen=True)
class OtherLeg:
    """The floating leg of a tenor basis swap on the index whose curve is known; ``(coupon,)`` each."""

    starts: Dates
    ends: Dates


def _one_period(begin: np.datetime64, index: RateIndex) -> SwapDates:
    """One period of the index; what it pays is settled at its end, discounted alike on both sides."""
    start = np.array([begin], dtype="datetime64[D]")
    last = dates.advance(begin, index.tenor, index.calendar)
    end = np.array([last], dtype="datetime64[D]")
    return SwapDates(start, end, end, end, dates.year_fraction(index.day_count, start, end))


def _basis(as_of: np.datetime64, info: QuoteInfo, index: RateIndex, other: RateIndex) -> SwapDates:
    """Floating against floating, each leg by its own tenor (an overnight leg by the other's), the spread on the shorter."""
    short, long = sorted((index, other), key=lambda i: 0.0 if i.overnight else dates.tenor_years(i.tenor))
    spot = dates.business_days(as_of, swap_convention(long).spot_lag, long.calendar)
    end = dates.add_tenor(spot, info.tenor)
    legs = {
        i.name: dates.schedule(spot, end, long.tenor if i.overnight else i.tenor, i.calendar)
        for i in (short, long)
    }
    own, its, spread = legs[index.name], legs[other.name], legs[short.name]
    accruals = dates.year_fraction(short.day_count, spread[:-1], spread[1:])
    return SwapDates(
        starts=own[:-1],
        ends=own[1:],
        float_pays=own[1:],
        fixed_pays=spread[1:],
        accruals=-accruals if short is index else accruals,
        other=OtherLeg(its[:-1], its[1:]),
    )
