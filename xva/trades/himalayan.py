"""Himalayan option: on each date the best performer is measured and leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.multi_asset import PerformanceTrade
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import intrinsic, last_report, to_come
from xva.trades.terms import Terms

Day = np.datetime64


@final
@dataclass(frozen=True, kw_only=True)
class Himalayan(PerformanceTrade):
    """A call or put on the average of the best performances, one per date, each underlying at most once.

    Which one leaves decides what can be measured later: cash flows jump where two performers change places. Smoothed
    decisions let shares of them leave, which moves the value by about a quarter of the width.

    Parameters
    ----------
    notional, strike : float
        Positive; the strike is a performance, 1 at the money.
    option_type : str
        ``call`` or ``put``.
    measurement_dates : tuple of datetime64[D]
        At most as many as there are underlyings.
    pay_date : datetime64[D], optional
        The last measurement date by default.
    """

    kind: ClassVar[str] = "himalayans"
    jumps: ClassVar[bool] = True

    notional: float
    strike: float
    option_type: str
    measurement_dates: tuple[np.datetime64, ...]
    pay_date: np.datetime64 | None = None

    @property
    def maturity(self) -> np.datetime64:
        return self.measurement_dates[-1] if self.pay_date is None else self.pay_date

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, self.measurement_dates)

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        last = self.measurement_dates[-1]
        *_, (_, average, _) = self._life(paths, last)
        amount = self.sign * self.notional * intrinsic(self.option_type, average, self.strike)
        return (Flow(self.currency, last, self.maturity, amount),)

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """``average``: what has been measured contributes to it; ``left:<underlying>``: 1 while it has not left."""
        life = list(self._life(paths, last_report(paths)))
        days = [day for day, _, _ in life]
        state = {"average": paths.hold(days, [average for _, average, _ in life])}
        for k, name in enumerate(self.underlyings):
            state[f"left:{name}"] = paths.hold(days, [left[k] for _, _, left in life], before=1.0)
        return state

    def _life(self, paths: Paths, last: Day) -> Iterator[tuple[Day, Tensor, Tensor]]:
        """Up to ``last``: day, contributions to the average so far, and ``(underlying, path)`` who is left."""
        average = torch.zeros(paths.n_paths, dtype=torch.float64)
        left = torch.ones(len(self.underlyings), paths.n_paths, dtype=torch.float64)
        for day in (day for day in self.measurement_dates if day <= last):
            every = self.performances(paths, day)
            best = self._best(paths, day, every, left)
            average = average + (best * every).sum(dim=0) / len(self.measurement_dates)
            left = torch.relu(left - best)
            yield day, average, left

    def _best(self, paths: Paths, day: Day, every: Tensor, left: Tensor) -> Tensor:
        """``(underlying, path)`` share of each in being the best of those left; one of them is 1 if steps are sharp."""
        logs = torch.log(every)
        chances = list(left)
        for i in range(len(chances)):
            for j in range(i):
                ahead = paths.step(logs[i] - logs[j], day)
                chances[i] = chances[i] * (1.0 - left[j] * (1.0 - ahead))
                chances[j] = chances[j] * (1.0 - left[i] * ahead)
        weights = torch.stack(chances)
        return weights / weights.sum(dim=0)

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positive("notional")
        terms.performance("strike")
        terms.choice("option_type", "call", "put")
        terms.days("measurement_dates")
        days = self.measurement_dates if isinstance(self.measurement_dates, tuple) else ()
        if len(days) > self._count > 0:
            terms.reject("measurement_dates", f"at most one date per underlying, {self._count}")
        terms.pay_date("pay_date", days[-1] if days else None)
