"""What happens during a run, as plain data: lines of ``events.jsonl`` and food for the progress bar."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from xva.errors import StoreError


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    final: ClassVar[bool] = False


@dataclass(frozen=True)
class TrainingStarted(Event):
    """``trades`` without closed form are to be learned, ``reused`` were found trained."""

    trades: int
    reused: int


@dataclass(frozen=True)
class SurrogateNotReused(Event):
    """A kept surrogate of a trade may not be used again, and the trade is trained anew."""

    trade_id: str
    reason: str


@dataclass(frozen=True)
class TradeTrained(Event):
    """A trade has been learned and tested."""

    trade_id: str
    seconds: float


@dataclass(frozen=True)
class RunStarted(Event):
    """A driver begins; ``done`` blocks of ``n_blocks`` stand already."""

    run_id: str
    name: str
    n_blocks: int
    done: int
    executor: str


@dataclass(frozen=True)
class BlockDiscarded(Event):
    """A committed block does not stand any more (torn, changed, missing) and will be computed again."""

    block: int
    reason: str


@dataclass(frozen=True)
class BlockStarted(Event):
    """A block was handed to the workers for the ``attempt``-th time (from 1)."""

    block: int
    attempt: int


@dataclass(frozen=True)
class BlockDone(Event):
    """A block is committed.

    ``seconds`` of the block's own computation and writing, ``stored_bytes`` on disk, ``peak_bytes`` the
    largest resident memory of its worker so far, ``worker`` as ``host:pid``.
    """

    block: int
    attempt: int
    worker: str
    seconds: float
    stored_bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class BlockFailed(Event):
    """An attempt failed; ``quarantined`` when it was the last one."""

    block: int
    attempt: int
    error: str
    worker: str
    quarantined: bool
    traceback: str = ""


@dataclass(frozen=True)
class WorkersChanged(Event):
    """The number of workers or threads changed, or a local cluster was healed."""

    workers: int
    threads: int


@dataclass(frozen=True)
class BlocksFinished(Event):
    """All blocks stand; the sums are being turned into results."""

    seconds: float


@dataclass(frozen=True)
class RunFinished(Event):
    """The run is complete."""

    root_hash: str
    seconds: float
    final: ClassVar[bool] = True


@dataclass(frozen=True)
class RunFailed(Event):
    """The driver ended with an error (or was interrupted); the run can be resumed."""

    error: str
    seconds: float
    final: ClassVar[bool] = True


Sink = Callable[[Event], None]

_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        TrainingStarted,
        SurrogateNotReused,
        TradeTrained,
        RunStarted,
        BlockDiscarded,
        BlockStarted,
        BlockDone,
        BlockFailed,
        WorkersChanged,
        BlocksFinished,
        RunFinished,
        RunFailed,
    )
}


def fan_out(sinks: Iterable[Sink]) -> Sink:
    """Return a sink that hands every event to all of ``sinks``, in order."""
    targets = tuple(sinks)

    def emit(event: Event) -> None:
        for sink in targets:
            sink(event)

    return emit


@dataclass(frozen=True)
class EventLog:
    """Sink that appends events to a file, one JSON object a line, with the time (UTC)."""

    path: Path

    def __call__(self, event: Event) -> None:
        record = {"event": type(event).__name__, "at": datetime.now(UTC).isoformat(), **asdict(event)}
        line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
        try:
            with self.path.open("ab+") as file:
                if file.tell() and not self._ends_in_newline():
                    line = b"\n" + line  # a driver was killed in the middle of a line
                file.write(line)
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be written, {error.strerror}; what is done is kept: make room and resume the run"
            ) from error

    def _ends_in_newline(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == b"\n"


def read_events(path: Path) -> tuple[Event, ...]:
    """Read an event log; torn lines and events of later versions are left out."""
    if not path.is_file():
        return ()
    parsed = (_parse(line) for line in path.read_text(errors="replace").splitlines())
    return tuple(event for event in parsed if event is not None)


def _parse(line: str) -> Event | None:
    try:
        record: dict[str, Any] = json.loads(line)
        kind = _KINDS[record["event"]]
        return kind(**{f.name: record[f.name] for f in fields(kind)})
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
