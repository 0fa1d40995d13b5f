"""American, Bermudan and European option on an equity or an exchange rate, settled in cash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.models.path_model import Option
from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.legs import rolled
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import SingleAssetTrade, price, to_come
from xva.trades.terms import Terms
from xva.trades.waiting import Waiting

DAILY = "business daily"


@final
@dataclass(frozen=True, kw_only=True)
class AmericanOption(SingleAssetTrade):
    """A call or put that its holder may exercise on each of many dates, for the intrinsic value of that day.

    Parameters
    ----------
    expiry_date : datetime64[D]
        The last exercise date; the only one (a European option) unless more are given.
    exercise : tuple of datetime64[D], optional
        Exercise dates up to the expiry (Bermudan).
    frequency : str, optional
        Instead of those: ``business daily`` (American), or a tenor such as ``1M``, from ``first_date`` on.
    first_date : datetime64[D], optional
        First exercise date where there is a ``frequency``.
    calendar : str
        Of the exercise dates that come of a frequency and of the settlement lag.
    settlement_lag : str, optional
        Business days from exercise to payment, ``2D``; none by default.
    """

    kind: ClassVar[str] = "american_options"

    expiry_date: np.datetime64
    exercise: tuple[np.datetime64, ...] = ()
    frequency: str = ""
    first_date: np.datetime64 | None = None
    calendar: str = "WEEKENDS"
    settlement_lag: str = ""

    @property
    def maturity(self) -> np.datetime64:
        return self._paid(self.expiry_date)

    @property
    def holder(self) -> int:
        return 1 if self.side == "long" else -1

    def observation_dates(self, context: TradeContext) -> Dates:
        return self.exercise_dates(context)

    def exercise_dates(self, context: TradeContext) -> Dates:
        return to_come(context, [*self._schedule(), self.expiry_date])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        days = self.exercise_dates(paths.context)
        return [
            Flow(self.currency, day, self._paid(day), self.size * share * self._intrinsic(paths, day))
            for day, share in zip(days, exercised)
        ]

    def exercise_value(self, paths: Paths) -> Tensor:
        rows = []
        for day in self.exercise_dates(paths.context):
            amount = self.quantity * self._intrinsic(paths, day)
            rows.append(paths.deflated(Flow(self.currency, day, self._paid(day), amount)))
        return torch.stack(rows) if rows else torch.zeros(0, paths.n_paths, dtype=torch.float64)

    def waiting(self, paths: Paths) -> Waiting | None:
        days, gain = self.exercise_dates(paths.context), self.exercise_value(paths)
        sign = 1 if self.option_type == "call" else -1
        option = Option(self.underlying, self.currency, self.strike, sign)

        def european(number: int) -> Tensor | None:
            day = days[number]
            value = paths.european(option, days[:number], day, self._paid(day))
            return None if value is None else self.quantity * value

        return Waiting.of(gain, european)

    def _intrinsic(self, paths: Paths, day: np.datetime64) -> Tensor:
        return self.payoff(price(paths, self.underlying, day))

    def _paid(self, day: np.datetime64) -> np.datetime64:
        return dates.advance(day, self.settlement_lag, self.calendar) if self.settlement_lag else day

    def _schedule(self) -> Sequence[np.datetime64]:
        first = self.first_date
        if first is None:
            return self.exercise
        if self.frequency != DAILY:
            days = rolled(first, self.expiry_date, self.frequency, self.calendar, "P")
        else:
            days = dates.adjust(np.arange(first, self.expiry_date), self.calendar, "F")
        return list(days[(first <= days) & (days <= self.expiry_date)])

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.date("expiry_date")
        if self.exercise != ():
            terms.days_within("exercise", "expiry_date")
        terms.calendar("calendar")
        if self.settlement_lag != "":
            terms.lag("settlement_lag")
        self._check_frequency(terms)

    def _check_frequency(self, terms: Terms) -> None:
        if self.frequency == "":
            if self.first_date is not None:
                terms.reject("first_date", "none, because there is no frequency")
            return
        if self.frequency != DAILY:
            terms.tenor("frequency")
        if self.exercise != ():
            terms.reject("exercise", "none, because there is a frequency")
        terms.increasing("first_date", "expiry_date")
