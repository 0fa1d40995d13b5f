"""Blocks on Dask: bounded waits, a scheduler that may die, workers that may die."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import distributed

from pipelines.execution.deadline import Deadline
from pipelines.execution.errors import ClusterError, NoWorkersError
from pipelines.execution.events import Sink, WorkersChanged
from pipelines.execution.session import Outcome, Session, WorkerMemory
from pipelines.execution.tasks import BlockTask, Fault, Receipt, worker_name

BLOCKS_PER_THREAD = 4
DEATHS = 10
"""Workers in a row that die while they start before none is expected to live."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds.

    ``poll`` between two looks at the cluster; ``scheduler`` for an answer or a reconnection; ``no_workers``
    with no worker at all; ``worker`` until a local worker without heartbeat is noticed (from half of it on) and
    restarted; ``restart`` for a local worker that died to come back by itself before the cluster makes a new one;
    ``block`` for a block, None: as long as those that are done let expect (`Deadline`).
    """

    poll: float = 0.5
    scheduler: float = 30.0
    no_workers: float = 120.0
    worker: float = 120.0
    restart: float = 15.0
    block: float | None = None

    def __post_init__(self) -> None:
        times = (self.poll, self.scheduler, self.no_workers, self.worker, self.restart)
        if min(*times, 1.0 if self.block is None else self.block) <= 0.0:
            raise ClusterError(f"expected waiting times above 0 seconds, got {self}")


class ClusterSession(Session):
    """Blocks of one task on one Dask client.

    Parameters
    ----------
    heal : callable, optional
        Called while workers are fewer than ``wanted``; brings a local cluster back to its size, and says how many workers have
        died while they started so far.
    """

    def __init__(
        self,
        client: Any,
        task: BlockTask,
        emit: Sink,
        patience: Patience,
        wanted: int = 1,
        heal: Callable[[], int] | None = None,
    ) -> None:
        self._client = client
        self._task = task
        self._emit = emit
        self._patience = patience
        self._wanted = wanted
        self._heal = heal
        self._died = self._died_before = 0
        self._futures: dict[Any, int] = {}
        self._deadline = Deadline(patience.block, task.alike)
        self._started: dict[str, tuple[float, str]] = {}  # by key: when, and on which worker
        self._topic = f"xva-{uuid4().hex}"
        client.subscribe_topic(self._topic, self._note_start)
        self._bell: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: dict[str, int] = {}
        self._last_worker_seen = self._last_look = time.monotonic()
        self._await_workers()

    @property
    def workers(self) -> int:
        return len(self._threads)

    @property
    def capacity(self) -> int:
        return BLOCKS_PER_THREAD * max(1, sum(self._threads.values()))

    def memory(self) -> tuple[WorkerMemory, ...]:
        workers = self._ask(self._client.scheduler.identity, n_workers=-1)["workers"]
        return tuple(
            WorkerMemory(
                name, int(w["memory_limit"] or 0), int(w["metrics"].get("memory", 0)), int(w["nthreads"])
            )
            for name, w in workers.items()
        )

    def submit(self, block: int) -> None:
        key = f"block-{block}-{uuid4().hex}"
        future = self._client.submit(
            _announced, self._task, block, self._topic, key, key=key, pure=False, retries=0
        )
        future.add_done_callback(self._bell.put)
        self._futures[future] = block

    def wait(self) -> list[Outcome]:
        while True:
            self._require_scheduler()
            if time.monotonic() - self._last_look >= self._patience.poll:
                self._look()
            done = [future for future in self._futures if future.done()]
            if done:
                return [self._collect(future) for future in done]
            if late := self._late():
                return [self._give_up(future) for future in late]
            self._pause()

    def cancel(self) -> None:
        """Take back what is under way."""
        for future in self._futures:
            future.release()  # not Client.cancel: that would wait for an answer
        self._futures.clear()
        if self._client.status == "running":
            self._client.unsubscribe_topic(self._topic)

    def _collect(self, future: Any) -> Outcome:
        block = self._futures.pop(future)
        try:
            outcome = future.result(timeout=self._patience.scheduler)
        except distributed.KilledWorker as error:
            outcome = Fault(
                block, "its worker died (killed, out of memory, crashed)", _address(error.last_worker)
            )
        except (Exception, CancelledError) as error:
            outcome = Fault(block, f"{type(error).__name__}: {error}", "unknown")
        future.release()
        self._started.pop(future.key, None)
        if isinstance(outcome, Receipt):
            self._deadline.note(outcome.seconds)
        return (
            outcome if isinstance(outcome, Receipt | Fault) else Fault(block, f"got {outcome!r}", "unknown")
        )

    def _note_start(self, event: Any) -> None:
        _, told = event
        self._started[told["key"]] = (time.monotonic(), told["worker"])

    def _late(self) -> list[Any]:
        """Blocks that have taken longer than a block may."""
        latest = time.monotonic() - self._deadline.limit
        unknown = (time.monotonic(), "")
        return [future for future in self._futures if self._started.get(future.key, unknown)[0] < latest]

    def _give_up(self, future: Any) -> Outcome:
        """Take a block back from its worker, which is restarted: nothing else ends a thread that does not return."""
        block, (_, worker) = self._futures.pop(future), self._started.pop(future.key)
        future.release()
        with contextlib.suppress(TimeoutError, OSError):
            self._client.sync(
                self._client.scheduler.restart_workers,
                workers=[worker],
                timeout=self._patience.scheduler,
                wait_for_workers=False,
                on_error="return",
                stimulus_id=self._topic,
                callback_timeout=self._patience.scheduler,
            )
        limit, why = self._deadline.limit, self._deadline.why()
        return Fault(
            block, f"not done after {limit:.3g} s, the limit ({why}); its worker was restarted", worker
        )

    def _pause(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._bell.get(timeout=self._patience.poll)

    def _await_workers(self) -> None:
        self._look()
        if self._threads:
            return
        knock = self._client.submit(
            worker_name, pure=False
        )  # an adaptive cluster grows with work that waits only
        while not self._threads:
            time.sleep(self._patience.poll)
            self._look()
        knock.release()

    def _look(self) -> None:
        """Look at scheduler and workers; raises ClusterError when waiting on would be waiting for ever."""
        self._require_scheduler()
        self._last_look = time.monotonic()
        threads = dict(self._ask(self._client.scheduler.ncores))
        if threads.keys() != self._threads.keys():
            self._threads = threads
            self._emit(WorkersChanged(len(threads), sum(threads.values())))
        if len(threads) < self._wanted and self._heal is not None:
            self._died = self._heal()
        if threads:
            self._last_worker_seen, self._died_before = time.monotonic(), self._died
        elif self._died - self._died_before >= DEATHS:
            raise NoWorkersError(
                f"{DEATHS} workers in a row died while they started; what they said is on standard error. A script that "
                f"starts workers is a file, its own work under: if __name__ == '__main__'. Then resume the run"
            )
        elif time.monotonic() - self._last_worker_seen > self._patience.no_workers:
            raise NoWorkersError(
                f"no workers at {self._address()} for {self._patience.no_workers:g} s; start workers, then "
                f"resume the run"
            )

    def _require_scheduler(self) -> None:
        deadline = time.monotonic() + self._patience.scheduler
        while self._client.status == "connecting" and time.monotonic() < deadline:
            time.sleep(min(0.1, self._patience.poll))
        if self._client.status != "running":
            raise ClusterError(
                f"the scheduler at {self._address()} is gone (connection: {self._client.status}); blocks "
                f"that are done are kept: resume the run on another cluster"
            )

    def _ask(self, question: Any, **options: Any) -> Any:
        try:
            return self._client.sync(question, callback_timeout=self._patience.scheduler, **options)
        except (TimeoutError, OSError) as error:
            self._require_scheduler()
            raise ClusterError(
                f"the scheduler at {self._address()} does not answer ({type(error).__name__}: {error}); "
                f"blocks that are done are kept: resume the run"
            ) from error

    def _address(self) -> str:
        return str(getattr(self._client.scheduler, "address", "unknown address"))


def _announced(task: BlockTask, block: int, topic: str, key: str) -> Outcome:
    """Tell the driver that a block has begun, and do it: a scheduler knows only that it was handed over."""
    worker = distributed.get_worker()
    worker.log_event(topic, {"key": key, "worker": worker.address})
    return task(block)


def _address(worker: Any) -> str:
    return str(getattr(worker, "address", worker))
