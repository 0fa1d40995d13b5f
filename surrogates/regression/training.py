"""Fits of many dates, what they report while they work, and the gradient descent of stacked networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from surrogates.regression.loss import DifferentialLoss
from surrogates.regression.samples import Samples
from surrogates.regression.surrogate import Fitter, Surrogate
from xva.errors import DomainError


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Parameters
    ----------
    fitter : str
        Class of the fitter at work.
    done, total : int
        Steps: dates of a closed form, epochs of networks times dates.
    loss : float, optional
        Mean training loss over the dates at work.
    """

    fitter: str
    done: int
    total: int
    loss: float | None = None


Report = Callable[[Progress], None]


def silent(event: Progress) -> None:
    """Report nothing."""


class DatesFitter(Fitter):
    """A fitter of one date or of many at once; the same samples and settings give the same surrogate."""

    @final
    def fit(self, samples: Samples) -> Surrogate:
        return self.fit_many([samples])[0]

    @abstractmethod
    def fit_many(self, dates: Sequence[Samples], progress: Report = silent) -> list[Surrogate]:
        """One surrogate per date."""


class ClosedForm(DatesFitter):
    """Dates one after the other."""

    @abstractmethod
    def fit_one(self, samples: Samples) -> Surrogate:
        """One date."""

    @final
    def fit_many(self, dates: Sequence[Samples], progress: Report = silent) -> list[Surrogate]:
        found: list[Surrogate] = []
        for samples in dates:
            found.append(self.fit_one(samples))
            progress(Progress(type(self).__name__, len(found), len(dates)))
        return found


@final
@dataclass(frozen=True)
class Schedule:
    """Adam on mini-batches under one cycle of the learning rate.

    Parameters
    ----------
    epochs : int
        Passes over the samples.
    batches : int
        Per epoch, of at least ``smallest`` samples.
    peak : float
        Highest learning rate; the published 0.1 collapses (6.07 instead of 0.30 in 50 dimensions).
    seed : int
        Of the order of the samples, the same for all dates.
    """

    epochs: int = 100
    batches: int = 16
    smallest: int = 256
    peak: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batches, self.smallest) < 1 or not 0.0 < self.peak < 1.0:
            raise DomainError(f"schedule: expected positive counts and a peak in (0, 1), got {self}")


Twin = Callable[[Tensor], tuple[Tensor, Tensor]]


def descend(
    twin: Twin,
    parameters: Sequence[Tensor],
    labels: tuple[Tensor, Tensor, Tensor],
    loss: DifferentialLoss,
    schedule: Schedule,
    report: Callable[[int, float], None],
) -> None:
    """Train in place; every date's networks take the steps they would take alone.

    Parameters
    ----------
    twin : callable
        ``(date, sample, reduced)`` to values ``(date, sample)`` and gradients ``(date, sample, labelled)``.
    parameters : sequence of Tensor
        Leaves, first dimension the date.
    labels : tuple of Tensor
        Inputs, values and gradients of all samples, as `twin` takes and gives them.
    loss : DifferentialLoss
        Of each date.
    schedule : Schedule
        How long and how fast.
    report : callable
        Gets the number of epochs done and the last one's mean loss.
    """
    count = labels[0].shape[1]
    batch = min(max(count // schedule.batches, schedule.smallest), count)
    starts = range(0, count - batch + 1, batch)
    optimiser = torch.optim.Adam(list(parameters), lr=schedule.peak)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.peak, total_steps=schedule.epochs * len(starts) + 1, cycle_momentum=False
    )
    order = torch.Generator().manual_seed(schedule.seed)
    for epoch in range(schedule.epochs):
        shuffled = torch.randperm(count, generator=order).to(labels[0].device)
        seen = 0.0
        for start in starts:
            inputs, values, gradients = (part[:, shuffled[start : start + batch]] for part in labels)
            optimiser.zero_grad()
            error = loss(*twin(inputs), values, gradients)
            error.sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            cycle.step()
            seen += float(error.detach().mean())
        report(epoch + 1, seen / len(starts))
