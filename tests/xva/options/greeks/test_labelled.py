"""Labelled Greeks: the reference numbers, every mode and dtype, batches, parity of every Greek."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support.places import ORACLES
from xva.errors import DomainError
from xva.options.greeks import greeks
from xva.pricing.closed_form.bachelier import bachelier_option
from xva.pricing.closed_form.barrier import KINDS, barrier_option
from xva.pricing.closed_form.black76 import black76_option
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.garman_kohlhagen import fx_option
from xva.pricing.closed_form.geometric_asian import geometric_asian, geometric_asian_continuous
from xva.pricing.closed_form.heston import heston
from xva.pricing.closed_form.margrabe import exchange_option
from xva.pricing.closed_form.sabr import sabr_lognormal, sabr_normal
from xva.pricing.closed_form.stulz import stulz

ORACLE = json.loads((ORACLES / "closed_forms.json").read_text())["black_scholes_call"]
GREEKS = ("delta", "gamma", "vega", "theta", "rho", "vanna", "volga")
MODES = ("reverse", "forward", "mixed")
CALL = {name: ORACLE[name] for name in ("spot", "strike", "expiry", "rate", "vol")}
LAGS = torch.linspace(1.0, 0.0, 13, dtype=torch.float64)
HESTON = {
    "variance": 0.04,
    "mean_reversion": 1.5,
    "long_variance": 0.06,
    "vol_of_variance": 0.5,
    "correlation": -0.6,
}
PAIR = {"spot_1": 100.0, "spot_2": 95.0, "expiry": 1.2, "vol_1": 0.2, "vol_2": 0.3, "correlation": 0.4}
RATES = {"expiry": 1.2, "rate": 0.03}
SABR = {
    "forward": 0.03,
    "strike": 0.03,
    "expiry": 2.0,
    "alpha": 0.03,
    "beta": 0.5,
    "nu": 0.5,
    "correlation": -0.3,
}
SPOT = {"spot": 100.0, "strike": 105.0, **RATES}
PRICES: dict[str, tuple[Callable[..., Tensor], dict[str, float]]] = {
    "black_scholes": (black_scholes, {**SPOT, "vol": 0.2, "dividend": 0.01}),
    "black76": (black76_option, {"forward": 100.0, "strike": 105.0, **RATES, "vol": 0.2}),
    "bachelier": (bachelier_option, {"forward": -1.0, "strike": 2.0, **RATES, "normal_vol": 5.0}),
    "fx": (
        fx_option,
        {"spot": 1.1, "strike": 1.2, "expiry": 1.2, "rate_quote": 0.03, "rate_base": 0.01, "vol": 0.1},
    ),
    "margrabe": (exchange_option, {**PAIR, "dividend_1": 0.01, "dividend_2": 0.02}),
    "stulz": (stulz, {**PAIR, "strike": 105.0, "rate": 0.03, "dividend_1": 0.01, "dividend_2": 0.02}),
    "asian": (partial(geometric_asian, lags=LAGS), {**SPOT, "vol": 0.2, "dividend": 0.01}),
    "asian_continuous": (geometric_asian_continuous, {**SPOT, "vol": 0.2, "dividend": 0.01}),
    "heston": (heston, {**SPOT, **HESTON, "dividend": 0.01}),
    "sabr_lognormal": (sabr_lognormal, {**SABR, "shift": 0.01}),
    "sabr_normal": (sabr_normal, {**SABR, "shift": 0.01}),
} | {
    kind: (
        partial(barrier_option, kind=kind),
        {
            **SPOT,
            "barrier": 90.0 if kind.startswith("down") else 120.0,
            "vol": 0.2,
            "dividend": 0.01,
            "rebate": 2.0,
        },
    )
    for kind in KINDS
}


@pytest.mark.parametrize("mode", MODES)
def test_the_reference_numbers(mode: str) -> None:
    got = greeks(black_scholes, order=2, mode=mode)(**CALL)  # type: ignore[arg-type]
    assert got.value.item() == pytest.approx(ORACLE["price"], rel=1e-12)
    for name in GREEKS:
        assert got[name].item() == pytest.approx(ORACLE[name], rel=1e-12), name


def test_every_name() -> None:
    assert greeks(black_scholes, order=2)(**CALL, dividend=0.0).names == (
        *("value", "delta", "dual_delta", "theta", "rho", "vega", "dividend_rho"),
        *("gamma", "d2_value/d_spot d_strike", "charm", "d2_value/d_spot d_rate", "vanna"),
        *(
            "d2_value/d_spot d_dividend",
            "dual_gamma",
            "d2_value/d_strike d_expiry",
            "d2_value/d_strike d_rate",
        ),
        *("d2_value/d_strike d_vol", "d2_value/d_strike d_dividend", "d2_value/d_expiry2"),
        *("d2_value/d_expiry d_rate", "veta", "d2_value/d_expiry d_dividend", "d2_value/d_rate2", "vera"),
        *("d2_value/d_rate d_dividend", "volga", "d2_value/d_vol d_dividend", "d2_value/d_dividend2"),
    )


@pytest.mark.parametrize("name", PRICES)
def test_forward_and_reverse_agree(name: str) -> None:
    price, arguments = PRICES[name]
    first = greeks(price, order=2)(**arguments)
    for mode in ("forward", "mixed"):
        other = greeks(price, order=2, mode=mode)(**arguments)  # type: ignore[arg-type]
        assert other.names == first.names
        scale = first.data.abs().clamp(min=1e-3 * first.value.abs())
        assert float(((other.data - first.data) / scale).abs().max()) < 1e-10
    once = greeks(price)(**arguments)
    torch.testing.assert_close(once.data, first.data[: len(once.names)], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", PRICES)
def test_second_order_is_the_slope_of_the_first(name: str) -> None:
    """Central differences of the labelled gradient, every pair of arguments."""
    price, arguments = PRICES[name]
    both = greeks(price, order=2)(**arguments)
    hessian = both.hessian().numpy()
    gradient = greeks(price, wrt=tuple(arguments))
    for i, moved in enumerate(arguments):
        h = 1e-5 * max(abs(arguments[moved]), 1e-2)
        up, down = (gradient(**{**arguments, moved: arguments[moved] + s * h}) for s in (1, -1))
        slope = (up.gradient() - down.gradient()).numpy() / (2 * h)
        scale = np.abs(hessian).max(axis=0) + np.abs(up.gradient().numpy())
        order = [str(c) for c in both.components].index(moved)
        assert np.all(np.abs(slope - hessian[order]) < 2e-6 * scale), (i, moved)


@pytest.mark.parametrize("name", PRICES)
def test_a_batch_is_its_options(name: str) -> None:
    """Per option, not batch by batch; single precision follows."""
    price, arguments = PRICES[name]
    factors = torch.tensor([[0.97, 1.0], [1.01, 1.04]], dtype=torch.float64)
    first = next(iter(arguments))
    strip = greeks(price, order=2)(**{**arguments, first: factors * arguments[first]})
    assert strip.value.shape == (2, 2)
    one = greeks(price, order=2)(**{**arguments, first: 1.01 * arguments[first]})
    torch.testing.assert_close(strip.data[:, 1, 0], one.data, rtol=1e-11, atol=1e-11)
    halves = greeks(price, order=2, chunk=3)(**{**arguments, first: factors * arguments[first]})
    torch.testing.assert_close(halves.data, strip.data, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", [n for n in PRICES if n != "sabr_normal"])
def test_single_precision(name: str) -> None:
    price, arguments = PRICES[name]
    if name == "asian":
        price = partial(geometric_asian, lags=LAGS.float())
    exact = greeks(price if name != "asian" else PRICES[name][0], order=2)(**arguments)
    got = greeks(price, order=2)(**{k: torch.tensor(v, dtype=torch.float32) for k, v in arguments.items()})
    assert got.data.dtype == torch.float32
    # in units of what moving each argument by its own size does to the value
    size = torch.tensor([max(abs(v), 0.05) for v in arguments.values()], dtype=torch.float64)
    reach = exact.gradient().abs() @ size + exact.value.abs()
    assert abs(got.value.double() - exact.value) < 2e-5 * reach
    slopes = (got.gradient().double() - exact.gradient()).abs() * size
    assert float(slopes.max()) < 2e-4 * float(reach)
    bends = (got.hessian().double() - exact.hessian()).abs() * size[:, None] * size
    assert float(bends.max()) < 2e-3 * float(reach + (exact.hessian().abs() * size[:, None] * size).max())


def _forwards() -> dict[str, tuple[str, Callable[..., Tensor]]]:
    """What call less put is worth, in the same arguments."""

    def asset(spot, strike, expiry, rate, dividend=0.0, **_: Any):  # type: ignore[no-untyped-def]
        return spot * torch.exp(-dividend * expiry) - strike * torch.exp(-rate * expiry)

    def forward(forward, strike, expiry, rate, **_: Any):  # type: ignore[no-untyped-def]
        return torch.exp(-rate * expiry) * (forward - strike)

    def fx(spot, strike, expiry, rate_quote, rate_base, **_: Any):  # type: ignore[no-untyped-def]
        return spot * torch.exp(-rate_base * expiry) - strike * torch.exp(-rate_quote * expiry)

    def exchange(spot_1, spot_2, expiry, dividend_1, dividend_2, **_: Any):  # type: ignore[no-untyped-def]
        return spot_1 * torch.exp(-dividend_1 * expiry) - spot_2 * torch.exp(-dividend_2 * expiry)

    def best_of(strike, rate, **pair: Any):  # type: ignore[no-untyped-def]
        received = exchange_option(**pair)
        second = pair["spot_2"] * torch.exp(-pair["dividend_2"] * pair["expiry"])
        return second + received - strike * torch.exp(-rate * pair["expiry"])

    def average(spot, strike, expiry, rate, vol, dividend):  # type: ignore[no-untyped-def]
        drift = 0.5 * (rate - dividend - vol * vol / 6.0) * expiry
        return torch.exp(-rate * expiry) * (spot * torch.exp(drift) - strike)

    def plain(forward, strike, **_: Any):  # type: ignore[no-untyped-def]
        return forward - strike

    return {
        "black_scholes": asset,
        "black76": forward,
        "bachelier": forward,
        "fx": fx,
        "margrabe": exchange,
        "stulz": best_of,
        "asian_continuous": average,
        "heston": asset,
        "sabr_lognormal": plain,
        "sabr_normal": plain,
    }  # type: ignore[return-value]


@pytest.mark.parametrize(("name", "forward"), _forwards().items())
def test_put_call_parity_of_every_greek(name: str, forward: Callable[..., Tensor]) -> None:
    price, arguments = PRICES[name]
    call, put = (greeks(partial(price, sign=s), order=2)(**arguments) for s in (1, -1))
    expected = greeks(forward, order=2)(**arguments)
    for label in expected.labels:
        by = [str(c) for c in label.by]
        gap = call.derivative(*by) - put.derivative(*by) - expected.derivative(*by)
        size = call.derivative(*by).abs() + put.derivative(*by).abs()
        assert abs(gap) <= 1e-11 * (1 + float(size)), label.name


@pytest.mark.parametrize("sign", [1, -1])
def test_black_scholes_equation(sign: int) -> None:
    """Theta, delta and gamma of three products on one asset solve the same equation."""
    for name in ("black_scholes", "down-and-in", "up-and-out"):
        price, arguments = PRICES[name]
        g = greeks(partial(price, sign=sign), order=2)(
            **{**arguments, "rebate": 0.0} if "and" in name else arguments
        )
        s, r, q, vol = (arguments[k] for k in ("spot", "rate", "dividend", "vol"))
        flow = g["theta"] + (r - q) * s * g["delta"] + 0.5 * vol**2 * s**2 * g["gamma"] - r * g.value
        assert abs(float(flow)) < 1e-11


def test_cross_gamma_between_assets_by_its_closed_form() -> None:
    arguments = PRICES["margrabe"][1] | {"dividend_1": 0.0, "dividend_2": 0.0}
    got = greeks(exchange_option, order=2)(**arguments)
    # homogeneous of degree one: S1 gamma_1 + S2 cross = 0
    s_1, s_2 = arguments["spot_1"], arguments["spot_2"]
    assert float(s_1 * got["gamma_1"] + s_2 * got["cross_gamma_1_2"]) == pytest.approx(0.0, abs=1e-14)
    variance = (
        arguments["vol_1"] ** 2 + arguments["vol_2"] ** 2 - 2 * 0.4 * arguments["vol_1"] * arguments["vol_2"]
    )
    dev = math.sqrt(variance * 1.2)
    d_1 = math.log(s_1 / s_2) / dev + 0.5 * dev
    density = math.exp(-0.5 * d_1 * d_1) / math.sqrt(2 * math.pi)
    assert got["gamma_1"].item() == pytest.approx(density / (s_1 * dev), rel=1e-12)


def test_a_vector_argument_has_a_label_per_entry() -> None:
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)

    def geometric_basket(spot: Tensor, vol: Tensor, strike: Tensor, expiry: Tensor) -> Tensor:
        level = torch.exp(weights @ torch.log(spot))
        return black_scholes(level, strike, expiry, 0.0 * strike, torch.sqrt(((weights * vol) ** 2).sum()))

    spots = torch.tensor([[100.0, 105.0, 95.0], [90.0, 100.0, 110.0]], dtype=torch.float64)
    got = greeks(geometric_basket, order=2, vectors=("spot", "vol"))(
        spot=spots, vol=torch.tensor([0.2, 0.25, 0.3], dtype=torch.float64), strike=100.0, expiry=1.0
    )
    assert got["delta[2]"].shape == (2,)
    assert {"gamma[1]", "cross_gamma[0][2]", "vanna[2][0]", "volga[0]", "charm[1]", "theta"} <= set(got.names)
    torch.testing.assert_close(got["cross_gamma[0][2]"], got.hessian()[:, 0, 2])
    torch.testing.assert_close(got.hessian(), got.hessian().mT)
    euler = (spots * torch.stack([got[f"delta[{i}]"] for i in range(3)], -1)).sum(-1) + 100 * got[
        "dual_delta"
    ]
    torch.testing.assert_close(euler, got.value)


def test_names_of_what_has_none() -> None:
    got = greeks(lambda x, spot_eur, rate: x * x * spot_eur * rate, order=2)(x=2.0, spot_eur=3.0, rate=0.5)
    expected = {"value": 6.0, "d_value/d_x": 6.0, "delta_eur": 2.0, "rho": 12.0, "d2_value/d_x2": 3.0}
    for name, number in expected.items():
        assert got[name].item() == pytest.approx(number)
    assert got["d2_value/d_x d_spot_eur"].item() == pytest.approx(2.0)
    assert got.derivative("spot_eur", "x").item() == pytest.approx(2.0)
    assert "gamma_eur" in got
    with pytest.raises(DomainError, match="expected one of value"):
        got["gama"]


def test_time_is_signed_once_and_plain_on_request() -> None:
    got = greeks(black_scholes, order=2)(**CALL)
    assert got.derivative("expiry").item() == -got["theta"].item()
    assert got.derivative("spot", "expiry").item() == -got["charm"].item()
    assert "d2_value/d_expiry2" in got


def test_asian_theta_is_time_passing_for_every_fixing() -> None:
    price, arguments = PRICES["asian"]
    theta = greeks(price)(**arguments)["theta"]

    def later(h: float) -> float:
        moved = {k: torch.tensor(v, dtype=torch.float64) for k, v in arguments.items()}
        moved["expiry"] = moved["expiry"] - h
        return price(**moved).item()

    assert theta.item() == pytest.approx((later(1e-5) - later(-1e-5)) / 2e-5, rel=1e-8)


def test_a_network_is_a_price() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 8), nn.Softplus(), nn.Linear(8, 1)).double()
    x = torch.randn(5, 2, dtype=torch.float64)
    got = greeks(network, order=2, vectors=("input",))(input=x)
    assert got.names[1:3] == ("d_value/d_input[0]", "d_value/d_input[1]")
    twice = torch.func.jacrev(torch.func.jacrev(lambda p: network(p)[0]))
    full = torch.stack([twice(p) for p in x]).detach()
    torch.testing.assert_close(got.hessian(), full)


def test_the_result_outlives_its_arrays() -> None:
    strip = greeks(black_scholes)(**{**CALL, "spot": np.linspace(80, 120, 5)})
    frame = strip.to_frame()
    assert list(frame.columns) == list(strip.names)
    assert frame.index.name == "option"
    np.testing.assert_array_equal(frame["vega"], strip["vega"].numpy())
    grid = greeks(black_scholes)(**{**CALL, "spot": torch.ones(2, 3).double() * 100}).to_frame()
    assert grid.index.nlevels == 2
    assert len(grid) == 6
    single = greeks(black_scholes, order=2)(**CALL)
    assert "theta" in repr(single)
    assert "-6.414027546" in repr(single)
    assert "5 options" in repr(strip)
    assert "<table" in single._repr_html_()
    again = pickle.loads(pickle.dumps(single))
    assert again.names == single.names
    assert not single.data.requires_grad
    with pytest.raises(AttributeError):
        single.data = strip.data  # type: ignore[misc]


def test_what_is_differentiated_can_be_chosen() -> None:
    got = greeks(black_scholes, order=2, wrt=("spot", "vol"))(**CALL)
    assert set(got.names) == {"value", "delta", "vega", "gamma", "vanna", "volga"}
    put = greeks(black_scholes)(100, 100, 1.0, 0.05, 0.2, sign=torch.tensor([1, -1]))  # a setting per option
    assert float(put["delta"][0] - put["delta"][1]) == pytest.approx(1.0, rel=1e-12)
