"""Option on the arithmetic average of an equity or an exchange rate."""

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
from xva.trades.single_asset import SingleAssetTrade, last_report, price, to_come
from xva.trades.terms import Terms


@final
@dataclass(frozen=True, kw_only=True)
class AsianOption(SingleAssetTrade):
    """A call or put on the average price over given dates (average price option, fixed strike).

    Parameters
    ----------
    averaging_dates : tuple of datetime64[D]
        Past ones are answered from the fixings.
    weights : tuple of float, optional
        Of the dates; positive, adding up to 1. Equal by default.
    pay_date : datetime64[D], optional
        The last averaging date by default.
    """

    kind: ClassVar[str] = "asian_options"

    averaging_dates: tuple[np.datetime64, ...]
    weights: tuple[float, ...] = ()
    pay_date: np.datetime64 | None = None

    @property
    def maturity(self) -> np.datetime64:
        return self.averaging_dates[-1] if self.pay_date is None else self.pay_date

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, self.averaging_dates)

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        average = self._averages(paths, self.averaging_dates[-1])[-1]
        return (
            Flow(self.currency, self.averaging_dates[-1], self.maturity, self.size * self.payoff(average)),
        )

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """``average``: what the prices seen so far contribute to the average."""
        last = last_report(paths)
        return {"average": paths.hold(self.averaging_dates, self._averages(paths, last))}

    def _averages(self, paths: Paths, last: np.datetime64) -> list[Tensor]:
        """Contributions added up, on each averaging date up to ``last``."""
        count = len(self.averaging_dates)
        weights = self.weights or (1.0 / count,) * count
        total, totals = torch.zeros(paths.n_paths, dtype=torch.float64), []
        for day, weight in zip(self.averaging_dates, weights):
            if day <= last:
                total = total + weight * price(paths, self.underlying, day)
                totals.append(total)
        return totals

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.days("averaging_dates")
        days = self.averaging_dates if isinstance(self.averaging_dates, tuple) else ()
        if self.weights != ():
            terms.shares("weights", len(days))
        terms.pay_date("pay_date", days[-1] if days else None)
