"""Legs of many swaps at once: the flows that `xva.trades.legs` makes one by one, to the last bit, by columns.

A swap whose terms give no schedule, or that lacks a fixing, is left to that module, which says what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from xva import dates
from xva.errors import TradeError
from xva.market.indices import RateIndex
from xva.numerics.types import Dates, Floats, Ints
from xva.schedules import schedules
from xva.trades.context import TradeContext
from xva.trades.flow_table import COMPOUNDED, FIXED, IBOR, NONE, FlowTable
from xva.trades.legs import growth

Mask = NDArray[np.bool_]


class SwapColumns(NamedTuple):
    """Terms of swaps ``(swap,)``; ``number`` is the swap's own, ``notional`` positive where the index is received."""

    number: Ints
    start: Dates
    end: Dates
    rate: Floats
    spread: Floats
    notional: Floats


@final
@dataclass(frozen=True, eq=False)
class _Live:
    """Unpaid periods ``(period,)`` of many legs; ``owner`` is the place among the swaps, increasing."""

    owner: Ints
    start: Dates
    end: Dates
    pay: Dates

    def where(self, kept: Mask) -> _Live:
        return _Live(self.owner[kept], self.start[kept], self.end[kept], self.pay[kept])


def fixed_float_table(
    context: TradeContext, index: RateIndex, fixed: tuple[str, str], swaps: SwapColumns
) -> tuple[FlowTable, Mask]:
    """Flows of swaps on one index, as `xva.trades.legs.fixed_float_flows` makes those of one.

    Parameters
    ----------
    fixed : tuple of str
        Frequency and day count of the fixed legs.

    Returns
    -------
    FlowTable
        ``owner`` is the swap's ``number``.
    ndarray
        ``(swap,)`` which are in it: the others are to be asked one by one.
    """
    frequency, day_count = fixed
    if index.overnight:
        floating, made = _periods(context, swaps, frequency, index.calendar, index.payment_lag)
        paying, coupons = floating, _compounded(context, index, floating, swaps, made)
    else:
        floating, made = _periods(context, swaps, index.tenor, index.calendar, 0)
        paying, also = _periods(context, swaps, frequency, index.calendar, 0)
        made &= also
        coupons = _ibor(context, index, floating, swaps, made)
    spread = floating.where(swaps.spread[floating.owner] != 0.0)
    legs = [
        coupons,
        _fixed(context, index, index.day_count, spread, swaps, swaps.spread),
        _fixed(context, index, day_count, paying, swaps, -swaps.rate),
    ]
    whole = FlowTable.joined([leg if made.all() else leg.where(made[leg.owner]) for leg in legs])
    return replace(whole, owner=swaps.number[whole.owner]), made


def _periods(
    context: TradeContext, swaps: SwapColumns, tenor: str, calendar: str, lag: int
) -> tuple[_Live, Mask]:
    """The unpaid periods, and whose schedule has any."""
    bounds = schedules(swaps.start, swaps.end, tenor, calendar)
    inner = bounds.inner
    owner, end = bounds.owner[1:][inner], bounds.day[1:][inner]
    made = np.zeros(len(swaps.start), dtype=bool)
    made[owner] = True
    pay = dates.business_days(end, lag, calendar)
    live = pay > context.as_of
    return _Live(owner[live], bounds.day[:-1][inner][live], end[live], pay[live]), made


def _ibor(context: TradeContext, index: RateIndex, live: _Live, swaps: SwapColumns, made: Mask) -> FlowTable:
    """Coupons, those already fixed as known amounts; swaps that lack a past fixing are taken out of ``made``."""
    fixing = dates.business_days(live.start, -index.fixing_lag, index.calendar)
    known = context.known(index.name, fixing)
    made[live.owner[np.isnan(known) & (fixing < context.as_of)]] = False
    accrual = dates.year_fraction(index.day_count, live.start, live.end)
    amount = swaps.notional[live.owner] * accrual
    is_open = np.isnan(known)
    times = [np.where(is_open, context.times(days), 0.0) for days in (fixing, live.start, live.end)]
    return _table(
        index,
        live.owner,
        np.where(is_open, IBOR, FIXED),
        *times,
        context.times(live.pay),
        np.where(is_open, amount, amount * known),
        np.where(is_open, accrual, 0.0),
    )


def _compounded(
    context: TradeContext, index: RateIndex, live: _Live, swaps: SwapColumns, made: Mask
) -> FlowTable:
    """Overnight coupons with what they have accrued; swaps that lack a past fixing are taken out of ``made``."""
    start, end, notional = context.times(live.start), context.times(live.end), swaps.notional[live.owner]
    accrued, until = np.ones_like(start), start.copy()
    (begun,) = np.nonzero(start <= 0.0)
    spans = np.stack([live.start[begun], live.end[begun]], axis=1)
    each, place = np.unique(spans, axis=0, return_inverse=True)
    grown = [_growth(context, index, *span) for span in each]
    accrued[begun] = np.array([g for g, _ in grown])[place.ravel()]
    until[begun] = np.array([u for _, u in grown])[place.ravel()]
    made[live.owner[np.isnan(accrued)]] = False
    is_open = until < end
    return _table(
        index,
        live.owner,
        np.where(is_open, COMPOUNDED, FIXED),
        np.zeros_like(start),
        np.where(is_open, until, 0.0),
        np.where(is_open, end, 0.0),
        context.times(live.pay),
        np.where(is_open, notional, notional * (accrued - 1.0)),
        np.where(is_open, accrued, 0.0),
    )


def _growth(
    context: TradeContext, index: RateIndex, start: np.datetime64, end: np.datetime64
) -> tuple[float, float]:
    """What one unit has grown to and until when; NaN where a fixing is missing."""
    try:
        accrued, day = growth(context, index, start, end)
    except TradeError:
        return np.nan, 0.0
    return accrued, context.time(day)


def _fixed(
    context: TradeContext, index: RateIndex, day_count: str, live: _Live, swaps: SwapColumns, rate: Floats
) -> FlowTable:
    fractions = dates.year_fraction(day_count, live.start, live.end)
    amount = swaps.notional[live.owner] * rate[live.owner] * fractions
    zero = np.zeros_like(amount)
    kind = np.full(len(amount), FIXED)
    return _table(index, live.owner, kind, zero, zero, zero, context.times(live.pay), amount, zero)


def _table(index: RateIndex, owner: Ints, kind: Ints, *numbers: Floats) -> FlowTable:
    """Flows in the index's currency; ``numbers`` from ``fixing`` on."""
    currency = np.zeros(len(owner), dtype=np.int64)
    of = np.where(kind == FIXED, NONE, 1)
    return FlowTable((index.currency, index.name), owner, kind, currency, of, *numbers)
