"""Equity forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva.trades.claims import Claim, EquityFlow, FixedFlow
from xva.trades.context import TradeContext
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class EquityForward(Trade):
    """``quantity`` shares against ``strike`` each on ``maturity_date``, settled that day.

    Parameters
    ----------
    equity, currency : str
        The equity's name in the market and the currency it is quoted in.
    side : str
        ``long`` receives the shares, ``short`` delivers them.
    quantity, strike : float
        Positive number of shares; price agreed per share (zero or more).
    maturity_date : datetime64[D]
    """

    kind: ClassVar[str] = "equity_forwards"

    equity: str
    currency: str
    side: str
    quantity: float
    strike: float
    maturity_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return self.maturity_date

    def _check(self, terms: Terms) -> None:
        terms.text("equity")
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.positive("quantity")
        terms.not_negative("strike")
        terms.date("maturity_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.maturity_date <= context.as_of:
            return ()
        pay = context.time(self.maturity_date)
        quantity = self.quantity if self.side == "long" else -self.quantity
        return (
            EquityFlow(self.equity, self.currency, pay, quantity),
            FixedFlow(self.currency, pay, -quantity * self.strike),
        )
