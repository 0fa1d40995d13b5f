"""Pathwise labels: one forward and one backward sweep, against closed forms on every date."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial.hermite_e import hermegauss
from scipy.stats import norm
from torch import Tensor

from surrogates.labels import LabelProblem, Origin, Pathwise, label_normals
from tests.support.label_worlds import (
    AS_OF,
    CONTEXT,
    MONTHS,
    RATE,
    VOL,
    Digital,
    asian,
    assert_unbiased,
    barrier,
    call,
    call_exact,
    days,
    digital_exact,
    one_equity,
    real,
)
from xva.errors import DomainError
from xva.pricing.closed_form.barrier import barrier_option
from xva.trades.american_option import AmericanOption
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

PATHS = 16384


def test_a_call_on_all_dates() -> None:
    problem = LabelProblem(one_equity(), (call(),), CONTEXT, days(0, 3, 6, 11))
    normals = label_normals(problem.model, problem.times, PATHS, 1)
    for day, samples in zip(problem.report, Pathwise().labels(problem, normals, problem.origin(PATHS))):
        x = samples.features[:, 0].numpy()
        value, slope = call_exact(CONTEXT.time(day), x)
        assert samples.gradients is not None
        if day == AS_OF:
            assert abs(float(samples.values.mean()) - value[0]) < 1e-4
            assert abs(float(samples.gradients.mean()) - slope[0]) < 1e-3
        else:
            assert_unbiased(samples.values, value, x)
            assert_unbiased(samples.gradients[:, 0], slope, x)


def test_one_sweep_is_the_derivative_with_history_held_fixed() -> None:
    """Against bumped starts, path by path: what was averaged up to the date stays."""
    problem = LabelProblem(one_equity(), (asian(),), CONTEXT, days(1, 4, 10))
    normals = label_normals(problem.model, problem.times, 64, 1)
    together = Pathwise().labels(problem, normals, problem.origin(64))
    history = problem.walk(normals, problem.origin(64)).states
    for k, (day, place) in enumerate(zip(problem.report, problem.places)):
        origin = Origin(tuple(s.detach() for s in history[: place + 1]))
        one = problem.on(day)
        up, here, down = (
            Pathwise().labels(one, normals, origin.moved(real([[h]])))[0] for h in (1e-6, 0.0, -1e-6)
        )
        assert torch.equal(here.features, together[k].features)
        assert torch.allclose(here.values, together[k].values, rtol=1e-13, atol=0.0)
        assert here.gradients is not None
        assert together[k].gradients is not None
        assert torch.allclose(here.gradients, together[k].gradients, rtol=1e-12, atol=1e-15)
        bumped = (up.values - down.values) / 2e-6
        assert torch.allclose(here.gradients[:, 0], bumped, rtol=1e-6, atol=1e-8)


def test_features_are_states_and_memory_without_gradient_labels() -> None:
    problem = LabelProblem(one_equity(), (asian(),), CONTEXT, days(4))
    samples = Pathwise().labels(
        problem, label_normals(problem.model, problem.times, 64, 1), problem.origin(64)
    )[0]
    assert samples.names == ("EQ:S", "average")
    assert samples.known_columns.tolist() == [True, False]
    pair = LabelProblem(one_equity(), (asian(), call()), CONTEXT, days(4))
    assert Pathwise().labels(pair, label_normals(pair.model, pair.times, 64, 1), pair.origin(64))[
        0
    ].names == ("EQ:S", "A/average")


@pytest.mark.parametrize("kind", ["up-and-out", "down-and-out", "up-and-in", "down-and-in"])
def test_continuous_barriers_see_the_bridge_that_starts_on_the_date(kind: str) -> None:
    """Against Reiner and Rubinstein: the Brownian bridge makes them Lipschitz."""
    problem = LabelProblem(one_equity(), (barrier(kind, monthly=False),), CONTEXT, days(3, 9))
    normals = label_normals(problem.model, problem.times, 2 * PATHS, 3)
    for day, samples in zip(problem.report, Pathwise().labels(problem, normals, problem.origin(2 * PATHS))):
        untouched = samples.features[:, 1]
        x = samples.features[:, 0].clone().requires_grad_(True)
        time = CONTEXT.time(day)
        knock, level = kind.split("-and-")[1], barrier(kind).barrier
        out = barrier_option(
            torch.exp(x), real(1.0), real(level), real(1.0 - time), real(RATE), real(VOL), kind=_out(kind)
        ) * float(np.exp(-RATE * time))
        plain, slope = call_exact(time, x.detach().numpy())
        delta = torch.autograd.grad(out.sum(), x)[0]
        out = out.detach()
        value, first = untouched * out, untouched * delta
        if knock == "in":
            value, first = torch.from_numpy(plain) - value, torch.from_numpy(slope) - first
        assert samples.gradients is not None
        assert_unbiased(samples.values, value.numpy(), x.detach().numpy())
        assert_unbiased(samples.gradients[:, 0], first.numpy(), x.detach().numpy())


def _out(kind: str) -> str:
    return kind.replace("-in", "-out")


class PutRule:
    """Exercise a put of two dates at the first where it is worth more than the European."""

    def decisions(self, trade: PathTrade, paths: Paths, level: float) -> Tensor:
        price = paths.equity("S", MONTHS[6])
        alive = put_exact(CONTEXT.time(MONTHS[6]), torch.log(price).detach().numpy())
        now = torch.relu(1.1 - price.detach()) * float(np.exp(-RATE * CONTEXT.time(MONTHS[6])))
        first = (now > torch.from_numpy(alive)).double()
        return torch.stack([first, torch.ones_like(first)])


def put_exact(time: float, x: np.ndarray) -> np.ndarray:
    dev = VOL * np.sqrt(1.0 - time)
    d = (x - np.log(1.1) + (RATE + VOL**2 / 2) * (1.0 - time)) / dev
    paid = 1.1 * np.exp(-RATE) * norm.cdf(dev - d)
    return paid - np.exp(-RATE * time) * np.exp(x) * norm.cdf(-d)


def test_values_of_callable_trades_are_those_not_exercised() -> None:
    trade = AmericanOption(
        "P",
        "N",
        underlying="EQ/S",
        currency="EUR",
        side="long",
        option_type="put",
        quantity=1.0,
        strike=1.1,
        expiry_date=MONTHS[12],
        exercise=(MONTHS[6],),
    )
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(3, 6, 9), rules={"P": PutRule()})
    normals = label_normals(problem.model, problem.times, PATHS, 5)
    found = Pathwise().labels(problem, normals, problem.origin(PATHS))
    exact = [_waiting, lambda x: put_exact(CONTEXT.time(MONTHS[6]), x), lambda x: put_exact(_t(9), x)]
    for samples, value in zip(found, exact):
        x = samples.features[:, 0].numpy()
        assert samples.gradients is not None
        assert_unbiased(samples.values, value(x), x)
        slope = (value(x + 1e-5) - value(x - 1e-5)) / 2e-5
        assert_unbiased(samples.gradients[:, 0], slope, x)


def _t(month: int) -> float:
    return CONTEXT.time(MONTHS[month])


def _waiting(x: np.ndarray) -> np.ndarray:
    """Value at three months of deciding at six."""
    nodes, weights = hermegauss(160)
    dev = VOL * np.sqrt(_t(6) - _t(3))
    later = x[:, None] + (RATE - VOL**2 / 2) * (_t(6) - _t(3)) + dev * nodes
    now = np.exp(-RATE * _t(6)) * np.maximum(1.1 - np.exp(later), 0.0)
    found: np.ndarray = np.maximum(now, put_exact(_t(6), later)) @ (weights / np.sqrt(2 * np.pi))
    return found


def test_smoothing_is_for_gradients_only_and_bounded() -> None:
    trade = Digital("D", "N")
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(6))
    normals = label_normals(problem.model, problem.times, 4 * PATHS, 5)
    origin = problem.origin(4 * PATHS)
    sharp, soft = (Pathwise(width).labels(problem, normals, origin)[0] for width in (0.0, 0.02))
    assert torch.equal(sharp.values, soft.values)
    assert soft.gradients is not None
    assert sharp.gradients is not None
    assert float(sharp.gradients.abs().max()) == 0.0
    x = soft.features[:, 0].numpy()
    slope = digital_exact(6, x)[1]
    assert abs(float(soft.gradients.mean()) / slope.mean() - 1.0) < 0.03
    with pytest.raises(DomainError, match=r"\[0, 0.05\]"):
        Pathwise(0.1)
