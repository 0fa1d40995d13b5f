"""A run under way in the background: look at it, wait for it, stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from pipelines.execution.events import BlockDone, BlocksFinished, Event, RunStarted, Sink
from pipelines.results.run import Run
from xva.errors import XvaError

State = Literal["starting", "running", "adjustments", "finished", "failed", "cancelled"]


class RunCancelledError(XvaError):
    """Somebody called `RunHandle.cancel`; what is done is kept and the run can be resumed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: ``done`` of ``n_blocks`` blocks (0 of 0 before it has started)."""

    state: State
    done: int
    n_blocks: int

    def __str__(self) -> str:
        return f"{self.state}, {self.done} of {self.n_blocks} blocks"


class RunHandle:
    """A run driven by a thread of this process.

    Parameters
    ----------
    work : callable
        Drives the run, handing every event to the sink it is given, and returns the opened run.
    """

    def __init__(self, work: Callable[[Sink], Run]) -> None:
        self._stop = threading.Event()
        self._progress = Progress("starting", 0, 0)
        self._future: Future[Run] = Future()
        threading.Thread(target=self._drive, args=(work,), name="xva run", daemon=True).start()

    def progress(self) -> Progress:
        """Where it stands now; never waits."""
        return self._progress

    def done(self) -> bool:
        """Whether it has ended, one way or another."""
        return self._future.done()

    def result(self, timeout: float | None = None) -> Run:
        """Wait for the finished run.

        Raises
        ------
        TimeoutError
            Not finished after ``timeout`` seconds; it goes on.
        XvaError
            What ended it: `RunCancelledError`, quarantined blocks, a dead cluster …
        """
        return self._future.result(timeout)

    def cancel(self) -> None:
        """Ask it to stop at the next block; blocks that are done are kept."""
        self._stop.set()

    def __repr__(self) -> str:
        return f"<RunHandle {self._progress}>"

    def _drive(self, work: Callable[[Sink], Run]) -> None:
        try:
            run = work(self._see)
        except BaseException as error:
            state: State = "cancelled" if isinstance(error, RunCancelledError) else "failed"
            self._progress = Progress(state, self._progress.done, self._progress.n_blocks)
            self._future.set_exception(error)
        else:
            self._progress = Progress("finished", self._progress.n_blocks, self._progress.n_blocks)
            self._future.set_result(run)

    def _see(self, event: Event) -> None:
        now = self._progress
        if isinstance(event, RunStarted):
            self._progress = Progress("running", event.done, event.n_blocks)
        elif isinstance(event, BlockDone):
            self._progress = Progress("running", now.done + 1, now.n_blocks)
        elif isinstance(event, BlocksFinished):
            self._progress = Progress("adjustments", now.done, now.n_blocks)
        if self._stop.is_set() and not event.final:
            raise RunCancelledError("the run was cancelled; what is done is kept")
