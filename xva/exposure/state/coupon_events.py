"""Which scalars of the paths running coupons need: states at fixings, what is accrued at both ends of a period."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xva.dates import SAME_TIME
from xva.exposure.compiled import CompiledSet
from xva.exposure.event_keys import EventKey, accrual_key, state_key
from xva.numerics.types import Floats, Ints
from xva.pricing.flow_book import FlowBook, ForwardTable


def running(table: ForwardTable, times: Floats, since: float = 0.0) -> tuple[Ints, Ints]:
    """``(date, row)`` of the simulated coupons that have begun to fix, and are not paid, on dates from ``since`` on."""
    at = times[:, None]
    inside = table.simulated & (at > table.fixing + SAME_TIME) & (at < table.until)
    date, row = np.nonzero(inside & (at >= since - SAME_TIME))
    return date, row


def coupon_events(compiled: CompiledSet, times: Floats, day_zero: int) -> dict[EventKey, float]:
    """Keys and times of all scalars that a set's coupons take from the paths."""
    found: dict[EventKey, float] = {}
    for book, since in compiled.floating:
        for keys, column in coupon_scalars(book, *running(book.forwards, times, since), times, day_zero):
            found.update({key: t for key, t in zip(keys, column.tolist()) if t > SAME_TIME})
    return found


def coupon_scalars(
    book: FlowBook, date: Ints, row: Ints, times: Floats, day_zero: int
) -> Iterator[tuple[list[EventKey], Floats]]:
    """Keys and times: where fixing is done or begins; up to where an overnight coupon has accrued (else as the first)."""
    table, currency = book.forwards, book.currency
    compounded = table.compounded[row]
    first = table.fixing[row]
    upto = np.where(compounded, np.minimum(times[date], table.end[row]), first)
    for column in (first, upto):
        yield (
            [
                (accrual_key if c else state_key)(currency, t, day_zero)
                for c, t in zip(compounded.tolist(), column.tolist())
            ],
            column,
        )
