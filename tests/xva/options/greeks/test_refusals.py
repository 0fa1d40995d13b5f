"""Wrong use of `greeks` is an error that says what to do."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xva.errors import DomainError
from xva.options.greeks import greeks
from xva.pricing.closed_form.barrier import barrier_option
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.stulz import stulz

CALL = {"spot": 100.0, "strike": 100.0, "expiry": 1.0, "rate": 0.05, "vol": 0.2}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vol": -0.2}, r"vol: expected > 0, got -0\.2 -> give the volatility"),
        ({"vol": 0.0}, "vol: expected > 0"),
        ({"expiry": 0.0}, "expiry: expected > 0, got 0 -> the option has expired"),
        (
            {"expiry": torch.tensor([1.0, -0.5])},
            r"expiry\[1\]: expected > 0, got -0\.5 -> the option has expired",
        ),
        ({"spot": math.nan}, "spot: expected > 0, got nan -> find where"),
        ({"rate": math.inf}, "rate: expected a finite number, got inf"),
        ({"spot": torch.ones(3).double(), "vol": torch.ones(2).double()}, r"spot \(3,\), .*vol \(2,\)"),
        ({"spot": torch.zeros(0).double()}, "at least one option"),
        ({"spot": torch.tensor(1j)}, "real numbers"),
        ({"volatility": 0.2}, "expected the arguments of"),
    ],
)
def test_inputs(change: dict[str, float], words: str) -> None:
    with pytest.raises(DomainError, match=words):
        greeks(black_scholes, order=2)(**{**CALL, **change})


def test_the_engine_formula_is_checked_here_though_it_checks_nothing() -> None:
    assert black76(*torch.tensor([100.0, 90.0, -0.2]).double()).item() == 10.0  # the engine's: trusted inputs
    with pytest.raises(DomainError, match="std_dev: expected > 0"):
        greeks(black76)(forward=100.0, strike=90.0, std_dev=-0.2)


def test_public_forms_check_themselves() -> None:
    numbers = {name: torch.tensor(x, dtype=torch.float64) for name, x in CALL.items()}
    with pytest.raises(DomainError, match="vol: expected >= 0"):
        black_scholes(**{**numbers, "vol": -numbers["vol"]})
    one = numbers["spot"]
    with pytest.raises(DomainError, match=r"correlation: expected > -1 and < 1, got 1 -> .*one-factor"):
        stulz(one, one, one, *(numbers[k] for k in ("expiry", "rate", "vol", "vol")), one / one)


def test_what_cannot_be_labelled() -> None:
    with pytest.raises(DomainError, match="order: expected 1 or 2, got 3"):
        greeks(black_scholes, order=3)
    with pytest.raises(DomainError, match="mode: expected one of"):
        greeks(black_scholes, mode="backward")  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="expected one number for one option"):
        greeks(lambda x: torch.stack([x, x]))(x=1.0)
    with pytest.raises(DomainError, match="with names"):
        greeks(lambda *x: x[0])(1.0)
    with pytest.raises(DomainError, match="expected sign among the numbers"):
        greeks(black_scholes, wrt=("sign",))(**CALL, sign=1)
    with pytest.raises(DomainError, match="floating-point"):
        greeks(lambda n: n)(n=torch.tensor(3))
    with pytest.raises(DomainError, match="expected a vector"):
        greeks(lambda spot: spot.sum(), vectors=("spot",))(spot=1.0)


def test_a_result_that_is_no_number() -> None:
    with pytest.raises(DomainError, match="value of option 1: expected a finite number, got nan at x=-1"):
        greeks(lambda x: torch.sqrt(x))(x=torch.tensor([1.0, -1.0]))
    with pytest.raises(DomainError, match="d_value/d_x of option 0"):
        greeks(lambda x: torch.sqrt(x))(x=0.0)
    price = partial(barrier_option, kind="down-and-out")
    with pytest.raises(DomainError, match="finite number, got nan"):
        greeks(price)(**{**CALL, "rate": -0.05, "vol": 0.4}, barrier=90.0, dividend=-0.13, rebate=3.0)


class Functional(nn.Module):
    def __init__(self, activation: str) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(1, 8), nn.Linear(8, 1)
        self.activation = activation

    def forward(self, spot: Tensor) -> Tensor:
        hidden = getattr(F, self.activation)(self.first(torch.log(spot).reshape(1)))
        return self.last(hidden).sum()


class Pricer:
    """A price that holds its network."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def value(self, spot: Tensor) -> Tensor:
        return self.network(torch.log(spot).reshape(1)).sum()

    def __call__(self, spot: Tensor) -> Tensor:
        return self.value(spot)


def layered(activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, 8), activation, nn.Linear(8, 1))


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(), nn.Hardtanh(), nn.PReLU(), nn.ReLU6()])
def test_second_order_of_a_piecewise_linear_network_is_refused_at_once(activation: nn.Module) -> None:
    network = layered(activation)
    words = f"{type(activation).__name__}; its second derivative is zero almost everywhere.*Softplus"

    def closure(spot: Tensor) -> Tensor:
        return network(torch.log(spot).reshape(1)).sum()

    holder = Pricer(network)
    for price in (
        network,
        closure,
        holder,
        holder.value,
        partial(lambda n, spot: n(spot.reshape(1)).sum(), network),
    ):
        with pytest.raises(DomainError, match=words):
            greeks(price, order=2)
    first = greeks(closure)(spot=torch.tensor(100.0))
    assert bool(torch.isfinite(first["delta"]))  # first order is meaningful


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "hardtanh", "relu6"])
def test_functional_activations_are_found_when_called(activation: str) -> None:
    network = Functional(activation)
    with pytest.raises(DomainError, match=r"Functional calls .*zero almost everywhere"):
        greeks(network, order=2)(spot=torch.tensor(100.0))
    assert not network._forward_hooks
    assert not network._forward_pre_hooks


@pytest.mark.parametrize("activation", ["softplus", "silu", "gelu", "tanh"])
def test_smooth_networks_pass(activation: str) -> None:
    torch.manual_seed(1)
    got = greeks(Functional(activation), order=2)(spot=torch.tensor([90.0, 100.0]))
    assert bool((got["gamma"] != 0.0).all())


@pytest.mark.parametrize(
    "payoff",
    [
        lambda spot: torch.relu(spot - 100.0),
        lambda spot: torch.clamp(spot - 100.0, min=0.0),
        lambda spot: torch.maximum(spot - 100.0, torch.zeros_like(spot)),
        lambda spot: (spot - 100.0).abs(),
    ],
    ids=["relu", "clamp", "maximum", "abs"],
)
def test_a_gamma_that_is_zero_only_because_of_a_kink_is_refused(payoff) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DomainError, match=r"gamma: expected a twice differentiable price.*likelihood ratio"):
        greeks(payoff, order=2)(spot=torch.tensor([90.0, 110.0]))


def test_true_zeros_are_not_refused() -> None:
    assert (
        greeks(lambda spot, rate: spot * torch.exp(-rate), order=2)(spot=100.0, rate=0.1)["gamma"].item()
        == 0.0
    )
    deep = greeks(black_scholes, order=2)(**{**CALL, "spot": 1e6})  # gamma underflows; the price has no kink
    assert deep["gamma"].item() == 0.0
