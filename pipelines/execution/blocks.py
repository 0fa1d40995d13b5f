"""The driver's loop: bounded submission, attempts counted per block, quarantine of a poisoned one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from pipelines.execution.errors import QuarantineError
from pipelines.execution.events import BlockDone, BlockFailed, BlockStarted, Sink
from pipelines.execution.session import Session
from pipelines.execution.tasks import Fault, Receipt


class BlockDriver:
    """Brings blocks through a session, each tried up to ``max_attempts`` times.

    A worker's death takes along every block under way on it, guilty or not. So a block is tried again only
    after those with fewer attempts, at most one per worker, and its last attempt is made with nothing else
    under way: no innocent block is condemned, and healthy ones are done before a poisoned one is given up.

    Parameters
    ----------
    session : Session
    emit : callable
        Gets a `BlockDone` or `BlockFailed` per attempt.
    accept : callable
        Gets each receipt; called in order of arrival.
    """

    def __init__(
        self, session: Session, emit: Sink, accept: Callable[[Receipt], None], max_attempts: int = 3
    ) -> None:
        if max_attempts < 1:
            raise ValueError(f"max_attempts: expected >= 1, got {max_attempts}")
        self._session = session
        self._emit = emit
        self._accept = accept
        self._queues: list[deque[int]] = [deque() for _ in range(max_attempts)]
        self._under_way: dict[int, int] = {}
        self._given_up: dict[int, Fault] = {}

    def run(self, blocks: Sequence[int]) -> None:
        """Run all blocks.

        Raises
        ------
        QuarantineError
            Blocks that failed every attempt, after all others are done.
        ClusterError
            No workers are left.
        """
        self._queues[0].extend(blocks)
        while self._submit() or self._under_way:
            for outcome in self._session.wait():
                self._settle(outcome)
        if self._given_up:
            raise QuarantineError(_verdict(self._given_up), [f"block {b}" for b in sorted(self._given_up)])

    def _submit(self) -> bool:
        submitted = False
        while (attempts := self._next()) is not None:
            block = self._queues[attempts].popleft()
            self._under_way[block] = attempts
            self._emit(BlockStarted(block, attempts + 1))
            self._session.submit(block)
            submitted = True
        return submitted

    def _next(self) -> int | None:
        """Return how often the block to submit now was tried already; None: nothing more for now."""
        attempts = next((a for a, queue in enumerate(self._queues) if queue), None)
        if attempts is None or len(self._under_way) >= self._limit(attempts):
            return None
        alone = any(a and a == len(self._queues) - 1 for a in self._under_way.values())
        return None if alone else attempts

    def _limit(self, attempts: int) -> int:
        if attempts == 0:
            return self._session.capacity
        return 1 if attempts == len(self._queues) - 1 else max(1, self._session.workers)

    def _settle(self, outcome: Receipt | Fault) -> None:
        attempt = self._under_way.pop(outcome.block) + 1
        if isinstance(outcome, Receipt):
            self._accept(outcome)
            stored = int(getattr(outcome.value, "data_bytes", 0))
            self._emit(
                BlockDone(outcome.block, attempt, outcome.worker, outcome.seconds, stored, outcome.peak_bytes)
            )
            return
        last = attempt == len(self._queues)
        self._emit(
            BlockFailed(outcome.block, attempt, outcome.error, outcome.worker, last, outcome.traceback)
        )
        if last:
            self._given_up[outcome.block] = outcome
        else:
            self._queues[attempt].append(outcome.block)


def _verdict(given_up: dict[int, Fault]) -> str:
    count = len(given_up)
    lines = [f"  block {b}: {given_up[b].error} (worker {given_up[b].worker})" for b in sorted(given_up)]
    head = f"{count} block{'s' if count > 1 else ''} failed every attempt; all others are done and kept:"
    return "\n".join([head, *lines, "Find the cause (tracebacks in events.jsonl), then resume the run."])
