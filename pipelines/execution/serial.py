"""Blocks one after the other in this process: the default for work of seconds."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.execution.events import Sink
from pipelines.execution.session import Executor, Outcome, Session, WorkerMemory
from pipelines.execution.tasks import BlockTask, peak_bytes, worker_name
from pipelines.library_state import own_library_state


class SerialSession(Session):
    """Runs a block when its outcome is waited for."""

    def __init__(self, task: BlockTask) -> None:
        self._task = task
        self._queue: deque[int] = deque()

    @property
    def workers(self) -> int:
        return 1

    @property
    def capacity(self) -> int:
        return 1

    def memory(self) -> tuple[WorkerMemory, ...]:
        limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return (WorkerMemory(worker_name(), limit, peak_bytes(), 1),)

    def submit(self, block: int) -> None:
        self._queue.append(block)

    def wait(self) -> list[Outcome]:
        return [self._task(self._queue.popleft())]


@dataclass(frozen=True)
class SerialExecutor(Executor):
    """No processes, no cluster; distributed is never imported."""

    label: str = "serial"

    @contextmanager
    def open(self, task: BlockTask, emit: Sink) -> Iterator[Session]:
        with own_library_state(task.threads):
            yield SerialSession(task)
