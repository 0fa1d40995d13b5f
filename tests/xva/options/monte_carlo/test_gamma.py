"""Second derivatives to the spots, by three methods, against closed forms."""

from __future__ import annotations

import pytest

from tests.support.monte_carlo_world import (
    BASKET,
    CALL,
    CONTINUOUS,
    DIGITAL,
    MARKET,
    WATCHED,
    WORST,
    agrees,
    bound,
    digital,
    exact_call,
    greeks_of,
    numbers,
    watched,
)
from xva.options.greeks import greeks
from xva.options.monte_carlo import (
    LikelihoodRatio,
    Mixed,
    OneStepSurvival,
    Pathwise,
    Sampling,
    SecondLikelihoodRatio,
    Smoothing,
)
from xva.options.monte_carlo.gamma import GammaMethod
from xva.pricing.closed_form.barrier import barrier_option
from xva.pricing.closed_form.stulz import stulz

ROW = {name: MARKET[name] for name in ("spot", "vol", "rate", "dividend")}


@pytest.mark.parametrize("gamma", [Mixed(), SecondLikelihoodRatio(), Smoothing(0.04)], ids=str)
def test_european(gamma: GammaMethod) -> None:
    found = greeks_of(CALL, numbers(**ROW), gamma=gamma, sampling=Sampling(paths=1 << 19, block_size=16384))
    agrees(found["gamma"], float(exact_call()["gamma"]), 0.01 if gamma == Smoothing(0.04) else 0.005)


def test_a_control_takes_the_error_off_the_gamma_too() -> None:
    """The closed form beside it is exact here, for gamma as for the rest: what smoothing biases cancels."""
    for gamma in (Mixed(), Smoothing(0.05)):
        found = greeks_of(CALL, numbers(**ROW), gamma=gamma, controls="known")
        assert float(found["gamma"].value) == pytest.approx(float(exact_call()["gamma"]), rel=1e-9)


def test_smoothing_is_biased_as_said() -> None:
    """Of order four in the width: twice the width, some sixteen times the bias."""
    exact, bias = float(exact_call()["gamma"]), []
    for width in (0.1, 0.2):
        found = greeks_of(CALL, numbers(**ROW), gamma=Smoothing(width), sampling=Sampling(paths=1 << 18))
        bias.append(float(found["gamma"].value) / exact - 1.0)
        assert bound(found["gamma"]) < 0.01 * exact
    assert -0.2 < bias[1] < -0.05
    assert abs(bias[0]) < 0.25 * abs(bias[1])


@pytest.mark.parametrize("gamma", [Mixed(), SecondLikelihoodRatio(), Smoothing(0.04)], ids=str)
def test_matrix_of_the_worst_of_two(gamma: GammaMethod) -> None:
    market = numbers(spot=[100.0, 50.0], vol=[0.2, 0.3], rate=0.03, correlation=[0.4])
    found = greeks_of(WORST, market, gamma=gamma, sampling=Sampling(paths=1 << 19, block_size=16384))
    scaled = {"spot_1": 100.0, "spot_2": 100.0, "vol_1": 0.2, "vol_2": 0.3, "correlation": 0.4}
    exact = greeks(stulz, order=2)(**scaled, strike=102.0, expiry=1.0, rate=0.03, sign=-1, best=-1)
    power = 0.006 if gamma == Mixed() else 0.03
    agrees(found["gamma[0]"], float(exact.derivative("spot_1", "spot_1")), power)
    agrees(found["cross_gamma[0][1]"], 2.0 * float(exact.derivative("spot_1", "spot_2")), power)
    agrees(found["gamma[1]"], 4.0 * float(exact.derivative("spot_2", "spot_2")), power)


def test_basket_methods_agree() -> None:
    market = numbers(spot=[100.0, 105.0, 95.0], vol=[0.2, 0.25, 0.18], rate=0.05, correlation=0.5)
    sampling = Sampling(paths=1 << 18, block_size=8192)
    mixed = greeks_of(BASKET, market, gamma=Mixed(), sampling=sampling, controls="known")
    smooth = greeks_of(BASKET, market, gamma=Smoothing(0.05), sampling=sampling, controls="known")
    for name in mixed.names[-6:]:
        agrees(smooth[name], float(mixed[name].value), 0.08, float(mixed[name].error))
        assert bound(mixed[name]) < 0.01 * float(mixed[name].value)


def test_digital_by_all_that_is_right_for_it() -> None:
    exact = float(greeks(digital, order=2)(expiry=1.0, **ROW)["gamma"])
    ratio = greeks_of(DIGITAL, numbers(**ROW), method=LikelihoodRatio(), gamma=SecondLikelihoodRatio())
    agrees(ratio["gamma"], exact)
    method = OneStepSurvival.of(DIGITAL)
    smooth = greeks_of(DIGITAL, numbers(**ROW), method=method, gamma=Smoothing(0.02))
    agrees(smooth["gamma"], exact)


def test_watched_barrier() -> None:
    """Gamma by central differences of the quadrature."""
    price, step, market = watched("down-and-out", 0.0), 0.05, numbers(**MARKET)
    values = [float(price(**{**market, "spot": market["spot"] + k * step})) for k in (-1.0, 0.0, 1.0)]
    exact = (values[0] - 2.0 * values[1] + values[2]) / step**2
    method = OneStepSurvival.of(WATCHED)
    found = greeks_of(WATCHED, market, method=method, gamma=Smoothing(0.04), sampling=Sampling(paths=1 << 18))
    agrees(found["gamma"], exact, 0.05)
    ratio = greeks_of(WATCHED, market, method=LikelihoodRatio(), gamma=SecondLikelihoodRatio())
    agrees(ratio["gamma"], exact, 0.05)


def test_continuous_barrier_near_its_barrier() -> None:
    given = {**ROW, "spot": 95.0}
    exact = greeks(barrier_option, order=2)(
        strike=100.0, barrier=90.0, expiry=1.0, kind="down-and-out", **given
    )
    found = greeks_of(CONTINUOUS, numbers(**given), gamma=Smoothing(0.009), sampling=Sampling(paths=1 << 19))
    agrees(found["gamma"], float(exact["gamma"]), 0.2)


def test_labels_follow_the_parameters() -> None:
    one = greeks_of(CALL, numbers(**ROW), gamma=Mixed(), sampling=Sampling(paths=1, block_size=64))
    assert one.names[-1] == "gamma"
    vector = numbers(spot=[100.0], vol=0.2, rate=0.05)
    assert greeks_of(CALL, vector, gamma=Mixed(), method=Pathwise()).names[-1] == "gamma[0]"
