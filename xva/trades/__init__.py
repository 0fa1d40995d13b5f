"""Trades: terms only, one product per file; `registry` finds the class of a table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xva.trades.basis_swap import BasisSwap
from xva.trades.cap_floor import CapFloor
from xva.trades.context import TradeContext
from xva.trades.cross_currency_swap import CrossCurrencySwap
from xva.trades.equity_forward import EquityForward
from xva.trades.equity_option import EquityOption
from xva.trades.fra import Fra
from xva.trades.fx_forward import FxForward
from xva.trades.fx_option import FxOption
from xva.trades.interest_rate_swap import InterestRateSwap
from xva.trades.swaption import Swaption
from xva.trades.terms import TermsError
from xva.trades.trade import Trade

registry: Mapping[str, type[Trade]] = MappingProxyType(
    {
        product.kind: product
        for product in (
            InterestRateSwap,
            BasisSwap,
            Fra,
            CrossCurrencySwap,
            FxForward,
            FxOption,
            EquityForward,
            EquityOption,
            CapFloor,
            Swaption,
        )
    }
)
"""Class of each trade table: ``registry["swaps"]`` is `InterestRateSwap`, the rows of ``swaps.csv``."""

__all__ = [
    "BasisSwap",
    "CapFloor",
    "CrossCurrencySwap",
    "EquityForward",
    "EquityOption",
    "Fra",
    "FxForward",
    "FxOption",
    "InterestRateSwap",
    "Swaption",
    "TermsError",
    "Trade",
    "TradeContext",
    "registry",
]
