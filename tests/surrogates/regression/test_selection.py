"""The fit that is right for a case is the one that hold-out chooses."""

from __future__ import annotations

import pytest
import torch

from surrogates.regression.network import DifferentialNetwork, NetworkSurrogate
from surrogates.regression.polynomial_fit import PolynomialRegression, PolynomialSurrogate
from surrogates.regression.ridge_features import RidgeFeatures, RidgeSurrogate
from surrogates.regression.samples import Samples
from surrogates.regression.selection import Selection
from surrogates.regression.training import Progress, Schedule
from tests.support.bachelier import basket, strip, with_memory
from xva.errors import DomainError

QUICK = Selection((RidgeFeatures(features=64), PolynomialRegression(degree=3)))


def quadratic(count: int) -> Samples:
    draw = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(count, w, generator=draw, dtype=torch.float64) for w in (5, 6))
    values = x.square().sum(1) - x[:, 0] * x[:, 1] + noise[:, 5]
    gradients = 2.0 * x + noise[:, :5]
    gradients[:, :2] -= x[:, :2].flip(1)
    return Samples(tuple("abcde"), x, values, gradients)


def test_each_date_gets_what_suits_it() -> None:
    dates = [basket(5, 4096, 0).samples, quadratic(2048)]
    first, second = QUICK.choose(dates)
    assert isinstance(first.surrogate, RidgeSurrogate)
    assert isinstance(second.surrogate, PolynomialSurrogate)
    assert [first.best, second.best] == [0, 1]
    for choice in (first, second):
        assert [score.fitter for score in choice.scores] == ["RidgeFeatures", "PolynomialRegression"]
        assert choice.scores[choice.best].total == min(score.total for score in choice.scores)


def test_scores_rank_as_the_true_errors_do() -> None:
    case = strip(4096, 0)
    fitters = (RidgeFeatures(), RidgeFeatures(features=4), PolynomialRegression(degree=1))
    (choice,) = Selection(fitters).choose([case.samples])
    true = [sum(case.errors(*f.fit(case.samples).value_and_gradient(case.states))) for f in fitters]
    totals = [score.total for score in choice.scores]
    assert sorted(range(3), key=totals.__getitem__) == sorted(range(3), key=true.__getitem__)
    assert choice.best == 0
    assert all(0.0 < score.value < 1.5 and 0.0 < score.gradient < 1.5 for score in choice.scores)


def test_the_chosen_one_is_fitted_to_all_samples() -> None:
    case = strip(2048, 0)
    (choice,) = QUICK.choose([case.samples])
    alone = QUICK.fitters[choice.best].fit(case.samples)
    assert torch.equal(choice.surrogate.value(case.states), alone.value(case.states))
    assert torch.equal(QUICK.fit(case.samples).value(case.states), alone.value(case.states))


def test_a_network_can_win() -> None:
    network = DifferentialNetwork(schedule=Schedule(epochs=20))
    (choice,) = Selection((PolynomialRegression(degree=1), network)).choose([strip(1024, 0).samples])
    assert isinstance(choice.surrogate, NetworkSurrogate)


def test_values_alone_and_partly_labelled_features_are_scored_too() -> None:
    case = strip(1024, 0)
    plain, partly = QUICK.choose([case.samples.without_gradients(), with_memory(1024, 0).samples])
    assert all(score.gradient == 0.0 for score in plain.scores)
    assert all(score.gradient > 0.0 for score in partly.scores)


def test_nothing_to_learn_is_a_tie_for_the_first() -> None:
    case = strip(256, 0)
    zero = Samples(case.samples.names, case.samples.features, torch.zeros(256, dtype=torch.float64))
    (choice,) = QUICK.choose([zero])
    assert choice.best == 0
    assert not choice.surrogate.value(case.states).any()


def test_every_fitter_reports() -> None:
    events: list[Progress] = []
    QUICK.fit_many([strip(256, 0).samples] * 2, events.append)
    assert {event.fitter for event in events} == {"RidgeFeatures", "PolynomialRegression", "Selection"}
    assert (events[-1].done, events[-1].total) == (2, 2)


@pytest.mark.parametrize("wrong", [{"fitters": ()}, {"share": 0.0}, {"share": 1.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DomainError, match="expected a fitter and a share"):
        Selection(**wrong)  # type: ignore[arg-type]
