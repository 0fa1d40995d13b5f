"""The real market: instruments of its own quotes, booked as trades, are worth nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from xva import dates
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.conventions import STANDARD_INDICES
from xva.market.market import Market
from xva.market.quotes import QuoteSet
from xva.pricing.deterministic import linear_value, linear_values
from xva.trades import InterestRateSwap, TradeContext

AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF)
TENORS = {"1Y": 0.0, "2Y": 0.001, "5Y": 0.004, "10Y": 0.007, "30Y": 0.006}
FLOATS = {"1D": ("EUR-ESTR", 0.019, "A360"), "3M": ("EUR-EURIBOR-3M", 0.0205, "30E/360")}
FLOATS["6M"] = ("EUR-EURIBOR-6M", 0.0215, "30E/360")
QUOTES = QuoteSet.from_mapping(
    {
        f"IR_SWAP/RATE/EUR/2D/{tenor}/{years}": low + slope
        for tenor, (_, low, _) in FLOATS.items()
        for years, slope in TENORS.items()
    }
)


def market(quotes: QuoteSet) -> Market:
    return build_market(quotes, MarketConfig.standard(AS_OF, currencies=["EUR"]))


def par_swap(tenor: str, years: str, **terms: Any) -> InterestRateSwap:
    index, low, day_count = FLOATS[tenor]
    spot = dates.business_days(AS_OF, 2, STANDARD_INDICES[index].calendar)
    base: dict[str, Any] = {
        "trade_id": f"{index} {years}",
        "netting_set": "N",
        "currency": "EUR",
        "notional": 1e6,
        "side": "payer",
        "fixed_rate": low + TENORS[years],
        "index": index,
        "start_date": spot,
        "maturity_date": dates.add_tenor(spot, years),
        "fixed_day_count": day_count,
    }
    return InterestRateSwap(**(base | terms))


def test_par_swaps_are_worth_nothing() -> None:
    swaps = [par_swap(tenor, years) for tenor in FLOATS for years in TENORS]
    values = linear_values([swap.claims(CONTEXT) for swap in swaps], market(QUOTES))
    assert values.tolist() == pytest.approx([0.0] * len(swaps), abs=1e-8 * 1e6)


def test_sensitivity_of_a_swap_off_market_is_to_its_own_quote() -> None:
    """A 10y payer at par moves by its annuity with the 10y quote of its index and with no other one of it."""
    quotes = QUOTES.as_leaf()
    linear_value(par_swap("6M", "10Y").claims(CONTEXT), market(quotes)).backward()
    assert quotes.values.grad is not None
    slopes = dict(zip(quotes.ids, quotes.values.grad.tolist()))
    own = slopes.pop("IR_SWAP/RATE/EUR/2D/6M/10Y")
    without = par_swap("6M", "10Y", fixed_rate=0.0).claims(CONTEXT)
    annuity = float(linear_value(without, market(QUOTES))) / par_swap("6M", "10Y").fixed_rate
    assert own == pytest.approx(annuity, rel=1e-9)
    assert max(abs(v) for v in slopes.values()) < 1e-8 * own
    assert torch.isfinite(quotes.values.grad).all()
