"""Products as a user would write them, and exact conditional values for them: for tests of residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.conditional import ConditionalPricer
from xva.models.lgm import Lgm
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms


@final
@dataclass(frozen=True, kw_only=True)
class PathForward(PathTrade):
    """Pays ``quantity (S - strike)`` of a share, seen on ``fixing_date``, on ``pay_date``."""

    kind: ClassVar[str] = "path_forwards"

    equity: str
    currency: str
    quantity: float
    strike: float
    fixing_date: np.datetime64
    pay_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return ((self.equity, self.currency),)

    @property
    def maturity(self) -> np.datetime64:
        return self.pay_date

    def _check(self, terms: Terms) -> None:
        terms.date("fixing_date", "pay_date")

    def observation_dates(self, context: TradeContext) -> NDArray[np.datetime64]:
        return np.array([self.fixing_date])

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        gain = self.quantity * (paths.equity(self.equity, self.fixing_date) - self.strike)
        return [Flow(self.currency, self.fixing_date, self.pay_date, gain)]


@final
@dataclass(frozen=True)
class ExactForward(ConditionalPricer):
    """The value of a `PathForward` in domestic currency before its fixing, in closed form; both dates the same."""

    trade: PathForward
    as_of: np.datetime64
    lgm: Lgm
    rate: float
    dividend: float

    @property
    def names(self) -> tuple[str, ...]:
        return (f"IR:{self.trade.currency}", f"EQ:{self.trade.equity}")

    def values(self, days: NDArray[np.datetime64], features: Tensor) -> tuple[Tensor, Tensor]:
        times = (days - self.as_of).astype(np.int64) / 365.0
        last = float((self.trade.fixing_date - self.as_of).astype(np.int64)) / 365.0
        h = float(self.lgm.h(last))
        zeta = self.lgm.zeta(times)[:, None]
        bond = np.exp(-self.rate * last) * torch.exp(-h * features[:, 0] - 0.5 * h * h * zeta)
        share = torch.exp(features[:, 1] - self.dividend * last)
        alive = torch.from_numpy((days < self.trade.fixing_date).astype(np.float64))[:, None]
        value = self.trade.quantity * alive * (share - self.trade.strike * bond)
        return value, torch.zeros_like(value, dtype=torch.bool)


def path_forward(name: str, **terms: Any) -> PathForward:
    fixed: dict[str, Any] = {
        "netting_set": "N",
        "equity": "EQ1",
        "currency": "EUR",
        "quantity": 3000.0,
        "strike": 101.0,
        "fixing_date": np.datetime64("2028-01-17"),
        "pay_date": np.datetime64("2028-01-17"),
    }
    return PathForward(trade_id=name, **(fixed | terms))
