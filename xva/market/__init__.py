"""Quotes to curves, volatilities and hazard rates, each with its derivative to every quote; shocks of quotes."""

from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.correlation import correlation_matrix
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve
from xva.market.labels import QuoteInfo, quote_info
from xva.market.market import Market
from xva.market.quotes import QuoteSet
from xva.market.shocks import Scenario, ScenarioSet, Selector, Shift, parallel, shifted, twist

__all__ = [
    "DiscountCurve",
    "Market",
    "MarketConfig",
    "QuoteInfo",
    "QuoteSet",
    "Scenario",
    "ScenarioSet",
    "Selector",
    "Shift",
    "SurvivalCurve",
    "build_market",
    "correlation_matrix",
    "parallel",
    "quote_info",
    "shifted",
    "twist",
]
