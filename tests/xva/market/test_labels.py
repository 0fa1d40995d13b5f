from __future__ import annotations

import pytest

from xva.errors import MarketDataError
from xva.market.labels import quote_info
from xva.market.quotes import QuoteSet

LABELS = {
    "MM/RATE/EUR/2D/6M": ("deposit", "EUR-EURIBOR-6M", "EUR", "6M"),
    "IR_SWAP/RATE/EUR/2D/1D/10Y": ("OIS", "EUR-ESTR", "EUR", "10Y"),
    "IR_SWAP/RATE/GBP/0D/1D/3M": ("OIS", "GBP-SONIA", "GBP", "3M"),
    "IR_SWAP/RATE/EUR/2D/3M/10Y": ("IBOR swap", "EUR-EURIBOR-3M", "EUR", "10Y"),
    "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D/5Y": ("XCCY basis", "USD/EUR", "EUR", "5Y"),
    "FXFWD/RATE/EUR/USD/3M": ("FX forward", "EUR/USD", "USD", "3M"),
    "FXFWD/PRICE/EUR/USD/3M": ("FX outright", "EUR/USD", "USD", "3M"),
    "ZERO/RATE/EUR/EUR-FLAT/A365/5Y": ("zero rate", "EUR-FLAT", "EUR", "5Y"),
    "ZERO/RATE/EUR/EUR-FLAT/A365/2031-01-15": ("zero rate", "EUR-FLAT", "EUR", "2031-01-15"),
    "ZERO/YIELD_SPREAD/EUR/BORROW/A365/5Y": ("funding", "BORROW", "EUR", "5Y"),
    "FX/RATE/EUR/USD": ("FX", "EUR/USD", "USD", ""),
    "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y": ("CDS", "CPTY_A", "EUR", "5Y"),
    "HAZARD_RATE/RATE/CPTY_A/SR/EUR/5Y": ("hazard rate", "CPTY_A", "EUR", "5Y"),
    "RECOVERY_RATE/RATE/CPTY_A/SR/EUR": ("recovery", "CPTY_A", "EUR", ""),
    "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM": ("swaption vol", "EUR", "EUR", "5Y/10Y"),
    "CAPFLOOR/RATE_NVOL/EUR/5Y/6M/ATM": ("cap vol", "EUR/6M", "EUR", "5Y"),
    "FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM": ("FX vol", "EUR/USD", "USD", "1Y"),
    "EQUITY/PRICE/NAME/EUR": ("equity", "NAME", "EUR", ""),
    "EQUITY_OPTION/RATE_LNVOL/NAME/EUR/1Y/ATMF": ("equity vol", "NAME", "EUR", "1Y"),
    "EQUITY_DIVIDEND/RATE/NAME/EUR": ("dividend", "NAME", "EUR", ""),
    "MEAN_REVERSION/RATE/EUR": ("mean reversion", "EUR", "EUR", ""),
    "HULL_WHITE/VOLATILITY/EUR/10Y": ("short-rate vol", "EUR", "EUR", "10Y"),
    "CORRELATION/IR:EUR/FX:USD": ("correlation", "IR:EUR/FX:USD", "", ""),
}


@pytest.mark.parametrize("quote_id", LABELS)
def test_labels(quote_id: str) -> None:
    info = quote_info(quote_id)
    assert (info.family, info.curve, info.currency, info.tenor) == LABELS[quote_id]


def test_every_quote_of_the_bank_has_labels(quotes: QuoteSet) -> None:
    assert len({quote_info(i).family for i in quotes.ids}) >= 14


def test_an_unknown_form_names_the_expected_one() -> None:
    with pytest.raises(MarketDataError, match=r"expected FX/RATE/\{base\}/\{currency\}, got") as error:
        quote_info("FX/RATE/EURUSD")
    assert error.value.ids == ("FX/RATE/EURUSD",)
    with pytest.raises(MarketDataError, match="expected one of BASIS_SWAP, CAPFLOOR, CC_BASIS_SWAP"):
        quote_info("SWAP/EUR/10Y")
    with pytest.raises(MarketDataError):
        quote_info("ir_swap/rate/eur/2d/1d/10y")
