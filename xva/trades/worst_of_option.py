"""Option on the worst or the best performer of several equities or exchange rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.multi_asset import PerformanceTrade
from xva.trades.paths import Flow, Paths
from xva.trades.single_asset import intrinsic, to_come
from xva.trades.terms import Terms


@final
@dataclass(frozen=True, kw_only=True)
class WorstOfOption(PerformanceTrade):
    """A European call or put on the least, or the greatest, performance.

    Parameters
    ----------
    measure : str
        ``worst`` or ``best``.
    option_type : str
        ``call`` or ``put``.
    notional, strike : float
        Positive; the strike is a performance, 1 at the money.
    expiry_date : datetime64[D]
    pay_date : datetime64[D], optional
        The expiry by default.
    """

    kind: ClassVar[str] = "worst_of_options"

    measure: str
    option_type: str
    notional: float
    strike: float
    expiry_date: np.datetime64
    pay_date: np.datetime64 | None = None

    @property
    def maturity(self) -> np.datetime64:
        return self.expiry_date if self.pay_date is None else self.pay_date

    def observation_dates(self, context: TradeContext) -> Dates:
        return to_come(context, [self.expiry_date])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        every = self.performances(paths, self.expiry_date)
        level = every.amin(dim=0) if self.measure == "worst" else every.amax(dim=0)
        amount = self.sign * self.notional * intrinsic(self.option_type, level, self.strike)
        return (Flow(self.currency, self.expiry_date, self.maturity, amount),)

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.choice("measure", "worst", "best")
        terms.choice("option_type", "call", "put")
        terms.positive("notional")
        terms.performance("strike")
        terms.date("expiry_date")
        terms.pay_date("pay_date", self.expiry_date)
