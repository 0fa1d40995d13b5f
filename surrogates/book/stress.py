"""Scenarios on books with surrogates: learned anew on every market that moves paths, or the base run's reused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch

from surrogates.book.book import LearnedBook, training_requests
from surrogates.book.reused_error import measured, routed
from surrogates.training.trade_training import certified_again
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.engine import path_trades
from xva.exposure.parts.conditional import Residual
from xva.scenarios.prepare import WorldPlan

Learn = Callable[[ExposureEngine], LearnedBook]


@final
@dataclass(frozen=True)
class StressedSurrogates:
    """The plan of a scenario's netting sets (`prepare.PlanWorld`).

    Parameters
    ----------
    learn : callable
        What is known of an engine's trades without closed form on its own market.
    beside : callable, optional
        What ``learn`` is measured against, where it is an approximation.
    """

    learn: Learn
    beside: Learn | None = None

    def __call__(self, engine: ExposureEngine, numbers: Sequence[int], data: ExposureData) -> WorldPlan:
        names = [engine.book.netting_sets[i].name for i in numbers]
        if not any(path_trades(engine.book, name) for name in names):
            return WorldPlan(ExposurePlan(data, mixed=True))
        residuals = self._residuals(self.learn, engine, numbers)
        if self.beside is None:
            return WorldPlan(ExposurePlan(data, residuals, mixed=True))
        return measured(data, residuals, self._residuals(self.beside, engine, numbers))

    def _residuals(self, learn: Learn, engine: ExposureEngine, numbers: Sequence[int]) -> dict[int, Residual]:
        with torch.enable_grad():  # markets are built without
            found = learn(engine).residuals()
        return {k: found[i] for k, i in enumerate(numbers) if i in found}


def freshly(base: LearnedBook, learn: Learn) -> Learn:
    """What a ``learn`` that judges nothing finds on other markets, priced as in the base run: for `StressedSurrogates`."""
    return lambda engine: routed(base, learn(engine), engine)


def reused(base: LearnedBook) -> Learn:
    """Surrogates and exercise policies of the base market on others.

    Cash flows, discounting and closed forms are the scenario's own; what is reused says on which side of zero a netting set
    is, and when to exercise. Nothing certifies either; `reused_error` measures what they do to the adjustments.
    """

    def learn(engine: ExposureEngine) -> LearnedBook:
        (settings,) = {request.settings for request in base.requests.values()}
        return LearnedBook(engine, training_requests(engine, settings), base.trained)

    return learn


def certified(base: LearnedBook, anew: Learn) -> Learn:
    """The base run's surrogates where they pass a fresh certificate on the other market, else learned ``anew``.

    Exercise policies are trained on the other market in any case; the certificate is against nested values under them.
    """

    def learn(engine: ExposureEngine) -> LearnedBook:
        (settings,) = {request.settings for request in base.requests.values()}
        requests = training_requests(engine, settings)
        tested = {place: certified_again(request, base.trained[place]) for place, request in requests.items()}
        passed = {place: trained for place, trained in tested.items() if trained is not None}
        if len(passed) == len(requests):
            return LearnedBook(engine, requests, passed)
        return LearnedBook(engine, requests, {**anew(engine).trained, **passed})

    return learn
