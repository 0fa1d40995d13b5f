"""Single barrier option on an equity or an exchange rate, watched on dates or continuously."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import SingleAssetTrade, last_report, price, reached, to_come
from xva.trades.terms import Terms

Day = np.datetime64


@final
@dataclass(frozen=True, kw_only=True)
class BarrierOption(SingleAssetTrade):
    """A European call or put that comes to life (``in``) or dies (``out``) where the price touches the barrier.

    Between the dates on which it looks at a path, a continuous barrier is touched with the probability of a Brownian
    bridge: the payoff is a conditional expectation, which does not jump. One that is watched on dates does.

    Parameters
    ----------
    barrier : float
        Positive; a price on it touches it.
    barrier_type : str
        ``up-and-in``, ``up-and-out``, ``down-and-in`` or ``down-and-out``.
    expiry_date : datetime64[D]
    monitoring_dates : tuple of datetime64[D], optional
        When the barrier is watched, up to the expiry; past ones are answered from the fixings. Without any it is
        watched continuously.
    start_date : datetime64[D], optional
        First moment of continuous watching; from the beginning by default.
    touch_date : datetime64[D], optional
        When a continuous barrier was touched, once it was: no fixing tells.
    rebate : float
        Per unit, paid where the option is not: in place of one knocked out or never knocked in.
    pay_date : datetime64[D], optional
        Of payoff and rebate; the expiry by default.
    """

    kind: ClassVar[str] = "barrier_options"

    barrier: float
    barrier_type: str
    expiry_date: np.datetime64
    monitoring_dates: tuple[np.datetime64, ...] = ()
    start_date: np.datetime64 | None = None
    touch_date: np.datetime64 | None = None
    rebate: float = 0.0
    pay_date: np.datetime64 | None = None

    @property
    def jumps(self) -> bool:  # type: ignore[override]
        return bool(self.monitoring_dates)

    @property
    def maturity(self) -> np.datetime64:
        return self.expiry_date if self.pay_date is None else self.pay_date

    def observation_dates(self, context: TradeContext) -> Dates:
        start = () if self.start_date is None else (self.start_date,)
        return to_come(context, [*start, *self.monitoring_dates, self.expiry_date])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        _, untouched = self._untouched(paths, self.expiry_date)
        payoff = self.payoff(price(paths, self.underlying, self.expiry_date))
        alive = untouched[-1] if self.barrier_type.endswith("out") else 1.0 - untouched[-1]
        amount = self.size * (alive * payoff + (1.0 - alive) * self.rebate)
        return (Flow(self.currency, self.expiry_date, self.maturity, amount),)

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """``untouched``: the probability, given what was seen, that the barrier has not been touched yet."""
        last = last_report(paths)
        days, untouched = self._untouched(paths, min(last, self.expiry_date))
        return {"untouched": paths.hold(days, untouched, before=1.0)}

    def _untouched(self, paths: Paths, last: Day) -> tuple[list[Day], list[Tensor]]:
        """Knots up to ``last``, one at least, and the probability on each that the barrier is untouched."""
        alive = torch.ones(paths.n_paths, dtype=torch.float64)
        days: list[Day] = [np.datetime64("0001-01-01", "D")]
        values = [alive]
        for day, survival in self._survivals(paths, last):
            alive = alive * survival
            days.append(day)
            values.append(alive)
        return days, values

    def _survivals(self, paths: Paths, last: Day) -> list[tuple[Day, Tensor | float]]:
        """Day by day, the probability that the barrier was not touched since the one before."""
        up = self.barrier_type.startswith("up")
        if self.monitoring_dates:
            sign = 1.0 if up else -1.0
            gaps = [
                (day, sign * torch.log(price(paths, self.underlying, day) / self.barrier))
                for day in self.monitoring_dates
                if day <= last
            ]
            return [(day, 1.0 - reached(paths, gap, day)) for day, gap in gaps]
        if self.touch_date is not None and self.touch_date <= paths.context.as_of:
            return [(self.touch_date, 0.0)]
        knots = self._knots(paths, last)
        name = self.underlying.removeprefix("EQ/")
        return [
            (late, 1.0 - paths.crossed(name, self.barrier, early, late, up))
            for early, late in zip(knots, knots[1:])
        ]

    def _knots(self, paths: Paths, last: Day) -> list[Day]:
        """Ends of the bridges: the report dates too, because there the state is asked for."""
        as_of = paths.context.as_of
        start = as_of if self.start_date is None else max(as_of, self.start_date)
        ends = [*paths.report, self.expiry_date]
        return sorted({start, *(day for day in ends if start < day <= last)})

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positive("barrier")
        terms.choice("barrier_type", "up-and-in", "up-and-out", "down-and-in", "down-and-out")
        terms.date("expiry_date")
        terms.not_negative("rebate")
        terms.pay_date("pay_date", self.expiry_date)
        if self.monitoring_dates != ():
            terms.days_within("monitoring_dates", "expiry_date")
            for field in ("start_date", "touch_date"):
                if getattr(self, field) is not None:
                    terms.reject(field, "none, because the barrier is watched on monitoring_dates")
        elif self.start_date is not None:
            terms.increasing("start_date", "expiry_date")
        if self.touch_date is not None:
            terms.date("touch_date")
