"""FX forward: one amount of money against another, on one date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva.trades.claims import Claim, FixedFlow
from xva.trades.context import TradeContext
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class FxForward(Trade):
    """We receive ``buy_amount`` and pay ``sell_amount`` on ``settlement_date`` (not rolled)."""

    kind: ClassVar[str] = "fx_forwards"

    buy_currency: str
    buy_amount: float
    sell_currency: str
    sell_amount: float
    settlement_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted((self.buy_currency, self.sell_currency)))

    @property
    def maturity(self) -> np.datetime64:
        return self.settlement_date

    def _check(self, terms: Terms) -> None:
        terms.currency("buy_currency", "sell_currency")
        terms.different("buy_currency", "sell_currency")
        terms.positive("buy_amount", "sell_amount")
        terms.date("settlement_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.settlement_date <= context.as_of:
            return ()
        pay = context.time(self.settlement_date)
        return (
            FixedFlow(self.buy_currency, pay, self.buy_amount),
            FixedFlow(self.sell_currency, pay, -self.sell_amount),
        )
