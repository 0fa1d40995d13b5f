"""What is reported, weighted and scheduled."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
import torch

from surrogates.regression.loss import DifferentialLoss, gradient_weights
from surrogates.regression.network import DifferentialNetwork
from surrogates.regression.ridge_features import RidgeFeatures
from surrogates.regression.training import DatesFitter, Progress, Schedule
from tests.support.bachelier import strip
from xva.errors import DomainError

DATES = [strip(256, 0).samples, strip(256, 1).samples, strip(300, 2).samples]


@pytest.mark.parametrize(
    "fitter", [RidgeFeatures(features=8), DifferentialNetwork(schedule=Schedule(epochs=3))]
)
def test_progress_goes_from_first_to_last(fitter: DatesFitter) -> None:
    events: list[Progress] = []
    assert len(fitter.fit_many(DATES, events.append)) == 3
    done = [event.done for event in events]
    assert done == sorted(set(done))
    assert done[-1] == events[-1].total
    assert {event.fitter for event in events} == {type(fitter).__name__}
    with pytest.raises(FrozenInstanceError):
        events[0].done = 7  # type: ignore[misc]


def test_training_lowers_the_loss() -> None:
    events: list[Progress] = []
    DifferentialNetwork(schedule=Schedule(epochs=20)).fit_many(DATES[:2], events.append)
    losses = [event.loss for event in events if event.loss is not None]
    assert len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]


def test_no_dates_no_surrogates() -> None:
    assert RidgeFeatures().fit_many([]) == []
    assert DifferentialNetwork().fit_many([]) == []


def test_weights_are_capped() -> None:
    gradients = torch.tensor([[1.0, 1e-9, 0.0], [-1.0, 1e-9, 0.0]], dtype=torch.float64)
    weights = gradient_weights(gradients)
    torch.testing.assert_close(weights, torch.tensor([1.0, 10.0, 10.0], dtype=torch.float64))
    torch.testing.assert_close(gradient_weights(gradients, 0.5), 0.5 * weights)
    assert gradient_weights(gradients[:, :0]).shape == (0,)


def test_loss_is_the_weighted_mean_square() -> None:
    loss = DifferentialLoss(torch.tensor([[2.0, 0.0], [1.0, 4.0]]))
    values, zero = torch.ones(2, 5), torch.zeros(2, 5)
    gradients = torch.ones(2, 5, 2)
    found = loss(values, gradients, zero, torch.zeros(2, 5, 2))
    torch.testing.assert_close(found, torch.tensor([(1.0 + 2.0) / 2.0, (1.0 + 1.0 + 4.0) / 3.0]))


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batches": 0}, {"smallest": 0}, {"peak": 0.0}, {"peak": 1.0}]
)
def test_schedules_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DomainError, match="expected positive counts"):
        Schedule(**wrong)  # type: ignore[arg-type]
