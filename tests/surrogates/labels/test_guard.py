"""The guard refuses biased labels and lets unbiased ones pass."""

from __future__ import annotations

import numpy as np
import pytest

from surrogates.labels import (
    Guard,
    LabelProblem,
    LikelihoodRatio,
    OneStepSurvival,
    Pathwise,
    crossing_of,
    guarded_labels,
    label_normals,
)
from surrogates.labels.strategy import LabelStrategy
from tests.support.label_worlds import (
    CONTEXT,
    Digital,
    barrier,
    call,
    days,
    knock_out_exact,
    one_equity,
)
from xva.errors import DomainError
from xva.trades.path_trade import PathTrade

EVERY = range(1, 12)


def problem_of(trade: PathTrade, *months: int) -> LabelProblem:
    return LabelProblem(one_equity(0.0), (trade,), CONTEXT, days(*(months or EVERY)))


@pytest.mark.parametrize("method", ["bump", "likelihood_ratio"])
def test_naive_labels_of_an_up_and_out_call_are_refused_on_every_date(method: str) -> None:
    """And they are wrong by 200 to 650 %."""
    problem = problem_of(barrier("up-and-out"), 2, 4, 6, 8)
    verdicts = Guard(n_paths=8192, method=method).check(problem, Pathwise())
    assert [v.day for v in verdicts] == list(problem.report)
    assert not any(v.passed for v in verdicts)
    for verdict in verdicts:
        assert verdict.labels / verdict.other - 1.0 > 0.5
        assert verdict.sigmas > 5.0
        assert "refused" in str(verdict)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_unbiased_labels_pass_on_every_date(seed: int) -> None:
    guard = Guard(n_paths=4096, seed=seed)
    trade = barrier("up-and-out")
    cases: list[tuple[PathTrade, LabelStrategy]] = [
        (call(), Pathwise()),
        (barrier("up-and-out", monthly=False), Pathwise()),
        (trade, OneStepSurvival(crossing_of(trade))),
        (trade, LikelihoodRatio()),
    ]
    for made_of, strategy in cases:
        verdicts = guard.check(problem_of(made_of, 1, 6, 11), strategy)
        assert len(verdicts) == 3
        assert all(v.passed for v in verdicts), [str(v) for v in verdicts]


def test_the_bump_has_no_curvature_error() -> None:
    """A smooth payoff passes where the standard error is tiny: labels are taken between the bumps."""
    verdicts = Guard(n_paths=65536, size=0.3).check(problem_of(call(), 6), Pathwise())
    assert verdicts[0].passed
    assert verdicts[0].standard_error < 4e-3 * abs(verdicts[0].labels)


def test_its_independent_estimate_is_right() -> None:
    """Mean slope between the bumps, by quadrature."""
    guard = Guard(n_paths=32768)
    problem = problem_of(barrier("up-and-out"), 5)
    found = guard.check(problem, OneStepSurvival(crossing_of(barrier("up-and-out"))))[0]
    normals = label_normals(problem.model, problem.times, 65536, 3)
    plain = Pathwise(differentiate=False).labels(problem, normals, problem.origin(65536))[0]
    x, alive = plain.features[:, 0].numpy()[:4096], plain.features[:, 1].numpy()[:4096]
    up, down = (knock_out_exact(5, x + s * guard.size, rate=0.0)[0] for s in (1.0, -1.0))
    exact = float((alive * (up - down)).mean()) / (2 * guard.size)
    assert abs(found.other - exact) < 4.0 * found.standard_error
    assert found.standard_error < 0.1 * abs(exact)


def test_refused_dates_train_on_values_or_on_the_fallback_and_say_so() -> None:
    problem = problem_of(Digital("D", "N"), 3, 9)
    normals = label_normals(problem.model, problem.times, 256, 1)
    guard, origin = Guard(n_paths=4096), problem.origin(256)
    bare = guarded_labels(problem, Pathwise(), normals, origin, guard)
    assert bare.made_by == ("values", "values")
    assert all(s.gradients is None for s in bare.samples)
    assert bare.refused == tuple(problem.report)
    other = guarded_labels(problem, Pathwise(), normals, origin, guard, LikelihoodRatio())
    assert other.made_by == ("fallback", "fallback")
    assert all(s.gradients is not None for s in other.samples)
    good = guarded_labels(problem_of(call(), 3, 9), Pathwise(), normals, origin, guard)
    assert good.made_by == ("strategy", "strategy")
    assert good.refused == ()


def test_a_small_bump_is_no_second_opinion() -> None:
    with pytest.raises(DomainError, match="repeats the mistake"):
        Guard(size=1e-3)
    with pytest.raises(DomainError, match="no gradient labels"):
        Guard(n_paths=64).check(problem_of(call(), 3), Pathwise(differentiate=False))
    assert np.isfinite(Guard().size)
