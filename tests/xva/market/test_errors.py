"""What the person who holds the quotes is told."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from xva.errors import CalibrationError, InputErrors, MarketDataError
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.quotes import QuoteSet

CDS = "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR"


def changed(quotes: QuoteSet, changes: Mapping[str, float | None]) -> QuoteSet:
    """The quotes with values replaced, added or (None) taken out."""
    values = dict(zip(quotes.ids, quotes.values.tolist())) | dict(changes)
    return QuoteSet.from_mapping({i: v for i, v in values.items() if v is not None})


def problems(quotes: QuoteSet, config: MarketConfig, changes: Mapping[str, float | None]) -> dict[str, str]:
    """Where each problem is, and its text."""
    with pytest.raises(InputErrors) as error:
        build_market(changed(quotes, changes), config)
    return {p.where: str(p) for p in error.value.problems}


def test_all_values_out_of_range_at_once(quotes: QuoteSet, config: MarketConfig) -> None:
    changes = {
        "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM": -0.008,
        "EQUITY_OPTION/RATE_LNVOL/AURELIA/EUR/1Y/ATMF": 0.0,
        "RECOVERY_RATE/RATE/CPTY_A/SR/EUR": 1.0,
        "RECOVERY_RATE/RATE/CPTY_B/SR/EUR": -0.1,
        "CORRELATION/IR:EUR/IR:USD": 1.01,
        "FX/RATE/EUR/USD": 0.0,
        "IR_SWAP/RATE/EUR/2D/1D/10Y": 2.5,
        f"{CDS}/5Y": -0.01,
    }
    found = problems(quotes, config, changes)
    assert {f"quote {i}" for i in changes} <= set(found)
    assert found["quote RECOVERY_RATE/RATE/CPTY_A/SR/EUR"].endswith(
        "expected a recovery rate in [0, 1), got 1"
    )
    assert "got -0.008" in found["quote SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM"]
    assert "decimal (0.02 is 2 %)" in found["quote IR_SWAP/RATE/EUR/2D/1D/10Y"]


def test_unknown_ids_and_missing_quotes_at_once(quotes: QuoteSet, config: MarketConfig) -> None:
    changes: dict[str, float | None] = {
        "IR_SWAPS/RATE/EUR/2D/1D/10Y": 0.02,
        "FX/RATE/EURUSD": 1.1,
        "RECOVERY_RATE/RATE/CPTY_A/SR/EUR": None,
        "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM": None,
        "EQUITY/PRICE/AURELIA/EUR": None,
        "FX/RATE/EUR/JPY": None,
        "FXFWD/RATE/EUR/JPY/3M": -60.0,
        "FXFWD/RATE/JPY/EUR/6M": 0.5,
    }
    found = problems(quotes, config, changes)
    assert "expected FX/RATE/{base}/{currency}, got an id of no known form" in found["quote FX/RATE/EURUSD"]
    assert "expected one of BASIS_SWAP, CAPFLOOR, " in found["quote IR_SWAPS/RATE/EUR/2D/1D/10Y"]
    assert "RECOVERY_RATE/RATE/CPTY_A/SR/EUR" in found["survival curve CPTY_A"]
    assert "grid must be full" in found["quote SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM"]
    assert "EQUITY/PRICE/AURELIA/EUR" in found["quote EQUITY_DIVIDEND/RATE/AURELIA/EUR"]
    assert "FX/RATE/EUR/JPY" in found["FX rate of JPY"]
    assert "FX/RATE/EUR/JPY" in found["curve JPY-IN-EUR"]
    assert "expected a forward of EUR/JPY, got JPY/EUR" in found["quote FXFWD/RATE/JPY/EUR/6M"]


def test_a_currency_without_a_curve(quotes: QuoteSet, config: MarketConfig) -> None:
    gone: dict[str, float | None] = {i: None for i in quotes.ids if i.startswith("IR_SWAP/RATE/GBP/")}
    gone |= {i: None for i in quotes.ids if i.startswith("CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/JPY/")}
    found = problems(quotes, config, gone)
    assert "JPY" in found["discount curve JPY-IN-EUR (JPY)"]
    assert "ZERO/RATE/JPY/JPY-IN-EUR/A365/<tenor>" in found["discount curve JPY-IN-EUR (JPY)"]
    assert any("GBP" in text for text in found.values())
    with pytest.raises(MarketDataError, match=r"expected currencies of EUR, USD, GBP, JPY, CHF.* got XXX"):
        MarketConfig.standard(np.datetime64("2026-01-15"), "EUR", ["EUR", "XXX"])


def test_two_quotes_on_one_pillar_and_two_kinds_of_quotes(quotes: QuoteSet, config: MarketConfig) -> None:
    changes = {
        "IR_SWAP/RATE/EUR/2D/1D/12M": 0.02,
        "ZERO/RATE/USD/USD-SOFR/A365/5Y": 0.03,
        "HAZARD_RATE/RATE/CPTY_B/SR/EUR/5Y": 0.01,
        "FX_OPTION/RATE_LNVOL/EUR/USD/12M/ATM": 0.08,
    }
    found = problems(quotes, config, changes)
    assert "as IR_SWAP/RATE/EUR/2D/1D/1Y" in found["quote IR_SWAP/RATE/EUR/2D/1D/12M"]
    assert "zero rates or swaps, got both" in found["curve USD-SOFR"]
    assert "got CDS and hazard rates" in found["survival curve CPTY_B"]
    assert "quote FX_OPTION/RATE_LNVOL/EUR/USD/12M/ATM" in found


def test_falling_total_variance_is_an_arbitrage(quotes: QuoteSet, config: MarketConfig) -> None:
    found = problems(quotes, config, {"FX_OPTION/RATE_LNVOL/EUR/USD/2Y/ATM": 0.05})
    text = found["quote FX_OPTION/RATE_LNVOL/EUR/USD/2Y/ATM"]
    assert "total variance of at least that of FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM" in text
    assert "volatility >= 0.0502" in text


def test_correlations_that_cannot_be(quotes: QuoteSet, config: MarketConfig) -> None:
    changes = {"CORRELATION/IR:EUR/IR:USD": 0.95, "CORRELATION/IR:EUR/IR:GBP": -0.95}
    text = problems(quotes, config, changes)["the correlation matrix"]
    assert "no negative eigenvalue" in text
    assert "got -0." in text
    assert "CORRELATION/IR:EUR/IR:GBP" in text
    twice = problems(quotes, config, {"CORRELATION/IR:USD/IR:EUR": 0.5})
    assert "quoted in one order only" in twice["quote CORRELATION/IR:USD/IR:EUR"]


def test_an_arbitrage_in_a_cds_strip(quotes: QuoteSet, config: MarketConfig) -> None:
    strip = {f"{CDS}/1Y": 0.02, f"{CDS}/2Y": 0.02, f"{CDS}/3Y": 0.02, f"{CDS}/5Y": 0.005}
    with pytest.raises(CalibrationError) as error:
        build_market(changed(quotes, strip), config)
    text = error.value.message
    assert "CDS strip of CPTY_A has an arbitrage at tenor 5Y" in text
    assert "after 3Y (200 bp) would be -0.0" in text
    assert f"expected {CDS}/5Y of at least 0.0" in text
    assert "got 0.005" in text
    assert error.value.ids == (f"{CDS}/3Y", f"{CDS}/5Y")


def test_the_lowest_spread_named_is_the_edge(quotes: QuoteSet, config: MarketConfig) -> None:
    strip: dict[str, float | None] = {f"{CDS}/{t}": 0.02 for t in ("1Y", "2Y", "3Y")}
    strip |= {f"{CDS}/5Y": 0.005, f"{CDS}/7Y": None, f"{CDS}/10Y": None}
    with pytest.raises(CalibrationError) as error:
        build_market(changed(quotes, strip), config)
    lowest = float(error.value.message.split("at least ")[1].split(",")[0])
    just = build_market(changed(quotes, strip | {f"{CDS}/5Y": lowest * (1 + 1e-5)}), config)
    assert 0.0 <= float(just.survival_curve("CPTY_A").hazards[-1]) < 1e-5


def test_several_curves_that_cannot_be_built_are_all_named(quotes: QuoteSet, config: MarketConfig) -> None:
    other = "CDS/CREDIT_SPREAD/CPTY_B/SR/EUR"
    with pytest.raises(CalibrationError, match="2 curves cannot be built") as error:
        build_market(changed(quotes, {f"{CDS}/10Y": 0.0001, f"{other}/10Y": 0.0001}), config)
    assert f"{CDS}/10Y" in error.value.ids
    assert f"{other}/10Y" in error.value.ids


def test_a_swap_rate_that_no_curve_reprices_names_the_quote(quotes: QuoteSet, config: MarketConfig) -> None:
    with pytest.raises(
        CalibrationError, match=r"curve EUR-ESTR has no solution that reprices IR_SWAP/RATE/EUR"
    ):
        build_market(changed(quotes, {"IR_SWAP/RATE/EUR/2D/1D/20Y": 0.9}), config)
