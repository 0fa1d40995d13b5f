"""Autocallable note on a worst-of basket with memory coupon and knock-in put."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.multi_asset import PerformanceTrade
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import last_report, reached, to_come
from xva.trades.terms import Terms

Day = np.datetime64


class _Note(NamedTuple):
    """After a date, each ``(path,)``: what is left of the note, that times missed coupons, that times knocked in."""

    alive: Tensor
    missed: Tensor
    knocked: Tensor


@final
@dataclass(frozen=True, kw_only=True)
class Autocallable(PerformanceTrade):
    """A note that is redeemed early once all underlyings stand high enough; coupons and capital are at risk.

    On each valuation date the worst performance p decides: where p >= ``coupon_barrier`` the coupon is paid, with the
    missed ones if it has a memory; on all dates but the last, where p >= the call level, the notional is paid back and
    the note ends. On the last date the notional is paid back, or only min(p / ``put_strike``, 1) of it if the note has
    been knocked in: if p was <= ``knock_in`` on one of the dates watched.

    Parameters
    ----------
    notional : float
        Positive; ``long`` holds the note.
    valuation_dates : tuple of datetime64[D]
    call_levels : tuple of float
        Performances, one per valuation date but the last.
    coupon_rate : float
        Coupon of one date as a share of the notional.
    coupon_barrier : float
        Performance.
    memory : bool
        Whether missed coupons are paid with the next one.
    knock_in, put_strike : float
        Performances.
    knock_in_watch : str
        ``maturity`` (European: the last valuation date only), ``valuation`` (each valuation date) or ``daily`` (also each
        business day of ``calendar`` after ``start_date``).
    start_date : datetime64[D], optional
        For daily watching.
    pay_dates : tuple of datetime64[D], optional
        The valuation dates by default.
    """

    kind: ClassVar[str] = "autocallables"
    jumps: ClassVar[bool] = True

    notional: float
    valuation_dates: tuple[np.datetime64, ...]
    call_levels: tuple[float, ...]
    coupon_rate: float
    coupon_barrier: float
    knock_in: float
    memory: bool = True
    put_strike: float = 1.0
    knock_in_watch: str = "maturity"
    start_date: np.datetime64 | None = None
    calendar: str = "WEEKENDS"
    pay_dates: tuple[np.datetime64, ...] = ()

    @property
    def maturity(self) -> np.datetime64:
        return (self.pay_dates or self.valuation_dates)[-1]

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, self._days())

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        as_of = paths.context.as_of
        if self.maturity <= as_of:
            return ()
        paid = dict(zip(self.valuation_dates, self.pay_dates or self.valuation_dates))
        return [
            Flow(self.currency, day, paid[day], self.sign * self.notional * amount)
            for day, amount, _ in self._life(paths, self.valuation_dates[-1])
            if day in paid and paid[day] > as_of
        ]

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """``alive``; ``missed`` coupons and the ``knocked`` flag where the terms have them, 0 once redeemed.

        The value is linear in the three.
        """
        last = last_report(paths)
        life = [(day, note) for day, _, note in self._life(paths, last)]
        days = [day for day, _ in life]
        state = {"alive": paths.hold(days, [note.alive for _, note in life], before=1.0)}
        if self.memory:
            state["missed"] = paths.hold(days, [note.missed for _, note in life])
        if self.knock_in_watch != "maturity":
            state["knocked"] = paths.hold(days, [note.knocked for _, note in life])
        return state

    def _life(self, paths: Paths, last: Day) -> Iterator[tuple[Day, Tensor, _Note]]:
        """Up to ``last``: day, amount paid for it per unit of notional, and the note after it."""
        nothing = torch.zeros(paths.n_paths, dtype=torch.float64)
        note = _Note(nothing + 1.0, nothing, nothing)
        levels = dict(zip(self.valuation_dates, self.call_levels))
        watched = self._watched()
        for day in (day for day in self._days() if day <= last):
            worst, amount = self.worst(paths, day), nothing
            if day in watched:
                below = reached(paths, torch.log(self.knock_in / worst), day)
                note = note._replace(knocked=note.knocked + (note.alive - note.knocked) * below)
            if day in self.valuation_dates:
                amount, note = self._coupon(paths, day, worst, note)
            if day in levels:
                called = reached(paths, torch.log(worst / levels[day]), day)
                amount = amount + called * note.alive
                note = _Note(*((1.0 - called) * part for part in note))
            elif day == self.valuation_dates[-1]:
                amount = amount + note.alive - note.knocked * torch.relu(1.0 - worst / self.put_strike)
                note = _Note(nothing, nothing, nothing)
            yield day, amount, note

    def _coupon(self, paths: Paths, day: Day, worst: Tensor, note: _Note) -> tuple[Tensor, _Note]:
        due = note.alive + note.missed if self.memory else note.alive
        paying = reached(paths, torch.log(worst / self.coupon_barrier), day)
        missed = (1.0 - paying) * due if self.memory else note.missed
        return self.coupon_rate * paying * due, note._replace(missed=missed)

    def _watched(self) -> set[Day]:
        last = self.valuation_dates[-1]
        if self.knock_in_watch == "maturity":
            return {last}
        if self.start_date is None:
            return set(self.valuation_dates)
        days = dates.adjust(np.arange(self.start_date + 1, last), self.calendar, "F")
        return {*self.valuation_dates, *days[days < last]}

    def _days(self) -> list[Day]:
        return sorted({*self.valuation_dates, *self._watched()})

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positive("notional")
        terms.performance("coupon_barrier", "knock_in", "put_strike")
        terms.not_negative("coupon_rate")
        terms.rate("coupon_rate")
        terms.truth("memory")
        terms.days("valuation_dates")
        days = self.valuation_dates if isinstance(self.valuation_dates, tuple) else ()
        terms.performances("call_levels", max(len(days) - 1, 0))
        terms.pay_dates("pay_dates", "valuation_dates")
        terms.choice("knock_in_watch", "maturity", "valuation", "daily")
        terms.calendar("calendar")
        if self.knock_in_watch == "daily":
            terms.before("start_date", days[0] if days else None)
        elif self.start_date is not None:
            terms.reject("start_date", "none, because the knock-in is not watched daily")
