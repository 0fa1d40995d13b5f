"""Every closed form against QuantLib on random parameters."""

from __future__ import annotations

import math

import pytest
import QuantLib as ql
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import quantlib_prices as quantlib
from tests.oracles.quantlib_prices import YEAR, five_point, numbers
from xva.options.greeks import greeks
from xva.pricing.closed_form.bachelier import bachelier_option
from xva.pricing.closed_form.barrier import KINDS, barrier_option
from xva.pricing.closed_form.black76 import black76_option
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.garman_kohlhagen import fx_option
from xva.pricing.closed_form.geometric_asian import geometric_asian, geometric_asian_continuous
from xva.pricing.closed_form.heston import heston
from xva.pricing.closed_form.margrabe import exchange_option
from xva.pricing.closed_form.sabr import sabr_lognormal_vol, sabr_normal_vol
from xva.pricing.closed_form.stulz import stulz

SIGN = st.sampled_from([1, -1])
SPOT = st.floats(60.0, 150.0)
DAYS = st.integers(10, 2000)
RATE = st.floats(-0.01, 0.1)
VOL = st.floats(0.08, 0.6)
CORRELATION = st.floats(-0.95, 0.95)
often = settings(max_examples=60, deadline=None, derandomize=True)
seldom = settings(max_examples=25, deadline=None, derandomize=True)


def close(got: torch.Tensor, expected: float, tolerance: float = 1e-11) -> bool:
    return got.item() == pytest.approx(expected, rel=tolerance, abs=100 * tolerance)


@often
@given(SPOT, SPOT, DAYS, RATE, VOL, RATE, SIGN)
def test_black_scholes_and_its_greeks(spot, strike, days, rate, vol, dividend, sign) -> None:  # type: ignore[no-untyped-def]
    expected = quantlib.european(spot, strike, days, rate, vol, dividend, sign)
    got = greeks(black_scholes, order=2)(spot, strike, days / YEAR, rate, vol, dividend, sign)
    for name, value in {
        "value": expected.NPV(),
        "delta": expected.delta(),
        "gamma": expected.gamma(),
        "vega": expected.vega(),
        "rho": expected.rho(),
        "theta": expected.theta(),
        "dividend_rho": expected.dividendRho(),
        "dual_delta": expected.strikeSensitivity(),
    }.items():
        assert close(got[name], value, 1e-10), name


@often
@given(SPOT, SPOT, DAYS, RATE, VOL, SIGN)
def test_black76_and_bachelier(forward, strike, days, rate, vol, sign) -> None:  # type: ignore[no-untyped-def]
    option = ql.Option.Call if sign == 1 else ql.Option.Put
    years = days / YEAR
    discount = math.exp(-rate * years)
    black = ql.BlackCalculator(
        ql.PlainVanillaPayoff(option, strike), forward, vol * math.sqrt(years), discount
    )
    got = greeks(black76_option, order=2)(forward, strike, years, rate, vol, sign)
    assert close(got["value"], black.value())
    assert close(got["delta"], black.deltaForward())
    assert close(got["gamma"], black.gammaForward())
    assert close(got["vega"], black.vega(years))
    normal = ql.bachelierBlackFormula(option, strike, forward, 100 * vol * math.sqrt(years), discount)
    assert close(bachelier_option(*numbers(forward, strike, years, rate, 100 * vol), sign), normal)


@often
@given(st.floats(0.5, 2.0), st.floats(0.5, 2.0), DAYS, RATE, RATE, VOL, SIGN)
def test_garman_kohlhagen(spot, strike, days, quote, base, vol, sign) -> None:  # type: ignore[no-untyped-def]
    expected = quantlib.european(spot, strike, days, quote, vol, base, sign)
    got = greeks(fx_option)(spot, strike, days / YEAR, quote, base, vol, sign)
    assert close(got["value"], expected.NPV())
    assert close(got["rho_quote"], expected.rho(), 1e-10)
    assert close(got["rho_base"], expected.dividendRho(), 1e-10)


@often
@given(SPOT, SPOT, DAYS, RATE, VOL, VOL, CORRELATION, RATE, RATE)
def test_margrabe(one, other, days, rate, vol_1, vol_2, correlation, q_1, q_2) -> None:  # type: ignore[no-untyped-def]
    expected = quantlib.exchange((one, other), days, rate, (vol_1, vol_2), correlation, (q_1, q_2))
    got = exchange_option(*numbers(one, other, days / YEAR, vol_1, vol_2, correlation, q_1, q_2))
    assert close(got, expected)


@often
@given(SPOT, SPOT, SPOT, DAYS, RATE, VOL, VOL, CORRELATION, RATE, RATE, SIGN, SIGN)
def test_stulz(one, other, strike, days, rate, vol_1, vol_2, correlation, q_1, q_2, sign, best) -> None:  # type: ignore[no-untyped-def]
    expected = quantlib.two_assets(
        (one, other), strike, days, rate, (vol_1, vol_2), correlation, (q_1, q_2), sign, best
    )
    arguments = numbers(one, other, strike, days / YEAR, rate, vol_1, vol_2, correlation, q_1, q_2)
    assert close(stulz(*arguments, sign, best), expected)


@often
@given(
    SPOT,
    DAYS,
    RATE,
    VOL,
    RATE,
    SIGN,
    st.sampled_from(KINDS),
    st.floats(0.02, 0.5),
    st.sampled_from([0.0, 4.0]),
)
def test_barriers(strike, days, rate, vol, dividend, sign, kind, distance, rebate) -> None:  # type: ignore[no-untyped-def]
    if rebate and (rate - dividend - 0.5 * vol * vol) ** 2 + 2.0 * rate * vol * vol <= 1e-6:
        rebate = 0.0  # outside the formula's domain, see test_barrier
    level = 100.0 * (1 - distance if kind.startswith("down") else 1 + distance)
    expected = quantlib.barrier(100.0, strike, level, days, rate, vol, dividend, rebate, kind, sign)
    arguments = numbers(100.0, strike, level, days / YEAR, rate, vol, dividend, rebate)
    assert close(barrier_option(*arguments, kind=kind, sign=sign), expected)


@often
@given(
    SPOT,
    DAYS,
    RATE,
    VOL,
    RATE,
    SIGN,
    st.lists(st.integers(1, 2000), min_size=1, max_size=15),
    st.integers(0, 2),
)
def test_geometric_asian(strike, days, rate, vol, dividend, sign, fixings, fixed) -> None:  # type: ignore[no-untyped-def]
    coming = sorted({1 + f % days for f in fixings})
    product = 90.0**fixed
    expected = quantlib.geometric(100.0, strike, days, coming, rate, vol, dividend, sign, (product, fixed))
    spot, k, expiry, r, sigma, q = numbers(100.0, strike, days / YEAR, rate, vol, dividend)
    lags = torch.tensor([(days - f) / YEAR for f in coming], dtype=torch.float64)
    got = geometric_asian(spot, k, expiry, r, sigma, lags, q, sign, fixed, math.log(product))
    assert close(got, expected)
    whole = geometric_asian_continuous(spot, k, expiry, r, sigma, q, sign)
    assert close(whole, quantlib.geometric_continuous(100.0, strike, days, rate, vol, dividend, sign))


HESTON = (st.floats(0.01, 0.3), st.floats(0.2, 5.0), st.floats(0.01, 0.3), st.floats(0.1, 1.2), CORRELATION)


@often
@given(SPOT, st.integers(30, 2000), RATE, RATE, st.tuples(*HESTON), SIGN)
def test_heston(strike, days, rate, dividend, model, sign) -> None:  # type: ignore[no-untyped-def]
    expected = quantlib.heston(100.0, strike, days, rate, dividend, *model, sign)
    got = heston(*numbers(100.0, strike, days / YEAR, rate, *model, dividend), sign)
    assert close(got, expected, 1e-11)


@often
@given(
    st.floats(-0.01, 0.05),
    st.floats(-0.5, 1.0),
    st.floats(0.1, 10.0),
    st.tuples(st.floats(0.01, 0.05), st.floats(0.0, 1.0), st.floats(0.0, 0.8), CORRELATION),
)
def test_sabr(forward, moneyness, expiry, model) -> None:  # type: ignore[no-untyped-def]
    shift = 0.02
    strike = (forward + shift) * math.exp(moneyness) - shift
    arguments = numbers(forward, strike, expiry, *model, shift)
    for vol, kind in ((sabr_lognormal_vol, ql.ShiftedLognormal), (sabr_normal_vol, ql.Normal)):
        expected = ql.shiftedSabrVolatility(strike, forward, expiry, *model, shift, kind)
        assert vol(*arguments).item() == pytest.approx(expected, rel=2e-10)


@seldom
@given(SPOT, st.integers(90, 1500), RATE, VOL, VOL, CORRELATION, SIGN, SIGN)
def test_stulz_greeks(strike, days, rate, vol_1, vol_2, correlation, sign, best) -> None:  # type: ignore[no-untyped-def]
    def bumped(spot: float) -> float:
        return quantlib.two_assets(
            (spot, 105.0), strike, days, rate, (vol_1, vol_2), correlation, (0.01, 0.03), sign, best
        )

    got = greeks(stulz, order=2)(
        100.0, 105.0, strike, days / YEAR, rate, vol_1, vol_2, correlation, 0.01, 0.03, sign, best
    )
    delta, gamma = five_point(bumped, 100.0, 0.2)
    assert got["delta_1"].item() == pytest.approx(delta, abs=1e-6)
    assert got["gamma_1"].item() == pytest.approx(gamma, abs=1e-6)


@seldom
@given(SPOT, st.integers(90, 1500), RATE, VOL, SIGN, st.sampled_from(KINDS), st.floats(0.1, 0.5))
def test_barrier_greeks(strike, days, rate, vol, sign, kind, distance) -> None:  # type: ignore[no-untyped-def]
    level = 100.0 * (1 - distance if kind.startswith("down") else 1 + distance)

    def moved(spot: float, sigma: float) -> float:
        return quantlib.barrier(spot, strike, level, days, rate, sigma, 0.02, 0.0, kind, sign)

    def price(spot, vol):  # type: ignore[no-untyped-def]
        return barrier_option(
            spot, *numbers(strike, level, days / YEAR, rate), vol, 0.02, kind=kind, sign=sign
        )

    got = greeks(price, order=2)(spot=100.0, vol=vol)
    delta, gamma = five_point(lambda s: moved(s, vol), 100.0, 0.1)
    vega, volga = five_point(lambda v: moved(100.0, v), vol, 2e-4)
    assert got["delta"].item() == pytest.approx(delta, abs=1e-6)
    assert got["gamma"].item() == pytest.approx(gamma, abs=1e-6)
    assert got["vega"].item() == pytest.approx(vega, rel=1e-6, abs=1e-5)
    assert got["volga"].item() == pytest.approx(volga, rel=1e-5, abs=1e-2)


@seldom
@given(SPOT, st.integers(90, 1500), RATE, st.tuples(*HESTON), SIGN)
def test_heston_greeks(strike, days, rate, model, sign) -> None:  # type: ignore[no-untyped-def]
    got = greeks(heston, order=2)(100.0, strike, days / YEAR, rate, *model, sign=sign)
    delta, gamma = five_point(lambda s: quantlib.heston(s, strike, days, rate, 0.0, *model, sign), 100.0, 0.5)
    vega, _ = five_point(
        lambda v: quantlib.heston(100.0, strike, days, rate, 0.0, v, *model[1:], sign), model[0], 1e-4
    )
    assert got["delta"].item() == pytest.approx(delta, abs=1e-6)
    assert got["gamma"].item() == pytest.approx(gamma, abs=1e-6)
    assert got["d_value/d_variance"].item() == pytest.approx(vega, rel=1e-6, abs=1e-5)
