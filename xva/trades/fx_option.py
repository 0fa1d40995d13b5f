"""European FX option."""

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
class FxOption(Trade):
    """A call or put on the base currency, settled on the expiry date.

    Parameters
    ----------
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it); the premium is a trade of its own.
    option_type : str
        ``call`` or ``put`` on the base currency.
    base_currency, quote_currency : str
    notional : float
        Positive, in base currency.
    strike : float
        Positive, units of quote currency per one of base.
    expiry_date : datetime64[D]
        On or before the valuation date the option is gone.
    """

    kind: ClassVar[str] = "fx_options"

    side: str
    option_type: str
    base_currency: str
    quote_currency: str
    notional: float
    strike: float
    expiry_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted((self.base_currency, self.quote_currency)))

    @property
    def maturity(self) -> np.datetime64:
        return self.expiry_date

    def _check(self, terms: Terms) -> None:
        terms.choice("side", "long", "short")
        terms.choice("option_type", "call", "put")
        terms.currency("base_currency", "quote_currency")
        terms.different("base_currency", "quote_currency")
        terms.positive("notional", "strike")
        terms.date("expiry_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.expiry_date <= context.as_of:
            return ()
        base = Asset("FX", self.base_currency, self.notional)
        quote = Asset("FX", self.quote_currency, self.notional * self.strike)
        receive, deliver = (base, quote) if self.option_type == "call" else (quote, base)
        position = 1 if self.side == "long" else -1
        return (ExchangeOption(receive, deliver, context.time(self.expiry_date), position),)
