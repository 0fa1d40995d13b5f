"""Black-Scholes and its rewordings against independent values (50 digits) and QuantLib."""

from __future__ import annotations

import json
import math

import pytest
import QuantLib as ql
import torch
from torch import Tensor

from tests.support.places import ORACLES
from xva.pricing.closed_form.bachelier import bachelier
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.garman_kohlhagen import garman_kohlhagen
from xva.pricing.closed_form.margrabe import margrabe

ORACLE = json.loads((ORACLES / "closed_forms.json").read_text())["black_scholes_call"]


def leaf(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def derivative(value: Tensor, *inputs: Tensor) -> Tensor:
    for x in inputs:
        (value,) = torch.autograd.grad(value, x, create_graph=True)
    return value


def test_price_and_all_greeks_by_ad() -> None:
    spot, strike, expiry = leaf(ORACLE["spot"]), leaf(ORACLE["strike"]), leaf(ORACLE["expiry"])
    rate, vol = leaf(ORACLE["rate"]), leaf(ORACLE["vol"])
    price = black_scholes(spot, strike, expiry, rate, vol)
    got = {
        "price": price,
        "delta": derivative(price, spot),
        "gamma": derivative(price, spot, spot),
        "vega": derivative(price, vol),
        "theta": -derivative(price, expiry),
        "rho": derivative(price, rate),
        "vanna": derivative(price, spot, vol),
        "volga": derivative(price, vol, vol),
    }
    assert {name: value.item() for name, value in got.items()} == pytest.approx(
        {name: ORACLE[name] for name in got}, rel=1e-12, abs=0
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("strike", [40.0, 95.0, 250.0])
def test_black76_and_bachelier_agree_with_quantlib(sign: int, strike: float) -> None:
    option = ql.Option.Call if sign == 1 else ql.Option.Put
    forward, std_dev = leaf(101.0), leaf(0.35)
    value = black76(forward, torch.tensor(strike, dtype=torch.float64), std_dev, sign)
    assert value.item() == pytest.approx(ql.blackFormula(option, strike, 101.0, 0.35), rel=1e-12, abs=1e-13)
    black = ql.BlackCalculator(ql.PlainVanillaPayoff(option, strike), 101.0, 0.35)
    assert derivative(value, std_dev).item() == pytest.approx(black.vega(1.0), rel=1e-11)
    normal = bachelier(forward, torch.tensor(strike, dtype=torch.float64), torch.tensor(17.0), sign)
    expected = ql.bachelierBlackFormula(option, strike, 101.0, 17.0)
    assert normal.item() == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_put_call_parity_at_a_distance() -> None:
    forward = torch.linspace(1.0, 500.0, 100, dtype=torch.float64)
    strike, deviation = torch.tensor(100.0).double(), torch.tensor(0.4).double()
    parity = black76(forward, strike, deviation) - black76(forward, strike, deviation, -1)
    torch.testing.assert_close(parity, forward - strike, rtol=0, atol=1e-12)


def test_garman_kohlhagen_agrees_with_quantlib() -> None:
    day = ql.Date(15, 1, 2026)
    ql.Settings.instance().evaluationDate = day
    count = ql.Actual365Fixed()
    rates = [ql.YieldTermStructureHandle(ql.FlatForward(day, r, count)) for r in (0.04, 0.03)]
    vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), 0.1, count))
    process = ql.GarmanKohlagenProcess(ql.QuoteHandle(ql.SimpleQuote(1.1)), rates[0], rates[1], vol)
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, 1.15), ql.EuropeanExercise(day + 730))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    base, quote = math.exp(-0.08), math.exp(-0.06)
    numbers = [torch.tensor(x, dtype=torch.float64) for x in (1.1, 1.15, 0.1 * math.sqrt(2.0), base, quote)]
    assert garman_kohlhagen(*numbers, sign=-1).item() == pytest.approx(option.NPV(), rel=1e-12)


def test_margrabe_is_black_scholes_with_the_delivered_asset_as_numeraire() -> None:
    a, b, deviation = (torch.tensor(x, dtype=torch.float64) for x in (100.0, 90.0, 0.3))
    one = torch.tensor(1.0, dtype=torch.float64)
    ratio = black_scholes(a / b, one, one, torch.zeros(()).double(), deviation)
    torch.testing.assert_close(margrabe(a, b, deviation), b * ratio)


@pytest.mark.parametrize("formula", [black76, bachelier])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_time_left_is_the_intrinsic_value_with_a_finite_gradient(formula, sign) -> None:  # type: ignore[no-untyped-def]
    forward, deviation = leaf(110.0), leaf(0.0)
    value = formula(forward, torch.tensor(100.0, dtype=torch.float64), deviation, sign)
    assert value.item() == max(sign * 10.0, 0.0)
    assert derivative(value, forward).item() == (1.0 if sign == 1 else 0.0)
    assert math.isfinite(
        torch.autograd.grad(formula(forward, leaf(100.0), deviation, sign), deviation)[0].item()
    )
