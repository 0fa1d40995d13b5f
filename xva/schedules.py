"""Schedules of many trades at once, by columns: the dates of `xva.dates.schedule` (backward), made by numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from xva import dates

Dates = NDArray[np.datetime64]
Ints = NDArray[np.int64]
_DAY = np.timedelta64(1, "D")


@final
@dataclass(frozen=True, eq=False)
class Schedules:
    """Adjusted period bounds of many schedules, one after the other.

    ``day`` ``(bound,)`` datetime64[D], increasing within a schedule; ``owner`` ``(bound,)`` its number, increasing. A
    schedule whose start and end are not in order, or roll to one day, has fewer than two bounds.
    """

    day: Dates
    owner: Ints

    @property
    def inner(self) -> NDArray[np.bool_]:
        """``(bound - 1,)`` whether a bound and the next one make a period."""
        found: NDArray[np.bool_] = self.owner[1:] == self.owner[:-1]
        return found


def schedules(start: Dates, end: Dates, tenor: str, calendar: str, convention: str = "MF") -> Schedules:
    """Schedules rolled backward from ``end``, as `xva.dates.schedule` makes one.

    QuantLib's rule: unadjusted dates are whole tenors before the end (months counted from the end's own day), a remainder is
    a short first period, and what rolls to one day is one bound.

    Parameters
    ----------
    start, end : ndarray
        ``(schedule,)`` datetime64[D], unadjusted.
    tenor : str
        Of a period; `xva.dates.LENGTH`.
    """
    owner, unadjusted = _bounds(start, end, *_length(tenor))
    rolled = dates.adjust(unadjusted, calendar, convention)
    valid = (start < end)[owner]
    valid[1:] &= (rolled[1:] != rolled[:-1]) | (owner[1:] != owner[:-1])  # rolling keeps the order
    return Schedules(rolled[valid], owner[valid])


def _length(tenor: str) -> tuple[int, bool]:
    """A tenor as months, or (False) as days."""
    number, unit = int(tenor[:-1]), tenor[-1]
    return number * {"D": 1, "W": 7, "M": 1, "Y": 12}[unit], unit in "MY"


def _bounds(start: Dates, end: Dates, step: int, months: bool) -> tuple[Ints, Dates]:
    """Owner and day of each start and, after it, of what lies whole steps before the end and not before the start."""
    unit = "datetime64[M]" if months else "datetime64[D]"
    spans = (end.astype(unit) - start.astype(unit)).astype(np.int64)
    counts = np.maximum(spans // step, 0) + 2
    owner = np.repeat(np.arange(len(start)), counts)
    last = np.cumsum(counts)
    back = (np.repeat(last, counts) - 1 - np.arange(len(owner))) * step
    if months:
        month = end.astype(unit)
        in_month = (end - month.astype("datetime64[D]"))[owner]
        first = month[owner] - back.astype("timedelta64[M]")
        longest = (first + 1).astype("datetime64[D]") - _DAY
        day = np.minimum(first.astype("datetime64[D]") + in_month, longest)
    else:
        day = end[owner] - back.astype("timedelta64[D]")
    kept = day >= start[owner]
    begin = last - counts
    day[begin], kept[begin] = start, True
    return owner[kept], day[kept]
