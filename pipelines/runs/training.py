"""Learning a job's trades without closed form on whatever executor there is, and keeping what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from pipelines.execution.errors import QuarantineError
from pipelines.execution.events import (
    BlockDone,
    BlockFailed,
    Event,
    Sink,
    SurrogateNotReused,
    TradeTrained,
    TrainingStarted,
    fan_out,
)
from pipelines.execution.mapping import map_blocks
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from pipelines.reports import certificates
from pipelines.storage.leftovers import ASIDE, WEEK, sweep
from surrogates.book import LearnedBook, training_requests
from surrogates.registry import Refusal, Registry, Trained
from surrogates.regression.kinds import KINDS
from surrogates.training import TrainingRequest, TrainingSettings
from surrogates.training.training_plan import TrainingPlan, trained_from
from xva.exposure import ExposureEngine

SURROGATES = certificates.SURROGATES
"""Folder of trained trades, beside runs and inside each."""


class CertificateError(QuarantineError):
    """Trades that no certificate could be had for and that nothing else may price; what was trained is kept."""


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
    again : bool
        Whether to train what is there already, too.
    """

    folders: tuple[Path, ...] = ()
    executor: Executor = field(default_factory=SerialExecutor)
    sinks: tuple[Sink, ...] = ()
    products: tuple[str, ...] = ()
    again: bool = False

    @classmethod
    def of_run(
        cls, folder: Path, executor: Executor, sinks: tuple[Sink, ...], products: tuple[str, ...]
    ) -> Training:
        """Of the run in ``folder``: trained trades are beside it, for all runs, and in it, its own."""
        return cls((folder.parent / SURROGATES, folder / SURROGATES), executor, sinks, products)

    def learn(self, engine: ExposureEngine, settings: TrainingSettings) -> LearnedBook:
        """As `train`, for those who go on to price.

        Raises
        ------
        CertificateError
            A trade has no certificate and no fallback.
        """
        book = self.train(engine, settings)
        if book.refused:
            told = "; ".join(f"trade {name}: {why}" for name, why in book.refused.items())
            fix = "more training_paths or a larger max_effort may earn it one, a larger tolerance too"
            raise CertificateError(f"no certificate and no fallback: {told} -> {fix}", list(book.refused))
        return book

    def train(self, engine: ExposureEngine, settings: TrainingSettings) -> LearnedBook:
        """Find or train every trade of an engine's book that has no closed form.

        Kept trades that may not be used again are told, with the reason.
        """
        requests = training_requests(engine, settings)
        found = {place: self._find(request) for place, request in requests.items()}
        known = {place: trained for place, trained in found.items() if isinstance(trained, Trained)}
        missing = {place: request for place, request in requests.items() if place not in known}
        emit = fan_out(self.sinks)
        for place, request in requests.items():
            refusal = found[place]
            if isinstance(refusal, Refusal) and refusal.address:
                emit(SurrogateNotReused(request.trade.trade_id, str(refusal)))
        distinct = {request.identity.key: request for request in reversed(missing.values())}
        if requests:
            emit(TrainingStarted(len(distinct), len(known)))
        if distinct:
            trained = self._train(tuple(reversed(distinct.values())), emit)
            known |= {place: trained[request.identity.key] for place, request in missing.items()}
        return LearnedBook(engine, requests, known)

    def keep(self, book: LearnedBook, folder: Path) -> None:
        """Save what a book uses in a folder of its own."""
        for trained in book.trained.values():
            Registry(folder, KINDS).save(trained)

    def _find(self, request: TrainingRequest) -> Trained | Refusal | None:
        """What is kept, or why what comes closest may not be used."""
        refusal: Refusal | None = None
        for folder in () if self.again else self.folders:
            found = Registry(folder, KINDS).find(request.identity, uncertified=True)
            if isinstance(found, Trained):
                return found
            refusal = found if refusal is None or not refusal.address else refusal
        return refusal

    def _train(self, requests: tuple[TrainingRequest, ...], emit: Sink) -> dict[str, Trained]:
        """By key. Workers keep what they have learned: an interrupted training goes on where it was."""
        folder = self._folder()
        plan = TrainingPlan(requests, str(folder or ""))
        names = [request.trade.trade_id for request in requests]
        failed: dict[str, str] = {}

        def told(event: Event) -> None:
            if isinstance(event, BlockDone):
                emit(TradeTrained(names[event.block], event.seconds))
            elif isinstance(event, BlockFailed):
                if event.quarantined:
                    failed[names[event.block]] = event.error
                emit(event)

        sums: list[Mapping[str, Any]]
        try:
            sums = list(
                map_blocks(plan, self.executor, trusted_modules=self.products, scratch=folder, emit=told)
            )
        except QuarantineError as error:
            told_by = "\n".join(f"  trade {name}: {why}" for name, why in failed.items())
            raise QuarantineError(
                f"not learned:\n{told_by}\nwhat else was learned is kept", list(failed)
            ) from error
        return {
            request.identity.key: trained_from(part) for request, part in zip(requests, sums, strict=True)
        }

    def _folder(self) -> Path | None:
        """Where new ones go; also where workers find what to train, as they see it like a run's directory."""
        if not self.folders:
            return None
        folder = self.folders[0].absolute()
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, ".*.tmp", *ASIDE, older=WEEK)
        return folder
