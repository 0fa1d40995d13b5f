"""Likelihood ratios against closed forms, and leave-one-out predictions against refitting."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from surrogates.labels import LabelProblem, LikelihoodRatio, label_normals
from surrogates.labels.likelihood_ratio import left_out_fit, score
from tests.support.label_worlds import (
    CONTEXT,
    RATE,
    Digital,
    assert_unbiased,
    barrier,
    days,
    digital_exact,
    heston_equity,
    knock_out_exact,
    one_equity,
    real,
)
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket

PATHS = 32768


def test_a_digital_over_steps_without_observations() -> None:
    """Further knots do not make the score noisier: it is spread over them."""
    trade = Digital("D", "N")
    for knots in (np.zeros(0), np.linspace(0.1, 0.9, 17)):
        problem = LabelProblem(one_equity(), (trade,), CONTEXT, days(6), knots=knots)
        normals = label_normals(problem.model, problem.times, PATHS, 1)
        samples = LikelihoodRatio().labels(problem, normals, problem.origin(PATHS))[0]
        x = samples.features[:, 0].numpy()
        slope = digital_exact(6, x)[1]
        assert samples.gradients is not None
        assert_unbiased(samples.gradients[:, 0], slope, x)
        assert float((samples.gradients[:, 0] - torch.from_numpy(slope)).std()) < 2.5


def test_barriers_in_a_correlated_market() -> None:
    correlation = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    model = EquityBasket.flat("EUR", ("R", "S"), real([2.0, 1.0]), real([0.3, 0.25]), RATE, None, correlation)
    problem = LabelProblem(model, (barrier("up-and-out"),), CONTEXT, days(5, 11))
    normals = label_normals(model, problem.times, PATHS, 3)
    labels = LikelihoodRatio().labels(problem, normals, problem.origin(PATHS))
    for month, samples in zip((5, 11), labels):
        x, alive = samples.features[:, 1].numpy(), samples.features[:, 2].numpy()
        slope = alive * knock_out_exact(month, x)[1]
        assert samples.gradients is not None
        assert_unbiased(samples.gradients[:, 0], np.zeros_like(x), x)
        assert_unbiased(samples.gradients[:, 1], slope, x)


def test_the_control_cuts_the_noise() -> None:
    problem = LabelProblem(one_equity(), (Digital("D", "N"),), CONTEXT, days(6))
    normals = label_normals(problem.model, problem.times, PATHS, 1)
    samples = LikelihoodRatio().labels(problem, normals, problem.origin(PATHS))[0]
    walk = problem.walk(normals, problem.origin(PATHS))
    steps = range(problem.places[0], len(problem.times) - 1)
    bare = samples.values * score(problem.model.transition(problem.times), walk, normals, steps)[0]
    assert samples.gradients is not None
    assert float(samples.gradients[:, 0].var()) < 0.75 * float(bare.var())


def test_left_out_predictions_are_those_of_refits() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    found = left_out_fit(torch.from_numpy(x), torch.from_numpy(y), 2)

    def terms(at: np.ndarray) -> np.ndarray:
        a, b = at.T
        return np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], axis=1)

    for k in (0, 7, 39):
        kept = np.arange(40) != k
        beta = np.linalg.lstsq(terms(x[kept]), y[kept])[0]
        assert float(found[k]) == pytest.approx(float((terms(x[k : k + 1]) @ beta)[0]), rel=1e-9)


def test_after_the_last_observation_nothing_depends_on_the_state() -> None:
    problem = LabelProblem(one_equity(), (Digital("D", "N"),), CONTEXT, days(6, 12))
    normals = label_normals(problem.model, problem.times, 64, 1)
    last = LikelihoodRatio().labels(problem, normals, problem.origin(64))[1]
    assert last.gradients is not None
    assert float(last.gradients.abs().max()) == float(last.values.abs().max()) == 0.0


def test_what_does_not_fit_is_refused() -> None:
    problem = LabelProblem(heston_equity(), (Digital("D", "N"),), CONTEXT, days(6))
    normals = label_normals(problem.model, problem.times, 64, 1)
    with pytest.raises(DomainError, match="smoothed labels"):
        LikelihoodRatio().labels(problem, normals, problem.origin(64))
    with pytest.raises(DomainError, match="degree"):
        LikelihoodRatio(3)
