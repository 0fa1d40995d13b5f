"""One backward pass a block, streaming, determinism, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.monte_carlo_world import (
    AS_OF,
    BASKET,
    CALL,
    CONTEXT,
    CONTINUOUS,
    DIGITAL,
    HALF,
    MARKET,
    ONE,
    WATCHED,
    YEAR,
    agrees,
    greeks_of,
    numbers,
)
from xva.errors import DomainError, MarketDataError
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import PathModel, Transition
from xva.options.monte_carlo import (
    FlatBasket,
    Knock,
    LikelihoodRatio,
    Mixed,
    MonteCarloGreeks,
    OneStepSurvival,
    Pathwise,
    Sampling,
    SecondLikelihoodRatio,
    Smoothing,
    knock_of,
    simulate_greeks,
)
from xva.trades import AmericanOption, TradeContext

SMALL = Sampling(paths=1 << 10, batches=8, block_size=128)
THREE = {"spot": [100.0, 105.0, 95.0], "vol": [0.2, 0.25, 0.18], "rate": 0.05, "correlation": [0.5, 0.4, 0.3]}


def test_pathwise_greeks_are_the_derivatives_of_the_estimate() -> None:
    """Central differences of the value on the same paths: all parameters, theta and correlations too."""
    asian = replace(CALL, averaging_dates=tuple(AS_OF + 90 * k for k in range(5)))
    for trade, market in (
        (BASKET, numbers(**THREE, dividend=[0.01, 0.0, 0.02], time=0.01)),
        (asian, numbers(spot=100.0, vol=0.2, rate=0.05, dividend=0.03, time=0.01)),
        (CONTINUOUS, numbers(**MARKET)),
    ):
        found = greeks_of(trade, market, sampling=SMALL)
        place = 1
        for name, value in market.items():
            for k in range(max(value.numel(), 1)):
                step = 1e-6 * torch.eye(value.numel(), dtype=torch.float64)[k].reshape(value.shape)
                sides = [
                    greeks_of(trade, {**market, name: value + s * step}, sampling=SMALL)["value"].value
                    for s in (1.0, -1.0)
                ]
                slope = float(sides[0] - sides[1]) / 2e-6
                ours = float(found.estimates.value[place])
                assert ours == pytest.approx(slope, rel=2e-4, abs=2e-4), (name, k)
                place += 1
        assert place == len(found.labels)


def test_one_backward_pass_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    plain = torch.autograd.grad

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return plain(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    greeks_of(BASKET, numbers(**THREE), gamma=Mixed(), sampling=SMALL)
    assert len(calls) == SMALL.n_blocks + 1  # and one to see which parameters are used


def test_results_do_not_depend_on_how_paths_are_cut() -> None:
    market, one = numbers(**MARKET), Sampling(paths=1 << 12, batches=4, block_size=1024)
    whole = greeks_of(CALL, market, sampling=one, gamma=Mixed())
    parts = greeks_of(CALL, market, sampling=replace(one, block_size=64), gamma=Mixed())
    torch.testing.assert_close(whole.samples, parts.samples, rtol=1e-12, atol=0.0)
    again = greeks_of(CALL, market, sampling=one, gamma=Mixed())
    assert torch.equal(whole.samples, again.samples)


STREAM = """
import resource, sys, torch
from dataclasses import replace
from tests.support.monte_carlo_world import *
from xva.options.monte_carlo import *
torch.set_num_threads(1)
trade = replace(CALL, averaging_dates=tuple(AS_OF + 36 * k for k in range(1, 11)))
def run(paths):
    found = greeks_of(trade, numbers(spot=100.0, vol=0.2, rate=0.05), gamma=Mixed(), controls="known",
        sampling=Sampling(paths=paths, block_size=4096))
    return found, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
_, before = run(1 << 17)
found, after = run(int(sys.argv[1]))
print(found.n_paths, after - before, float(found["value"].error), float(found["delta"].value))
"""


def streamed(paths: int) -> tuple[int, float]:
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(paths)], capture_output=True, text=True, check=True
    )
    count, growth, error, delta = done.stdout.split()
    assert float(error) < 0.001
    assert 0.4 < float(delta) < 0.7
    return int(count), float(growth)


@pytest.mark.slow
def test_memory_is_that_of_a_block() -> None:
    count, growth = streamed(1 << 19)
    assert count == 1 << 19
    assert growth < 25.0  # MB; 2^19 paths of ten steps are 42 MB for the normals alone


@pytest.mark.slow
def test_ten_million_paths() -> None:
    count, growth = streamed(10_000_000)
    assert count >= 10_000_000
    assert growth < 25.0


# what is refused


def refused(
    message: str, trade: Any = CALL, market: Mapping[str, Tensor] | None = None, **options: Any
) -> None:
    with pytest.raises(DomainError) as caught:
        greeks_of(trade, numbers(**MARKET) if market is None else market, **{"sampling": SMALL, **options})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vol": -0.2}, "vol: expected > 0, got -0.2"),
        ({"vol": 0.0}, "vol: expected > 0, got 0"),
        ({"spot": float("nan")}, "spot: expected > 0, got nan -> find where"),
        ({"rate": float("inf")}, "rate: expected a finite number, got inf"),
        ({"spot": [100.0, 100.0]}, "parameter spot: expected shape () or (1,), got (2,)"),
        ({"rate": [0.05]}, "parameter rate: expected shape (), got (1,)"),
        ({"vol": [[0.2]]}, "parameter vol: expected a float64 tensor of shape () or (entry,)"),
        ({"time": 2.0}, "time: expected less than 1.0000 years"),
        ({"skew": 1.0}, "parameters: expected spot, vol, rate and any of"),
        ({"correlation": 0.5}, "parameters correlation: expected parameters that the value depends on"),
    ],
)
def test_refuses_parameters(changes: dict[str, Any], message: str) -> None:
    refused(message, market=numbers(**{**MARKET, **changes}))


def test_refuses_a_missing_parameter_a_wrong_dtype_and_none() -> None:
    refused("parameters: expected spot, vol, rate", market=numbers(spot=100.0, vol=0.2))
    refused("expected a float64 tensor", market={**numbers(**MARKET), "spot": torch.tensor(100.0)})
    refused("expected at least one parameter", market={})


def test_refuses_a_correlation_that_is_none() -> None:
    with pytest.raises(MarketDataError, match="positive definite"):
        greeks_of(BASKET, numbers(**{**THREE, "correlation": [0.9, -0.9, 0.9]}), sampling=SMALL)


def test_refuses_expired_trades() -> None:
    build = FlatBasket("USD", ("A",), 1.0, 1.0)
    for day in (YEAR, YEAR + 1):
        with pytest.raises(DomainError, match="it has no Greeks"):
            simulate_greeks(build, CALL, TradeContext(day), numbers(spot=100.0, vol=0.2, rate=0.05))


def test_refuses_decisions() -> None:
    american = AmericanOption(**ONE, expiry_date=YEAR)
    refused("expected a trade without decisions", american)


def test_refuses_derivatives_that_would_be_wrong() -> None:
    for trade in (DIGITAL, WATCHED):
        refused("the pathwise derivative misses every jump", trade)
    refused("Mixed() is for pathwise derivatives", DIGITAL, method=LikelihoodRatio(), gamma=Mixed())
    survival = OneStepSurvival.of(DIGITAL)
    refused("is for payoffs of free paths", DIGITAL, method=survival, gamma=SecondLikelihoodRatio())
    today = replace(CALL, averaging_dates=(AS_OF, YEAR))
    for gamma in (Mixed(), SecondLikelihoodRatio()):
        refused("it looks at today's price itself", today, gamma=gamma)
        refused("it looks at today's price itself", CONTINUOUS, gamma=gamma)


def test_fixed_today_it_has_a_density() -> None:
    today = replace(CALL, averaging_dates=(AS_OF, YEAR))
    context = TradeContext(AS_OF, fixings={("EQ/A", str(AS_OF)): 100.0})
    market = numbers(spot=100.0, vol=0.2, rate=0.05)
    build = FlatBasket.of(today, context)
    found = simulate_greeks(build, today, context, market, gamma=Mixed(), savings=False)
    call = greeks_of(
        CALL, market, gamma=Mixed()
    )  # half the average moves: a half of a call struck where it was
    agrees(found["gamma"], 0.5 * float(call["gamma"].value), 0.01, 0.5 * float(call["gamma"].error))


class Skewed(PathModel):
    """Its log price moves by a convex function of the normal."""

    domestic, states, n_normals = "USD", ("EQ:A",), 1

    def __init__(self, p: Mapping[str, Tensor]) -> None:
        self.inner = EquityBasket.flat("USD", ("A",), p["spot"][None], p["vol"][None], p["rate"])

    def initial(self) -> Tensor:
        return self.inner.initial()

    def observe(self, times: Any, states: Any) -> Any:
        return self.inner.observe(times, states)

    def transition(self, knots: Any) -> Any:
        return SkewedSteps(self.inner.transition(knots))


class SkewedSteps(Transition):
    def __init__(self, inner: Transition) -> None:
        self.inner = inner

    def step(self, number: int, state: Tensor, normals: Tensor) -> Tensor:
        return self.inner.step(number, state, normals + 0.1 * normals**2)


@pytest.mark.parametrize(
    ("trade", "options"),
    [
        (DIGITAL, {"method": LikelihoodRatio()}),
        (DIGITAL, {"method": OneStepSurvival.of(DIGITAL)}),
        (CALL, {"gamma": Mixed()}),
        (CALL, {"method": LikelihoodRatio(), "gamma": SecondLikelihoodRatio()}),
        (CALL, {"controls": "known"}),
    ],
)
def test_refuses_models_without_gaussian_steps(trade: Any, options: dict[str, Any]) -> None:
    market = numbers(spot=100.0, vol=0.2, rate=0.05)
    with pytest.raises(DomainError, match="expected Gaussian steps"):
        simulate_greeks(Skewed, trade, CONTEXT, market, sampling=SMALL, **options)


def test_refuses_too_few_batches_for_controls() -> None:
    refused(
        "expected at least 8 batches for 1 control variates",
        sampling=replace(SMALL, batches=4),
        controls="known",
    )


def test_refuses_widths_that_are_none() -> None:
    for wrong in (
        lambda: Pathwise(-0.1),
        lambda: Pathwise(float("nan")),
        lambda: Smoothing(0.0),
        lambda: Smoothing(1.0),
    ):
        with pytest.raises(DomainError, match="expected a width in"):
            wrong()


def test_refuses_knocks_it_does_not_know() -> None:
    with pytest.raises(DomainError, match="expected a digital option or a barrier watched on dates"):
        knock_of(CONTINUOUS)
    with pytest.raises(DomainError, match="expected a positive level and increasing dates"):
        Knock("A", np.array([YEAR, HALF]), 90.0, False, None, None)
    other = OneStepSurvival(replace(knock_of(DIGITAL), days=np.array([HALF])))
    refused("is none that the trade observes", DIGITAL, method=other)
    other = OneStepSurvival(replace(knock_of(DIGITAL), name="B"))
    refused("expected one whose log price is a state", DIGITAL, method=other)


def test_refuses_steps_and_shapes() -> None:
    refused("longest step: expected a positive number", longest=0.0)
    with pytest.raises(DomainError, match="expected samples"):
        MonteCarloGreeks((), torch.zeros(3, 1), 3, {})
    found = greeks_of(CALL, numbers(**MARKET), sampling=SMALL)
    for name in ("gamma", "delta[0]"):
        with pytest.raises(DomainError, match="expected one of value, delta, vega"):
            found[name]
    with pytest.raises(DomainError, match="expected equities out of"):
        FlatBasket.of(BASKET, CONTEXT, ("A", "B"))
    assert "delta" in found
