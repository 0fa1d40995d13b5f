"""Control variates, antithetic pairs and Sobol points: right, unbiased, and saving what they report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.monte_carlo_world import (
    AS_OF,
    BASKET,
    CALL,
    CONTEXT,
    CONTINUOUS,
    DIGITAL,
    MARKET,
    WORST,
    greeks_of,
    numbers,
)
from xva.errors import DomainError
from xva.models.path_model import walk
from xva.options.monte_carlo import FlatBasket, GreekProblem, LognormalOption, Mixed, Sampling, controls_of
from xva.options.monte_carlo.regression import controlled
from xva.options.monte_carlo.sampling import Normals
from xva.pricing.closed_form.geometric_asian import geometric_asian
from xva.pricing.estimators import gaussian_steps
from xva.trades import TradeContext
from xva.trades.path_trade import PathTrade

ASIAN = replace(CALL, averaging_dates=tuple(AS_OF + 73 * k for k in range(6)))
THREE = numbers(spot=[100.0, 105.0, 95.0], vol=[0.2, 0.25, 0.18], rate=0.05, correlation=[0.5, 0.2, -0.1])
PLAIN = Sampling(paths=1 << 15, block_size=1024, points="pseudo", ordering="steps")


def problem(
    trade: PathTrade, parameters: dict[str, torch.Tensor], context: TradeContext = CONTEXT
) -> GreekProblem:
    return GreekProblem(FlatBasket.of(trade, context), trade, context, parameters)


def price(control: LognormalOption, case: GreekProblem) -> float:
    model = case.plain
    return float(control.exact(case, model, gaussian_steps(model, case.times), model.initial()))


def test_the_asian_control_is_the_geometric_average() -> None:
    market = numbers(spot=100.0, vol=0.2, rate=0.05, dividend=0.02)
    case = problem(ASIAN, market)
    (control,) = controls_of(case)
    lags = 1.0 - CONTEXT.times(np.array(ASIAN.averaging_dates))
    exact = geometric_asian(
        **market, strike=torch.tensor(100.0), expiry=torch.tensor(1.0), lags=torch.from_numpy(lags)
    )
    assert price(control, case) == pytest.approx(float(exact), rel=1e-12)


def test_a_seasoned_one_too() -> None:
    day = AS_OF + 100
    fixings = {("EQ/A", str(AS_OF)): 100.0, ("EQ/A", str(AS_OF + 73)): 91.0}
    context, market = TradeContext(day, fixings=fixings), numbers(spot=95.0, vol=0.2, rate=0.05)
    case = problem(ASIAN, market, context)
    (control,) = controls_of(case)
    lags = (np.array(ASIAN.averaging_dates)[2:] - day).astype(int) / 365.0
    exact = geometric_asian(
        **market,
        strike=torch.tensor(100.0),
        expiry=torch.tensor(lags[-1]),
        lags=torch.from_numpy(lags[-1] - lags),
        fixed_count=2,
        fixed_log_sum=float(np.log(100.0) + np.log(91.0)),
    )
    assert price(control, case) == pytest.approx(float(exact), rel=1e-12)


CASES: list[tuple[PathTrade, dict[str, torch.Tensor]]] = [
    (ASIAN, numbers(spot=100.0, vol=0.2, rate=0.05, dividend=0.02, time=0.0)),
    (BASKET, THREE),
    (CONTINUOUS, numbers(**MARKET)),
    (DIGITAL, numbers(**MARKET)),
    (WORST, numbers(spot=[100.0, 50.0], vol=[0.2, 0.3], rate=0.03, correlation=[0.4])),
]


@pytest.mark.parametrize(("trade", "market"), CASES, ids=lambda x: getattr(x, "kind", ""))
def test_controls_have_the_expectation_they_say(trade: PathTrade, market: Any) -> None:
    case = problem(trade, market)
    normals = Normals(Sampling(paths=1 << 15, batches=8, block_size=4096), case.times, case.plain.n_normals)
    for control in controls_of(case):
        found = []
        for block in range(8):
            states = walk(case.plain, case.times, normals.block(block)).states
            found.append(float(control.values(case.see(case.plain, states)).mean()))
        error = np.std(found, ddof=1) / np.sqrt(8)
        assert error < 2e-3 * np.mean(found)
        assert abs(np.mean(found) - price(control, case)) < 4.6 * error


def test_coefficients_bias_nothing() -> None:
    """Few batches, a control that is far from linear: fitted to all batches it would be off by more than ten errors."""
    generator = torch.Generator().manual_seed(3)
    rounds, batches = 20_000, 6
    control = torch.randn(batches, rounds, generator=generator, dtype=torch.float64)
    samples = control**2 + 0.5 * control  # mean 1; the slope depends on the sample's skew
    found = controlled(samples, control[:, None, :], torch.zeros(1, rounds, dtype=torch.float64)).mean(0)
    error = float(found.std()) / rounds**0.5
    assert error < 0.01
    assert abs(float(found.mean()) - 1.0) < 3.0 * error
    x, y = control - control.mean(0), samples - samples.mean(0)
    naive = samples.mean(0) - (x * y).sum(0) / (x**2).sum(0) * control.mean(0)
    assert abs(float(naive.mean()) - 1.0) > 10.0 * error


def test_controls_that_do_nothing_change_nothing() -> None:
    samples = torch.randn(8, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    constant = torch.ones(8, 1, 3, dtype=torch.float64)
    assert torch.equal(controlled(samples, constant, torch.ones(1, 3, dtype=torch.float64)), samples)


def spread(
    trade: PathTrade, market: dict[str, torch.Tensor], sampling: Sampling, name: str, **options: Any
) -> float:
    """Variance over 8 seeds of 32 batches each."""
    every = [
        greeks_of(trade, market, sampling=replace(sampling, seed=s), **options)[name].error ** 2
        for s in range(8)
    ]
    return float(torch.stack(every).mean())


@pytest.mark.parametrize(
    ("option", "sampling"),
    [
        pytest.param("antithetic", replace(PLAIN, antithetic=True), marks=pytest.mark.slow),
        ("sobol", replace(PLAIN, points="sobol")),
        pytest.param("bridge", replace(PLAIN, points="sobol", ordering="bridge"), marks=pytest.mark.slow),
        pytest.param(
            "components", replace(PLAIN, points="sobol", ordering="components"), marks=pytest.mark.slow
        ),
    ],
)
def test_savings_are_what_they_say(option: str, sampling: Sampling) -> None:
    market = numbers(spot=90.0, vol=0.2, rate=0.05)
    found = greeks_of(ASIAN, market, sampling=sampling, savings=True)
    saving = next(s for s in found.savings if s.option == option)
    without = replace(PLAIN, points="sobol" if option in ("bridge", "components") else "pseudo")
    assert saving.paths == found.n_paths == 1 << 15
    name = "value" if option != "antithetic" else "delta"
    row = found.names.index(name)
    truth = spread(ASIAN, market, without, name) / spread(ASIAN, market, sampling, name)
    assert float(saving.low[row]) < truth < float(saving.high[row])
    assert found.saving(option, name) == float(saving.ratios[row])
    assert truth > (1.05 if option == "antithetic" else 3.0)


def test_controls_save_what_they_say() -> None:
    market = numbers(spot=100.0, vol=0.2, rate=0.05)
    found = greeks_of(ASIAN, market, sampling=PLAIN, controls="known", gamma=None, savings=True)
    raw = greeks_of(ASIAN, market, sampling=PLAIN)
    assert found.saving("controls") > 300.0
    assert found.saving("controls", "delta") > 5.0
    expected = (raw["value"].error / found["value"].error) ** 2
    assert found.saving("controls") == pytest.approx(float(expected), rel=1e-9)
    with pytest.raises(DomainError, match="expected one of those measured"):
        found.saving("sobol")


def test_several_controls_at_once() -> None:
    market = numbers(spot=[100.0, 50.0], vol=[0.2, 0.3], rate=0.03, correlation=[0.4])
    found = greeks_of(WORST, market, sampling=PLAIN, controls="known", gamma=Mixed(), savings=True)
    assert found.saving("controls") > 3.0
    frame = found.to_frame()
    assert list(frame.columns) == ["value", "error", "method", "saved by controls"]
    assert "Monte Carlo Greeks, 32,768 paths" in repr(found)
    assert frame.loc["gamma[0]", "method"] == "likelihood ratio x pathwise"
    assert "<table" in found._repr_html_()


def test_what_has_no_control_gets_none() -> None:
    weights = replace(BASKET, underlyings=("EQ/A", "EQ/B", "FX/EUR/USD"))
    case = problem(BASKET, THREE)
    assert controls_of(replace(case, trade=weights)) == ()
    assert len(controls_of(replace(case, trade=replace(CALL, underlying="FX/EUR/USD")))) == 0
