"""Learning a job's trades without closed form on whatever executor there is, and keeping what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from pipelines.execution.events import (
    BlockDone,
    BlockFailed,
    Event,
    Sink,
    TradeTrained,
    TrainingStarted,
    fan_out,
)
from pipelines.execution.mapping import map_blocks
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from surrogates.book import LearnedBook, Place, training_requests
from surrogates.kinds import KINDS
from surrogates.registry import Registry
from surrogates.trade_training import TrainingRequest, TrainingSettings
from surrogates.trained import Trained
from surrogates.training_plan import TrainingPlan, trained_from
from xva.valuation.engine import ExposureEngine

SURROGATES = "surrogates"
"""Folder of trained trades, beside runs and inside each."""


@final
@dataclass(frozen=True)
class Training:
    """Who trains, where trained trades are kept, and who is told.

    Parameters
    ----------
    folders : tuple of Path
        Looked through in this order; what is new goes to the first.
    executor : Executor
    sinks : tuple of callables
    products : tuple of str
        Modules of a user's own products.
    """

    folders: tuple[Path, ...] = ()
    executor: Executor = field(default_factory=SerialExecutor)
    sinks: tuple[Sink, ...] = ()
    products: tuple[str, ...] = ()

    def learn(self, engine: ExposureEngine, settings: TrainingSettings) -> LearnedBook:
        """Find or train every trade of an engine's book that has no closed form."""
        requests = training_requests(engine, settings)
        found = {place: self._find(request) for place, request in requests.items()}
        missing = [place for place, trained in found.items() if trained is None]
        known = {place: trained for place, trained in found.items() if trained is not None}
        emit = fan_out(self.sinks)
        if requests:
            emit(TrainingStarted(len(missing), len(known)))
        if missing:
            known |= self._train({place: requests[place] for place in missing}, emit)
        return LearnedBook(engine, requests, known)

    def keep(self, book: LearnedBook, folder: Path) -> None:
        """Save what a book uses in a folder of its own."""
        for trained in book.trained.values():
            Registry(folder, KINDS).save(trained)

    def _find(self, request: TrainingRequest) -> Trained | None:
        for folder in self.folders:
            found = Registry(folder, KINDS).find(request.identity, uncertified=True)
            if isinstance(found, Trained):
                return found
        return None

    def _train(self, requests: Mapping[Place, TrainingRequest], emit: Sink) -> dict[Place, Trained]:
        places, plan = list(requests), TrainingPlan(tuple(requests.values()))
        names = [request.trade.trade_id for request in requests.values()]

        def told(event: Event) -> None:
            if isinstance(event, BlockDone):
                emit(TradeTrained(names[event.block], event.seconds))
            elif isinstance(event, BlockFailed):
                emit(event)

        sums: list[Mapping[str, Any]] = list(
            map_blocks(plan, self.executor, trusted_modules=self.products, emit=told)
        )
        trained = [trained_from(part) for part in sums]
        for item in trained if self.folders else ():
            Registry(self.folders[0], KINDS).save(item)
        return dict(zip(places, trained, strict=True))
