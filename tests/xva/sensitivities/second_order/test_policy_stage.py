"""A policy's training as stages: exact derivatives through all regressions, and a Bermudan's CVA against a rollback."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy.stats import t as student
from torch import Tensor

from tests.oracles.bermudan_swaption import Market, central, ten_year
from tests.support.exercise_market import (
    AS_OF,
    BERMUDAN,
    EQUITY,
    PILLARS,
    QUOTES,
    D,
    american,
    context,
    rates,
)
from tests.support.statistics import standard_error, three_sigma
from xva.exposure.parts.conditional import exercised_share, flow_rows
from xva.models.equity_basket import EquityBasket
from xva.numerics import tree
from xva.pricing.exercise.adjoint import policy_cotangents, pull_batch
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.pricing import exercise_greeks, exercise_price
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import train_policy
from xva.sensitivities.second_order.policy_stage import ExerciseValueStage, PolicyInputs, policy_steps, solved
from xva.sensitivities.second_order.stage import Stage
from xva.sensitivities.second_order.sweep import BlockFunction, Chain, Step, Sweep, Tensors

PUT_AT = torch.tensor([36.0, 0.2, 0.06], dtype=torch.float64)


def put_model(parameters: Tensor) -> EquityBasket:
    return EquityBasket.flat("USD", ("A",), parameters[:1], parameters[1:2], parameters[2])


def put_chain(a_year: int = 4) -> tuple[Chain, ExercisePaths, ExercisePaths, ExercisePolicy]:
    """Training stages and the price on fresh paths, of a put exercisable a few times."""
    trade, model = american(1, a_year), put_model(PUT_AT)
    options = {"scrambles": 2, "block_size": 128, "n_blocks": 4}
    training = ExercisePaths.draw(trade, EQUITY, model, seed=1, **options)
    fresh = ExercisePaths.draw(trade, EQUITY, model, seed=2, **options)
    policy = train_policy(training, model)
    last = Step(
        ExerciseValueStage(fresh, policy), lambda m, sums: PolicyInputs(m, solved(policy, sums[:a_year]))
    )
    steps = (*policy_steps(training, policy, lambda m: m), last)
    return Chain(put_model, steps, lambda _, sums: sums[-1] / fresh.n_paths), training, fresh, policy


def threads(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(pickle.loads(pickle.dumps(function)), blocks)


def test_the_chain_trains_the_policy_it_was_made_of() -> None:
    chain, training, _, policy = put_chain()
    sweep, sums = Sweep(), ()
    for step in chain.steps[:-1]:
        sums = (*sums, sweep.sums(step.stage, step.inputs(put_model(PUT_AT), sums)))
    torch.testing.assert_close(solved(policy, sums), policy.coefficients, rtol=1e-7, atol=1e-9)
    elsewhere = train_policy(training, put_model(PUT_AT), map_blocks=threads)
    assert torch.equal(elsewhere.coefficients, policy.coefficients)


def test_gradient_bump_and_hessian_go_through_the_training() -> None:
    chain, training, fresh, policy = put_chain()
    sweep = Sweep()
    gradient = sweep.gradient(chain, PUT_AT)
    for k in range(3):
        shift = 1e-6 * torch.eye(3, dtype=torch.float64)[k]
        torch.testing.assert_close(sweep.bump(chain, PUT_AT, shift) / 1e-6, gradient[k], rtol=1e-3, atol=0.0)
    found = exercise_greeks(training, fresh, policy, put_model, PUT_AT)
    torch.testing.assert_close(found.gradient.value, gradient, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(found.price.soft.value, sweep.value(chain, PUT_AT), rtol=1e-9, atol=0.0)
    assert torch.equal(Sweep(threads).gradient(chain, PUT_AT), gradient)

    way = torch.tensor([1.0, 0.01, 0.0], dtype=torch.float64)
    product = sweep.hessian_product(chain, PUT_AT, way)
    up, down = (sweep.gradient(chain, PUT_AT + sign * 1e-6 * way) for sign in (1.0, -1.0))
    torch.testing.assert_close((up - down) / 2e-6, product, rtol=1e-4, atol=1e-4)


def test_a_policy_held_fixed_gives_another_gradient() -> None:
    """So the test above tells them apart: with few paths the training's own noise is seen."""
    chain, _, fresh, policy = put_chain()
    held = Chain(
        put_model,
        (Step(ExerciseValueStage(fresh, policy), lambda m, _: PolicyInputs(m, policy.coefficients)),),
        chain.finish,
    )
    assert (Sweep().gradient(held, PUT_AT) - Sweep().gradient(chain, PUT_AT)).abs().max() > 1e-3


def test_batched_cotangents_are_those_of_each_alone() -> None:
    _, training, _, policy = put_chain()
    model = put_model(PUT_AT)
    bars = torch.randn(
        20, *policy.coefficients.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    together = policy_cotangents(training, policy, model, bars, threads)
    for k in (0, 17):
        alone = policy_cotangents(training, policy, model, bars[k : k + 1])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[k], b[0], rtol=1e-6, atol=1e-9)


# CVA of the reference Bermudan swaption, physically settled

REPORT = np.array([f"{year}-01-02" for year in range(2027, 2037)], D)
HAZARD, LOSS = 0.02, 0.6
SCRAMBLES, PATHS = 16, 1024
THREE, TWO = three_sigma(SCRAMBLES), float(student.ppf(0.97725, SCRAMBLES - 1))
UNITS = np.array([1e-4] * 6 + [1e-4, 1e-3])
"""Shifts in which sensitivities are compared: basis points, ten of mean reversion."""


@dataclass(frozen=True)
class LongCva(Stage):
    """CVA of a bought Bermudan: what it still pays is worth nothing negative, what it has become is known exactly."""

    source: ExercisePaths
    policy: ExercisePolicy
    weights: Tensor
    level: float
    frozen: bool = False

    @property
    def n_blocks(self) -> int:
        return self.source.n_blocks

    def sums(self, inputs: PolicyInputs, block: int) -> Tensor:
        paths = replace(self.source.paths(inputs.model, block), report=REPORT)
        policy = replace(self.policy, coefficients=inputs.coefficients)
        exercised = policy.exercised(self.source.trade, paths, self.level)
        if self.frozen:
            exercised = exercised.detach()
        to_come, pending = flow_rows(paths, self.source.trade.cashflows(paths, exercised), REPORT)
        share = exercised_share(policy.dates, exercised, REPORT)
        settled = self.source.trade.settled(paths)
        exposure = to_come + share * torch.relu(settled) + pending
        return self.weights @ exposure.sum(-1)


def cva_weights() -> Tensor:
    survival = np.exp(-HAZARD * np.append(0.0, context().times(REPORT)))
    return torch.from_numpy(-LOSS * np.diff(survival))


def rollback(moved: np.ndarray) -> np.ndarray:
    knots, logs = np.append(0.0, PILLARS), np.append(0.0, -moved[:6] * PILLARS)
    slope = (logs[-1] - logs[-2]) / (PILLARS[-1] - PILLARS[-2])

    def discount(t: np.ndarray) -> np.ndarray:
        late = np.maximum(np.asarray(t) - PILLARS[-1], 0.0)
        return np.exp(np.interp(t, knots, logs) + slope * late)

    return np.array([1e4 * ten_year(Market(discount, moved[6], moved[7])).cva(HAZARD, LOSS)])


@dataclass(frozen=True)
class Found:
    """Samples by scramble: CVA at levels 0, 1, 1/2, and its sensitivities ``(scramble, quote)``, moving or frozen."""

    cva: np.ndarray
    moving: np.ndarray
    frozen: np.ndarray


@pytest.fixture(scope="module")
def found() -> Found:
    trade = replace(BERMUDAN, settlement="physical")
    quotes = QUOTES.clone().requires_grad_(True)
    model = rates(quotes)
    outputs = tree.tensors(model)
    plain = tree.map_tensors(model, lambda t: t.detach())
    options = {"scrambles": SCRAMBLES, "block_size": PATHS, "n_blocks": SCRAMBLES}
    training = ExercisePaths.draw(trade, context(), plain, seed=1, **options)
    fresh = ExercisePaths.draw(trade, context(), plain, seed=2, **options)
    policy = train_policy(training, plain)
    stages = [LongCva(fresh, policy, cva_weights(), level) for level in (0.0, 1.0, 0.5)]
    cva, direct, frozen, by_policy = [], [], [], []
    for block in range(SCRAMBLES):
        inputs = PolicyInputs(plain, policy.coefficients)
        with torch.no_grad():
            cva.append([float(stage.sums(inputs, block)) / PATHS for stage in stages])
        *rest, last = slopes(stages[1], inputs, block)
        direct.append(rest)
        by_policy.append(last)
        frozen.append(slopes(replace(stages[0], frozen=True), inputs, block)[:-1])
    bars, held = ([torch.stack(column) for column in zip(*rows)] for rows in (direct, frozen))
    through = policy_cotangents(training, policy, plain, torch.stack(by_policy))

    def to_quotes(cotangents: list[Tensor]) -> np.ndarray:
        pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
        return sum(pull_batch(o, [quotes], c, keep=True)[0] for o, c in pairs).numpy()

    return Found(np.array(cva), to_quotes([a + b for a, b in zip(bars, through)]), to_quotes(held))


def slopes(stage: LongCva, inputs: PolicyInputs, block: int) -> Tensors:
    """Derivatives of a block's mean to the model's tensors and to the coefficients."""
    moved, leaves, _ = tree.cut(inputs)
    mean = stage.sums(moved, block) / PATHS
    return torch.autograd.grad(mean, leaves, allow_unused=True, materialize_grads=True)


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    return central(rollback, QUOTES.numpy(), UNITS)[0]


@pytest.mark.slow
def test_cva_is_that_of_the_rollback(found: Found) -> None:
    hard, soft, half = found.cva.mean(0)
    bound = THREE * standard_error(found.cva)[0]
    assert abs(hard - rollback(QUOTES.numpy())[0]) <= bound <= 0.005 * hard
    assert abs(soft - hard) <= bound
    assert abs(half - soft) <= bound


@pytest.mark.slow
def test_sensitivities_with_the_boundary_moving(found: Found, exact: np.ndarray) -> None:
    """Relative L2 error of the quote vector and of a parallel shift."""
    off, noise = UNITS * (found.moving.mean(0) - exact), UNITS * standard_error(found.moving)
    size = np.linalg.norm(UNITS * exact)
    assert np.linalg.norm(off) / size <= 0.05
    assert np.linalg.norm(noise) / size <= 0.01
    assert (np.abs(off) <= THREE * noise + 0.01 * size).all()
    parallel = found.moving[:, :6].sum(1)
    spread = TWO * float(standard_error(parallel))
    assert abs(parallel.mean() - exact[:6].sum()) <= 0.03 * exact[:6].sum() + spread
    assert spread <= 0.05 * exact[:6].sum()


@pytest.mark.slow
def test_frozen_decisions_fail(found: Found, exact: np.ndarray) -> None:
    """The envelope theorem protects the price, not the exposure."""
    parallel = found.frozen[:, :6].sum(1)
    off = abs(parallel.mean() / exact[:6].sum() - 1.0)
    assert off - THREE * float(standard_error(parallel)) / exact[:6].sum() > 0.03


@pytest.mark.slow
def test_a_stored_policy_is_good_in_a_shocked_market() -> None:
    """Rates 1 % up or down: what the base run's policy is worth there, against one trained there."""
    options = {"scrambles": 4, "block_size": 2048, "n_blocks": 4}
    training = ExercisePaths.draw(BERMUDAN, context(), rates(), seed=1, **options)
    fresh = ExercisePaths.draw(BERMUDAN, context(), rates(), seed=2, **options)
    policy = train_policy(training, rates())
    for shift in (0.01, -0.01):
        shocked = rates(QUOTES + shift * (torch.arange(8) < 6))
        stored, own = (exercise_price(fresh, p, shocked) for p in (policy, train_policy(training, shocked)))
        assert float(stored.value.value) == pytest.approx(float(own.value.value), rel=0.01)


def test_cva_on_fewer_paths() -> None:
    """Without sensitivities: to 2 %, decisions hard and soft."""
    paths, model = 256, rates()
    trade = replace(BERMUDAN, settlement="physical")
    options = {"scrambles": SCRAMBLES, "block_size": paths, "n_blocks": SCRAMBLES}
    training, fresh = (ExercisePaths.draw(trade, context(), model, seed=s, **options) for s in (1, 2))
    policy = train_policy(training, model)
    inputs = PolicyInputs(model, policy.coefficients)
    with torch.no_grad():
        cva = np.array(
            [
                [float(LongCva(fresh, policy, cva_weights(), x).sums(inputs, b)) / paths for x in (0.0, 1.0)]
                for b in range(SCRAMBLES)
            ]
        )
    bound = THREE * standard_error(cva)[0]
    assert (np.abs(cva.mean(0) - rollback(QUOTES.numpy())[0]) <= bound).all()
    assert bound <= 0.02 * cva.mean()


def test_report_dates_are_exercise_dates() -> None:
    assert set(BERMUDAN.exercise_dates(context())) < set(REPORT)
    assert REPORT[0] > AS_OF
