"""Trades: terms only, one product per file; `registry` finds the class of a table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from xva.trades.american_option import AmericanOption
from xva.trades.asian_option import AsianOption
from xva.trades.autocallable import Autocallable
from xva.trades.barrier_option import BarrierOption
from xva.trades.basis_swap import BasisSwap
from xva.trades.basket_option import BasketOption
from xva.trades.bermudan_swaption import BermudanSwaption
from xva.trades.callable_swap import CallableSwap
from xva.trades.cap_floor import CapFloor
from xva.trades.context import TradeContext
from xva.trades.cross_currency_swap import CrossCurrencySwap
from xva.trades.digital_option import DigitalOption
from xva.trades.equity_forward import EquityForward
from xva.trades.equity_option import EquityOption
from xva.trades.fra import Fra
from xva.trades.fx_forward import FxForward
from xva.trades.fx_option import FxOption
from xva.trades.himalayan import Himalayan
from xva.trades.interest_rate_swap import InterestRateSwap
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.swaption import Swaption
from xva.trades.target_redemption_forward import TargetRedemptionForward
from xva.trades.terms import Terms, TermsError
from xva.trades.trade import Trade
from xva.trades.worst_of_option import WorstOfOption

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
            BermudanSwaption,
            CallableSwap,
            AmericanOption,
            AsianOption,
            BarrierOption,
            BasketOption,
            DigitalOption,
            WorstOfOption,
            Autocallable,
            Himalayan,
            TargetRedemptionForward,
        )
    }
)
"""Class of each trade table: ``registry["swaps"]`` is `InterestRateSwap`, the rows of ``swaps.csv``."""

__all__ = [
    "AmericanOption",
    "AsianOption",
    "Autocallable",
    "BarrierOption",
    "BasisSwap",
    "BasketOption",
    "BermudanSwaption",
    "CallableSwap",
    "CapFloor",
    "CrossCurrencySwap",
    "DigitalOption",
    "EquityForward",
    "EquityOption",
    "Flow",
    "Fra",
    "FxForward",
    "FxOption",
    "Himalayan",
    "InterestRateSwap",
    "PathTrade",
    "Paths",
    "Swaption",
    "TargetRedemptionForward",
    "Terms",
    "TermsError",
    "Trade",
    "TradeContext",
    "WorstOfOption",
    "registry",
]
