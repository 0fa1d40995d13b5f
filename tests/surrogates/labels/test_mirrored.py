"""Pairs that share a state: unbiased, on the same states, and with more than half the noise gone."""

from __future__ import annotations

import torch

from surrogates.labels import LabelProblem, Mirrored, OneStepSurvival, Pathwise, crossing_of, label_normals
from tests.support.label_worlds import (
    CONTEXT,
    MONTHS,
    RATE,
    assert_unbiased,
    barrier,
    call,
    call_exact,
    days,
    knock_out_exact,
    one_equity,
)

PATHS = 8192


def test_a_call() -> None:
    problem = LabelProblem(one_equity(), (call(),), CONTEXT, days(0, 3, 9))
    normals = label_normals(problem.model, problem.times, PATHS, 1, antithetic=False)
    single = Pathwise().labels(problem, normals, problem.origin(PATHS))
    pairs = Mirrored(Pathwise()).labels(problem, normals, problem.origin(PATHS))
    for month, one, two in zip((0, 3, 9), single, pairs):
        x = one.features[:, 0].numpy()
        value, slope = (torch.from_numpy(f) for f in call_exact(CONTEXT.time(MONTHS[month]), x))
        assert torch.equal(one.features, two.features)
        assert two.gradients is not None
        assert float((two.values - value).var()) < 0.4 * float((one.values - value).var())
        if month:
            assert_unbiased(two.values, value.numpy(), x)
            assert_unbiased(two.gradients[:, 0], slope.numpy(), x)


def test_a_barrier_on_the_paths_that_survive() -> None:
    trade = barrier("up-and-out")
    problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(3, 9))
    normals = label_normals(problem.model, problem.times, PATHS, 1, antithetic=False)
    strategy = OneStepSurvival(crossing_of(trade))
    single = strategy.labels(problem, normals, problem.origin(PATHS))
    pairs = Mirrored(strategy).labels(problem, normals, problem.origin(PATHS))
    for month, one, two in zip((3, 9), single, pairs):
        x = two.features[:, 0].numpy()
        value, slope = knock_out_exact(month, x, True, RATE)
        assert torch.equal(one.features, two.features)
        assert two.gradients is not None
        assert_unbiased(two.values, value, x)
        assert_unbiased(two.gradients[:, 0], slope, x)
