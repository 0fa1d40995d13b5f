"""Caps and swaptions under LGM against QuantLib's Hull-White engines; FX and equity against Black."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import QuantLib as ql

from tests.support.flat_world import FlatWorld, two_currencies
from xva.exposure.engine import Book
from xva.exposure.reconciliation.reconciliation import trade_values
from xva.trades.cap_floor import CapFloor
from xva.trades.equity_option import EquityOption
from xva.trades.fx_option import FxOption
from xva.trades.netting import NettingSet
from xva.trades.swaption import Swaption
from xva.trades.trade import Trade

RATE, KAPPA, SIGMA = 0.03, 0.04, 0.011
NOTIONAL = 1e6
HOME = {"netting_set": "N"}


def values(flat: FlatWorld, *trades: Trade) -> np.ndarray:
    book = Book((NettingSet("N", "C", "EUR"),), (), trades, flat.context())
    return trade_values(book, flat(flat.quotes())).detach().numpy()


@pytest.fixture(scope="module")
def flat() -> FlatWorld:
    return FlatWorld(rates={"EUR": RATE}, kappas={"EUR": KAPPA}, sigmas={"EUR": SIGMA})


@pytest.fixture
def hull_white(flat: FlatWorld):  # type: ignore[no-untyped-def]
    today = ql.Date(15, 1, 2025)
    ql.Settings.instance().evaluationDate = today
    curve = ql.YieldTermStructureHandle(ql.FlatForward(today, RATE, ql.Actual365Fixed()))
    six = ql.Period("6M")
    calendar, convention = ql.NullCalendar(), ql.Unadjusted
    index = ql.IborIndex(
        "flat", six, 0, ql.EURCurrency(), calendar, convention, False, ql.Actual365Fixed(), curve
    )
    return curve, index, ql.HullWhite(curve, KAPPA, SIGMA)


def schedule(start: str, end: str, tenor: str) -> ql.Schedule:
    days = [ql.Date(text, "%Y-%m-%d") for text in (start, end)]
    null, plain = ql.NullCalendar(), ql.Unadjusted
    return ql.Schedule(*days, ql.Period(tenor), null, plain, plain, ql.DateGeneration.Backward, False)


@pytest.mark.parametrize("strike", [0.01, 0.0302, 0.055])
@pytest.mark.parametrize("kind", ["cap", "floor"])
def test_caps_and_floors(flat: FlatWorld, hull_white, kind: str, strike: float) -> None:  # type: ignore[no-untyped-def]
    """Expiries on both sides of half a year: per path and at Chebyshev nodes."""
    curve, index, model = hull_white
    start, end = "2025-04-15", "2031-04-15"
    terms = {"currency": "EUR", "side": "long", "cap_floor": kind, "notional": NOTIONAL, "strike": strike}
    dates = {"start_date": np.datetime64(start), "maturity_date": np.datetime64(end)}
    (value,) = values(flat, CapFloor(trade_id="T", **HOME, **terms, index="EUR-FLAT-6M", **dates))
    leg = ql.IborLeg([NOTIONAL], schedule(start, end, "6M"), index)
    strip = (ql.Cap if kind == "cap" else ql.Floor)(leg, [strike])
    strip.setPricingEngine(ql.AnalyticCapFloorEngine(model, curve))
    assert value == pytest.approx(strip.NPV(), abs=1e-10 * NOTIONAL)


@pytest.mark.parametrize("settlement", ["cash", "physical"])
@pytest.mark.parametrize("side", ["payer", "receiver"])
@pytest.mark.parametrize(
    ("expiry", "end", "strike"),
    [
        ("2025-04-15", "2030-04-15", 0.031),
        ("2030-01-15", "2035-01-15", 0.01),
        ("2030-01-15", "2040-01-15", 0.06),
    ],
)
def test_swaptions(flat, hull_white, expiry, end, strike, side, settlement) -> None:  # type: ignore[no-untyped-def]
    _, index, model = hull_white
    trade = Swaption(
        trade_id="T", **HOME, currency="EUR", side="short", swap_side=side, notional=NOTIONAL, strike=strike,
        index="EUR-FLAT-6M", expiry_date=np.datetime64(expiry), maturity_date=np.datetime64(end),
        settlement=settlement, fixed_frequency="1Y", fixed_day_count="A365",
    )  # fmt: skip
    (value,) = values(flat, trade)
    way = ql.VanillaSwap.Payer if side == "payer" else ql.VanillaSwap.Receiver
    day_count = ql.Actual365Fixed()
    legs = (
        schedule(expiry, end, "1Y"),
        strike,
        day_count,
        schedule(expiry, end, "6M"),
        index,
        0.0,
        day_count,
    )
    swaption = ql.Swaption(
        ql.VanillaSwap(way, NOTIONAL, *legs), ql.EuropeanExercise(ql.Date(expiry, "%Y-%m-%d"))
    )
    swaption.setPricingEngine(ql.JamshidianSwaptionEngine(model))
    # QuantLib solves for its exercise rate to 1e-8, and its price moves with it
    assert -value == pytest.approx(swaption.NPV(), abs=1e-9 * NOTIONAL)


def test_fx_options_with_rates_that_hardly_move_are_garman_kohlhagen() -> None:
    flat = two_currencies(sigmas={"EUR": 1e-9, "USD": 1e-9})
    expiry = np.datetime64("2027-07-15")
    time = float((expiry - flat.day).astype(int)) / 365.0
    for kind, strike in itertools.product(("call", "put"), (0.9, 1.1, 1.4)):
        terms = {"base_currency": "EUR", "quote_currency": "USD", "notional": NOTIONAL, "strike": strike}
        trade = FxOption(trade_id="T", **HOME, side="long", option_type=kind, **terms, expiry_date=expiry)
        forward, paid = 1.10 * math.exp(0.01 * time), math.exp(-0.04 * time) / 1.10
        flag = ql.Option.Call if kind == "call" else ql.Option.Put
        expected = NOTIONAL * ql.blackFormula(flag, strike, forward, 0.10 * math.sqrt(time), paid)
        assert values(flat, trade)[0] == pytest.approx(expected, abs=1e-8 * NOTIONAL)


def test_equity_options_against_black_scholes_hull_white() -> None:
    """Rates do move: QuantLib's analytic engine with an independent (and a correlated) short rate."""
    today = ql.Date(15, 1, 2025)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    for correlation in (0.0, 0.4):
        flat = FlatWorld(
            rates={"EUR": RATE}, kappas={"EUR": KAPPA}, sigmas={"EUR": SIGMA},
            equities={"SHARE": (100.0, 0.2, 0.015)}, correlations={("IR:EUR", "EQ:SHARE"): correlation},
        )  # fmt: skip
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, r, count)) for r in (0.015, RATE)]
        vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), 0.2, count))
        spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
        process = ql.BlackScholesMertonProcess(spot, *curves, vol)
        engine = ql.AnalyticBSMHullWhiteEngine(correlation, process, ql.HullWhite(curves[1], KAPPA, SIGMA))
        for kind, strike in itertools.product(("call", "put"), (70.0, 105.0, 150.0)):
            terms = {"equity": "SHARE", "currency": "EUR", "quantity": 1e4, "strike": strike}
            expiry = np.datetime64("2030-01-15")
            trade = EquityOption(
                trade_id="T", **HOME, side="long", option_type=kind, **terms, expiry_date=expiry
            )
            flag = ql.Option.Call if kind == "call" else ql.Option.Put
            option = ql.VanillaOption(
                ql.PlainVanillaPayoff(flag, strike), ql.EuropeanExercise(ql.Date(15, 1, 2030))
            )
            option.setPricingEngine(engine)
            assert values(flat, trade)[0] == pytest.approx(1e4 * option.NPV(), abs=1e-9 * NOTIONAL)
