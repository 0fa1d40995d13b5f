"""Periods and legs, shared by the products: terms and a schedule in, claims out.

Times of a period are numpy arrays; a leg's claims are made from them at once. The rate of an ibor coupon
runs over the coupon's own accrual period (QuantLib's "par coupons"). Notionals are signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from xva import dates
from xva.errors import TradeError
from xva.market.conventions import STANDARD_INDICES
from xva.market.indices import RateIndex
from xva.numerics.types import Dates, Floats
from xva.trades.claims import CompoundedFlow, FixedFlow, IborFlow
from xva.trades.context import TradeContext

Flow = FixedFlow | IborFlow | CompoundedFlow


@final
@dataclass(frozen=True)
class Periods:
    """Accrual periods ``(period,)``: first day, last day and payment, ascending datetime64[D]."""

    start: Dates
    end: Dates
    pay: Dates

    def __len__(self) -> int:
        return len(self.pay)

    def paid(self, as_of: np.datetime64) -> int:
        """How many periods pay on or before ``as_of``."""
        return int(np.searchsorted(self.pay, as_of, side="right"))

    def since(self, first: int) -> Periods:
        """The periods from number ``first`` on."""
        return self if first == 0 else Periods(self.start[first:], self.end[first:], self.pay[first:])


@lru_cache(maxsize=1 << 14)
def periods(
    start: np.datetime64, end: np.datetime64, tenor: str, calendar: str, payment_lag: int = 0
) -> Periods:
    """Periods rolled backward from ``end``, modified following; paid ``payment_lag`` business days later.

    Raises
    ------
    TradeError
        Nothing lies between start and end once they are rolled.
    """
    bounds = rolled(start, end, tenor, calendar)
    pay = dates.business_days(bounds[1:], payment_lag, calendar)
    pay.setflags(write=False)
    return Periods(bounds[:-1], bounds[1:], pay)


def rolled(
    start: np.datetime64, end: np.datetime64, tenor: str, calendar: str, convention: str = "MF"
) -> Dates:
    """`dates.schedule` of a trade.

    Raises
    ------
    TradeError
        Start and end roll to one day.
    """
    try:
        return dates.schedule(start, end, tenor, calendar, convention)
    except ValueError:
        days = np.array([start, end], dtype="datetime64[D]")
        day, fix = dates.adjust(days, calendar, convention)[0], "take it out, or give it another start or end"
        expected = f"a start and an end on two business days of {calendar}"
        got = f"{start} and {end}, which both roll to {day}" if start < end else f"{start} and {end}"
        raise TradeError.of("schedule", expected, got, fix) from None


def index_periods(
    index: RateIndex, start: np.datetime64, end: np.datetime64, frequency: str, calendar: str = ""
) -> Periods:
    """Periods of a floating leg: the index's tenor, or ``frequency`` if the index is overnight."""
    tenor, lag = (frequency, index.payment_lag) if index.overnight else (index.tenor, 0)
    return periods(start, end, tenor, calendar or index.calendar, lag)


@lru_cache(maxsize=1 << 16)
def last_payment(end: np.datetime64, *index_names: str, calendar: str = "NULL") -> np.datetime64:
    """When legs on these indices that end on ``end`` have paid; only standard indices move it."""
    known = [STANDARD_INDICES[name] for name in index_names if name in STANDARD_INDICES]
    joint = dates.joint_calendar(calendar, *(index.calendar for index in known))
    last = dates.adjust(end, joint)
    lag = max((index.payment_lag for index in known), default=0)
    return dates.business_days(last, lag, joint) if lag else last


def declining(notional: float, count: int) -> Floats:
    """Notionals ``(count,)`` that fall by equal steps and would be zero after the last period."""
    return notional * (1.0 - np.arange(count) / count)


def fixed_leg(
    context: TradeContext,
    currency: str,
    accrual: Periods,
    day_count: str,
    rate: float,
    notional: float | Floats,
) -> list[FixedFlow]:
    """``notional * rate * year fraction`` of each unpaid period; ``notional`` a scalar or ``(period,)``."""
    first = accrual.paid(context.as_of)
    live = accrual.since(first)
    if not len(live):
        return []
    amounts = _tail(notional, first, len(live)) * rate * year_fractions(day_count, live)
    pays = context.times(live.pay)
    return [FixedFlow(currency, t, a) for t, a in zip(pays.tolist(), amounts.tolist())]


def floating_leg(
    context: TradeContext,
    index: RateIndex,
    accrual: Periods,
    spread: float,
    notional: float | Floats,
) -> list[Flow]:
    """Coupons on ``index`` of each unpaid period, the spread as fixed flows beside them."""
    leg = _compounded_leg if index.overnight else _ibor_leg
    flows = leg(context, index, accrual, notional)
    if spread:
        flows += fixed_leg(context, index.currency, accrual, index.day_count, spread, notional)
    return flows


class IborPeriod(NamedTuple):
    """One unpaid ibor period in times; ``known`` is the fixing, or NaN if it is still open."""

    fixing: float
    start: float
    end: float
    pay: float
    accrual: float
    known: float

    @property
    def open(self) -> bool:
        return self.known != self.known


def ibor_periods(context: TradeContext, index: RateIndex, accrual: Periods) -> Iterator[IborPeriod]:
    """The unpaid periods of an ibor index with their fixings.

    Raises
    ------
    TradeError
        A fixing before ``as_of`` is missing.
    """
    live = accrual.since(accrual.paid(context.as_of))
    if not len(live):
        return iter(())
    fixing = dates.business_days(live.start, -index.fixing_lag, index.calendar)
    columns = (
        context.times(fixing),
        context.times(live.start),
        context.times(live.end),
        context.times(live.pay),
        year_fractions(index.day_count, live),
        context.fixed(index.name, fixing),
    )
    return map(IborPeriod, *(column.tolist() for column in columns))


def _ibor_leg(
    context: TradeContext, index: RateIndex, accrual: Periods, notional: float | Floats
) -> list[Flow]:
    first = accrual.paid(context.as_of)
    notionals = _tail(notional, first, len(accrual) - first).tolist()
    ccy, name = index.currency, index.name
    return [
        IborFlow(ccy, name, p.fixing, p.start, p.end, p.pay, n * p.accrual, p.accrual)
        if p.open
        else FixedFlow(ccy, p.pay, n * p.accrual * p.known)
        for p, n in zip(ibor_periods(context, index, accrual), notionals)
    ]


def _compounded_leg(
    context: TradeContext, index: RateIndex, accrual: Periods, notional: float | Floats
) -> list[Flow]:
    first = accrual.paid(context.as_of)
    live = accrual.since(first)
    if not len(live):
        return []
    times = [context.times(days).tolist() for days in (live.start, live.end, live.pay)]
    flows: list[Flow] = []
    for k, (start, end, pay, n) in enumerate(zip(*times, _tail(notional, first, len(live)).tolist())):
        grown, until = (1.0, start)
        if start <= 0.0:
            grown, day = growth(context, index, live.start[k], live.end[k])
            until = context.time(day)
        if until >= end:
            flows.append(FixedFlow(index.currency, pay, n * (grown - 1.0)))
        else:
            flows.append(CompoundedFlow(index.currency, index.name, until, end, pay, n, grown))
    return flows


def growth(
    context: TradeContext, index: RateIndex, start: np.datetime64, end: np.datetime64
) -> tuple[float, np.datetime64]:
    """What one unit lent at ``start``, on or before ``as_of``, has grown to at the overnight fixings, and until when.

    A fixing holds from its business day until the next one, so Friday's counts for three days. Known is the growth up to
    ``as_of`` (or ``end``), and that of the night to come where the fixing of ``as_of`` is there. If ``as_of`` is not a
    business day, the last fixing before it accrues until ``as_of``.

    Raises
    ------
    TradeError
        A fixing before ``as_of`` is missing.
    """
    stop = min(end, context.as_of)
    if stop < end and dates.adjust(stop, index.calendar, "F") == stop:
        tonight = context.fixed(index.name, np.array([stop]))
        if not np.isnan(tonight[0]):
            stop = min(end, dates.business_days(stop, 1, index.calendar))
    days = np.arange(dates.adjust(start, index.calendar, "P"), stop)
    fixing_days = days[dates.adjust(days, index.calendar, "F") == days]
    if not len(fixing_days):
        return 1.0, stop
    bounds = np.concatenate([[start], fixing_days[1:], [stop]]).astype("datetime64[D]")
    rates = context.fixed(index.name, fixing_days)
    accruals = dates.year_fraction(index.day_count, bounds[:-1], bounds[1:])
    return float(np.prod(1.0 + rates * accruals)), stop


def year_fractions(day_count: str, accrual: Periods) -> Floats:
    """Year fraction ``(period,)`` of each period."""
    return np.asarray(dates.year_fraction(day_count, accrual.start, accrual.end), dtype=np.float64)


def _tail(notional: float | Floats, first: int, count: int) -> Floats:
    """The last ``count`` notionals, from number ``first``; a scalar stands for all."""
    if isinstance(notional, np.ndarray):
        return notional[first:]
    return np.full(count, notional, dtype=np.float64)


def fixed_float_flows(
    context: TradeContext,
    index: RateIndex,
    start: np.datetime64,
    end: np.datetime64,
    fixed: tuple[float, str, str],
    spread: float,
    notional: float,
    amortising: bool = False,
) -> list[Flow]:
    """Both legs: ``notional`` > 0 receives the index and pays ``fixed``, (rate, frequency, day count).

    An overnight leg has the fixed leg's frequency and both legs pay with the index's lag. Amortising:
    the notional falls linearly over the floating periods; a fixed coupon has that of its first day.
    """
    rate, frequency, day_count = fixed
    floating = index_periods(index, start, end, frequency)
    lag = index.payment_lag if index.overnight else 0
    paying = periods(start, end, frequency, index.calendar, lag)
    received: float | Floats = notional
    paid: float | Floats = notional
    if amortising:
        received = declining(notional, len(floating))
        paid = received[np.searchsorted(floating.start, paying.start, side="right") - 1]
    flows = floating_leg(context, index, floating, spread, received)
    flows += fixed_leg(context, index.currency, paying, day_count, -rate, paid)
    return flows
