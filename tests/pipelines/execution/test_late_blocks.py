"""A block that began and does not end: the session gives it up and has its worker restarted. Scripted, no processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipelines.execution.cluster import ClusterSession, Patience
from pipelines.execution.events import Event
from pipelines.execution.tasks import Fault, Receipt, SumsTask
from tests.support.dummy_plan import DummyPlan


class ScriptedFuture:
    def __init__(self, key: str, receipt: Receipt | None) -> None:
        self.key = key
        self.receipt = receipt
        self.released = False

    def done(self) -> bool:
        return self.receipt is not None

    def result(self, timeout: float) -> Receipt | None:
        return self.receipt

    def release(self) -> None:
        self.released = True

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        pass


class ScriptedScheduler:
    address = "tls://scheduler"

    def __init__(self) -> None:
        self.restarted: list[list[str]] = []

    def ncores(self) -> dict[str, int]:
        return {"tls://worker": 1}

    def restart_workers(self, workers: list[str], **options: Any) -> None:
        self.restarted.append(workers)


class ScriptedClient:
    """Even blocks are done at once, 1 begins and never ends, 3 and all others never begin."""

    status = "running"

    def __init__(self) -> None:
        self.scheduler = ScriptedScheduler()
        self.tell: Callable[[Any], None] = lambda event: None
        self.futures: dict[int, ScriptedFuture] = {}

    def subscribe_topic(self, topic: str, handler: Callable[[Any], None]) -> None:
        self.tell = handler

    def unsubscribe_topic(self, topic: str) -> None:
        pass

    def submit(
        self, announced: Any, task: Any, block: int, topic: str, told: str, key: str, **o: Any
    ) -> ScriptedFuture:
        receipt = Receipt(block, None, "worker", 0.01, 1) if block % 2 == 0 else None
        if block < 3:
            self.tell((0.0, {"key": key, "worker": "tls://worker"}))
        self.futures[block] = ScriptedFuture(key, receipt)
        return self.futures[block]

    def sync(self, question: Callable[..., Any], callback_timeout: float, **options: Any) -> Any:
        return question(**options)


def test_only_the_block_that_began_is_late() -> None:
    client, events = ScriptedClient(), list[Event]()
    patience = Patience(poll=0.01, block=0.3)
    session = ClusterSession(client, SumsTask(DummyPlan()), events.append, patience)
    for block in (0, 1, 3):
        session.submit(block)
    (first,) = session.wait()
    assert isinstance(first, Receipt)
    started = time.monotonic()
    (late,) = session.wait()
    assert 0.25 < time.monotonic() - started < 5.0
    assert isinstance(late, Fault)
    assert (late.block, late.worker) == (1, "tls://worker")
    assert late.error == "not done after 0.3 s, the limit (as stated); its worker was restarted"
    assert client.scheduler.restarted == [["tls://worker"]]
    assert client.futures[1].released
    assert not client.futures[3].released
