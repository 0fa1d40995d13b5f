"""A fixed/float swap in dates, for trades that decide on what is left of it: its coupons, read off paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import TradeError
from xva.market.indices import RateIndex
from xva.models.path_model import SwapFlows
from xva.numerics.types import Dates, Floats
from xva.trades.context import TradeContext
from xva.trades.legs import Periods, index_periods, periods, year_fractions
from xva.trades.paths import Paths
from xva.trades.waiting import Waiting

Day = np.datetime64


@final
@dataclass(frozen=True, eq=False)
class DatedSwap:
    """Coupons of both legs.

    Parameters
    ----------
    index : RateIndex
        Not an overnight index.
    floating, fixed : Periods
    fixings : ndarray
        ``(floating period,)`` datetime64[D].
    accruals : ndarray
        ``(floating period,)`` year fractions.
    notional : float
        Positive where the floating leg is received.
    spread : float
        On the floating leg.
    amounts : ndarray
        ``(fixed period,)`` signed coupons.
    """

    index: RateIndex
    floating: Periods
    fixed: Periods
    fixings: Dates
    accruals: Floats
    notional: float
    spread: float
    amounts: Floats

    def first_period(self, exercise: Day) -> tuple[int, int]:
        """Numbers of the first floating and fixed period that a decision on ``exercise`` is about.

        The floating periods whose rate is fixed on that day or later, and the fixed ones that start with them.

        Raises
        ------
        TradeError
            Nothing is left to decide on, or a fixed coupon would be broken.
        """
        k = int(np.searchsorted(self.fixings, exercise))
        if k == len(self.fixings):
            expected = f"a date up to the last fixing {self.fixings[-1]}, when a period is left"
            raise TradeError.of(f"exercise on {exercise}", expected, "a later one")
        start = self.floating.start[k]
        j = int(np.searchsorted(self.fixed.start, start))
        if j == len(self.fixed) or self.fixed.start[j] != start:
            raise TradeError.of(
                f"exercise on {exercise}",
                "the period it begins with to start with a fixed period too",
                f"{start}, inside one",
                "choose an exercise frequency or dates that fit the fixed leg",
            )
        return k, j

    def rates(self, paths: Paths, first: int, day: Day) -> Tensor:
        """``(period, path)`` rates of the floating periods from ``first`` on: fixed by ``day``, else forward rates."""
        known = [self._fixed_rate(paths, k, day) for k in range(first, self._open(first, day))]
        k = first + len(known)
        if k < len(self.floating):
            seen = max(day, paths.context.as_of)
            terms = (self.floating.start[k:], self.floating.end[k:], self.accruals[k:])
            ahead = paths.forwards(self.index.name, seen, *terms)
            return torch.cat([torch.stack(known), ahead]) if known else ahead
        return torch.stack(known)

    def _open(self, first: int, day: Day) -> int:
        """Number of the first floating period that fixes after ``day``."""
        return max(first, int(np.searchsorted(self.fixings, day, side="right")))

    def _fixed_rate(self, paths: Paths, period: int, day: Day) -> Tensor:
        """``(path,)`` rate of a period that fixes by ``day``, seen when it fixes."""
        seen = min(day, self.fixings[period])
        if seen <= paths.context.as_of:
            known = float(paths.context.fixed(self.index.name, np.array([seen]))[0])
            if known == known:
                return torch.full((paths.n_paths,), known, dtype=torch.float64)
            seen = paths.context.as_of
        start, end = self.floating.start[period], self.floating.end[period]
        return paths.forward(self.index.name, seen, start, end, float(self.accruals[period]))

    def value(self, paths: Paths, day: Day, first: tuple[int, int]) -> Tensor:
        """``(path,)`` deflated value on ``day`` of the periods from ``first`` on that pay after it."""
        total = torch.zeros(paths.n_paths, dtype=torch.float64)
        currency = self.index.currency
        k = max(first[0], self.floating.paid(day))
        j = max(first[1], self.fixed.paid(day))
        if k == len(self.floating) and j == len(self.fixed):
            return total
        if k < len(self.floating):
            sizes = torch.from_numpy(self.notional * self.accruals[k:])[:, None]
            coupons = sizes * (self.rates(paths, k, day) + self.spread)
            total = total + (coupons * paths.bonds(currency, day, self.floating.pay[k:])).sum(0)
        if j < len(self.fixed):
            total = total + torch.from_numpy(self.amounts[j:]) @ paths.bonds(
                currency, day, self.fixed.pay[j:]
            )
        return total * paths.observer.deflator(currency, paths.context.time(day))

    def waiting(self, paths: Paths, days: Dates, sign: int, gain: Tensor) -> Waiting | None:
        """Of the right to enter the swap (``sign`` -1: the opposite one) on one of ``days``.

        Parameters
        ----------
        gain : Tensor
            ``(exercise date, path)`` what entering it brings the holder.
        """
        time = paths.context.times

        def european(number: int) -> Tensor | None:
            flows = self._flows(paths.context, days[number], sign)
            return paths.observer.swaption(flows, time(days[:number]), paths.context.time(days[number]))

        return Waiting.of(gain, european)

    def _flows(self, context: TradeContext, day: Day, sign: int) -> SwapFlows:
        """What a decision on ``day`` is about; a coupon is a growth factor less one, and the spread."""
        k, j = self.first_period(day)
        size = sign * self.notional
        spread = size * (self.spread * self.accruals[k:] - 1.0)
        pays = context.times(self.floating.pay[k:])
        return SwapFlows(
            self.index.currency,
            self.index.name,
            np.full(len(pays), size),
            context.times(self.floating.start[k:]),
            context.times(self.floating.end[k:]),
            pays,
            np.concatenate([spread, sign * self.amounts[j:]]),
            np.concatenate([pays, context.times(self.fixed.pay[j:])]),
        )

    def coupon(self, paths: Paths, period: int, day: Day) -> Tensor:
        """``(path,)`` floating coupon as known on ``day``, spread included."""
        size = self.notional * float(self.accruals[period])
        return size * (self.rates(paths, period, day)[0] + self.spread)

    def fixings_to_come(self, context: TradeContext, first: int = 0) -> Dates:
        """Fixing dates after ``as_of`` of the floating periods from ``first`` on."""
        later = self.fixings[first:]
        return later[later > context.as_of]


@lru_cache(maxsize=1 << 10)
def dated_swap(
    index: RateIndex,
    start: Day,
    end: Day,
    fixed: tuple[float, str, str],
    spread: float,
    notional: float,
) -> DatedSwap:
    """Schedules as `fixed_float_flows` makes them; ``fixed`` is (rate, frequency, day count).

    Parameters
    ----------
    notional : float
        Positive: receive the index, pay ``fixed``.
    """
    rate, frequency, day_count = fixed
    floating = index_periods(index, start, end, frequency)
    paying = periods(start, end, frequency, index.calendar)
    return DatedSwap(
        index,
        floating,
        paying,
        dates.business_days(floating.start, -index.fixing_lag, index.calendar),
        year_fractions(index.day_count, floating),
        notional,
        spread,
        -rate * notional * year_fractions(day_count, paying),
    )


def exercise_schedule(
    swap: DatedSwap, term: tuple[Day, Day], frequency: str, first: Day, given: Iterable[Day]
) -> Dates:
    """All exercise dates ``(exercise,)``, past ones included.

    Parameters
    ----------
    term : tuple of datetime64[D]
        Unadjusted start and end of the swap.
    frequency : str
        Of the periods before which there is a decision: on the fixing date of the first rate that it is about.
    first : datetime64[D]
        Decisions before it are left out.
    given : iterable of datetime64[D]
        Dates instead of the schedule's.

    Raises
    ------
    TradeError
        No date, or one that does not fit the swap (see `DatedSwap.first_period`).
    """
    days = np.array(list(given), dtype="datetime64[D]")
    if not len(days):
        starts = periods(*term, frequency, swap.index.calendar).start
        days = dates.business_days(starts, -swap.index.fixing_lag, swap.index.calendar)
    days = days[days >= first]
    if not len(days):
        raise TradeError.of("exercise", f"a date on or after {first}", "a schedule without one")
    for day in days:
        swap.first_period(day)
    return days
