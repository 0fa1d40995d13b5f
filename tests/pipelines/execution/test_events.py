from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from pipelines.execution.events import (
    BlockDone,
    BlockFailed,
    BlocksFinished,
    Event,
    EventLog,
    RunFinished,
    RunStarted,
    fan_out,
    read_events,
)
from pipelines.execution.progress import ProgressBar

EVENTS: tuple[Event, ...] = (
    RunStarted("id", "demo", 4, 1, "serial"),
    BlockDone(1, 1, "host:1", 0.5, 1000, 2000),
    BlockFailed(2, 1, "ZeroDivisionError: [oops]", "host:1", False, "Traceback"),
    BlockDone(2, 2, "host:1", 0.5, 1000, 2000),
    BlocksFinished(1.0),
    RunFinished("root", 2.0),
)


def test_events_come_back_from_the_log(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    for event in EVENTS:
        log(event)
    assert read_events(log.path) == EVENTS
    assert read_events(tmp_path / "none") == ()


def test_a_line_torn_by_a_killed_driver_spoils_no_other(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log(EVENTS[0])
    with log.path.open("ab") as file:
        file.write(b'{"event": "BlockDone", "blo')
    log(EVENTS[1])
    assert read_events(log.path) == EVENTS[:2]


def test_fan_out_keeps_the_order() -> None:
    seen: list[tuple[str, Event]] = []
    emit = fan_out([lambda e: seen.append(("a", e)), lambda e: seen.append(("b", e))])
    emit(EVENTS[0])
    assert [name for name, _ in seen] == ["a", "b"]


def bar(terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
    with ProgressBar(console) as progress:
        for event in EVENTS:
            progress(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_bar_shows_blocks_and_failures_in_words() -> None:
    text = bar(terminal=True)
    assert "3/4 blocks" in text
    assert "blocks/min" in text
    assert "block 2, attempt 1: ZeroDivisionError: [oops]; will be tried again" in text


def test_without_a_terminal_only_failures_are_written() -> None:
    assert bar(terminal=False).strip() == "block 2, attempt 1: ZeroDivisionError: [oops]; will be tried again"


def test_a_line_nested_beyond_sense_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path)(BlocksFinished(1.0))
    with path.open("a") as file:
        file.write("[" * 100_000 + "\n")
    assert read_events(path) == (BlocksFinished(1.0),)
