"""One interface over serial, local and remote workers: hand over blocks, wait for outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass

from pipelines.execution.events import Sink
from pipelines.execution.tasks import BlockTask, Fault, Receipt

Outcome = Receipt | Fault


@dataclass(frozen=True)
class WorkerMemory:
    """Memory of one worker in bytes (``limit`` 0: none); ``threads`` blocks run in it at a time."""

    name: str
    limit: int
    used: int
    threads: int


class Session(ABC):
    """Workers at hand, for one task."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """Number of worker processes now."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many blocks may be under way: about four per thread keeps workers busy and memory flat."""

    @abstractmethod
    def memory(self) -> tuple[WorkerMemory, ...]:
        """Memory of every worker."""

    @abstractmethod
    def submit(self, block: int) -> None:
        """Hand over a block."""

    @abstractmethod
    def wait(self) -> list[Outcome]:
        """Wait for at least one outcome of the blocks under way.

        Raises
        ------
        ClusterError
            The scheduler or all workers are gone for good: waiting longer would be waiting for ever.
        """


class Executor(ABC):
    """Where blocks run."""

    label: str

    @abstractmethod
    def open(self, task: BlockTask, emit: Sink) -> AbstractContextManager[Session]:
        """Start (or reach) the workers for one task; leaving the context cancels what is under way."""
