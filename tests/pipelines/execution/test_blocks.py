"""The driver's loop against a scripted session: no processes, every order of events at will."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest

from pipelines.execution.blocks import BlockDriver
from pipelines.execution.errors import MemoryPromiseError, QuarantineError
from pipelines.execution.events import BlockDone, BlockFailed, BlockStarted, Event
from pipelines.execution.memory import check_memory
from pipelines.execution.session import Outcome, Session, WorkerMemory
from pipelines.execution.tasks import Fault, Receipt

Behaviour = Callable[[int, tuple[int, ...]], bool]


class ScriptedSession(Session):
    """Two workers; when a block of ``deadly`` is reached, everything under way dies with it."""

    def __init__(
        self, deadly: Behaviour = lambda b, t: False, poisoned: Behaviour = lambda b, t: False
    ) -> None:
        self.deadly, self.poisoned = deadly, poisoned
        self.under_way: deque[int] = deque()
        self.largest = 0
        self.history: list[int] = []

    workers = 2
    capacity = 8

    def memory(self) -> tuple[WorkerMemory, ...]:
        return (
            WorkerMemory("small", 1000, 100, 1),
            WorkerMemory("large", 5000, 100, 2),
            WorkerMemory("any", 0, 9, 1),
        )

    def submit(self, block: int) -> None:
        self.under_way.append(block)
        self.largest = max(self.largest, len(self.under_way))

    def wait(self) -> list[Outcome]:
        block = self.under_way.popleft()
        self.history.append(block)
        times = tuple(self.history)
        if self.deadly(block, times):
            victims = [block, *self.under_way]
            self.under_way.clear()
            return [Fault(b, "its worker died", "w") for b in victims]
        if self.poisoned(block, times):
            return [Fault(block, "ZeroDivisionError", "w", "Traceback ...")]
        return [Receipt(block, block, "w", 0.1, 1)]


def drive(session: ScriptedSession, count: int, attempts: int = 3) -> tuple[list[int], list[Event]]:
    done: list[int] = []
    events: list[Event] = []
    driver = BlockDriver(session, events.append, lambda receipt: done.append(receipt.block), attempts)
    try:
        driver.run(range(count))
    except QuarantineError as error:
        events.append(error)  # type: ignore[arg-type]
    return done, events


def test_submission_is_bounded_and_in_order() -> None:
    session = ScriptedSession()
    done, events = drive(session, 30)
    assert done == list(range(30))
    assert session.largest == 8
    assert (
        sum(isinstance(e, BlockStarted) for e in events)
        == sum(isinstance(e, BlockDone) for e in events)
        == 30
    )


def test_a_poisoned_block_is_given_up_after_all_others_are_done() -> None:
    done, events = drive(ScriptedSession(poisoned=lambda b, t: b == 3), 10)
    assert sorted(done) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    failures = [e for e in events if isinstance(e, BlockFailed)]
    assert [(e.block, e.attempt, e.quarantined) for e in failures] == [
        (3, 1, False),
        (3, 2, False),
        (3, 3, True),
    ]
    error = events[-1]
    assert isinstance(error, QuarantineError)
    assert error.ids == ("block 3",)
    assert "ZeroDivisionError" in str(error)


def test_a_block_that_kills_its_worker_condemns_no_innocent_one() -> None:
    session = ScriptedSession(deadly=lambda b, t: b == 3)
    done, events = drive(session, 20)
    assert sorted(done) == [b for b in range(20) if b != 3]
    assert [e.block for e in events if isinstance(e, BlockFailed) and e.quarantined] == [3]
    assert isinstance(events[-1], QuarantineError)


def test_the_last_attempt_is_made_alone() -> None:
    session = ScriptedSession(deadly=lambda b, t: b in (3, 4))
    done, events = drive(session, 9)
    assert sorted(done) == [0, 1, 2, 5, 6, 7, 8]
    assert sorted(e.block for e in events if isinstance(e, BlockFailed) and e.quarantined) == [3, 4]


def test_transient_failures_cost_nothing_but_time() -> None:
    session = ScriptedSession(
        deadly=lambda b, t: len(t) == 4, poisoned=lambda b, t: t.count(b) == 1 and b == 7
    )
    done, events = drive(session, 12)
    assert sorted(done) == list(range(12))
    assert not isinstance(events[-1], QuarantineError)


def test_one_attempt_means_one() -> None:
    done, events = drive(ScriptedSession(poisoned=lambda b, t: b == 0), 3, attempts=1)
    assert sorted(done) == [1, 2]
    assert sum(isinstance(e, BlockFailed) for e in events) == 1


def test_memory_promise_names_the_workers_that_are_too_small() -> None:
    session = ScriptedSession()
    check_memory(session, bytes_per_block=600, plan_bytes=50)
    with pytest.raises(MemoryPromiseError) as caught:
        check_memory(session, bytes_per_block=800, plan_bytes=50)
    assert caught.value.ids == ("small",)
    with pytest.raises(MemoryPromiseError) as caught:
        check_memory(session, bytes_per_block=2000, plan_bytes=0)
    assert caught.value.ids == ("small", "large")
