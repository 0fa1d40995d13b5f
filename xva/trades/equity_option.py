"""European equity option."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva.trades.claims import Asset, Claim, ExchangeOption
from xva.trades.context import TradeContext
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class EquityOption(Trade):
    """A call or put on shares, settled on the expiry date.

    Parameters
    ----------
    equity, currency : str
        The equity's name in the market and the currency it is quoted in.
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it); the premium is a trade of its own.
    option_type : str
        ``call`` or ``put``.
    quantity, strike : float
        Positive number of shares; positive price per share.
    expiry_date : datetime64[D]
        On or before the valuation date the option is gone.
    """

    kind: ClassVar[str] = "equity_options"

    equity: str
    currency: str
    side: str
    option_type: str
    quantity: float
    strike: float
    expiry_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return self.expiry_date

    def _check(self, terms: Terms) -> None:
        terms.text("equity")
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.choice("option_type", "call", "put")
        terms.positive("quantity", "strike")
        terms.date("expiry_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.expiry_date <= context.as_of:
            return ()
        shares = Asset("EQ", self.equity, self.quantity)
        money = Asset("FX", self.currency, self.quantity * self.strike)
        receive, deliver = (shares, money) if self.option_type == "call" else (money, shares)
        position = 1 if self.side == "long" else -1
        return (ExchangeOption(receive, deliver, context.time(self.expiry_date), position),)
