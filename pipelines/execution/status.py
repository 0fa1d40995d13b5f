"""Where a run stands, read without touching it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.execution.events import BlockDone, BlockFailed, Event, RunFailed, read_events
from pipelines.storage import verify as storage
from pipelines.storage.layout import RunLayout
from pipelines.storage.lock import lock_holder
from pipelines.storage.manifest import read_completion, read_manifest
from pipelines.storage.verify import Verification
from xva.errors import StoreError


@dataclass(frozen=True)
class RunStatus:
    """State of a run.

    Parameters
    ----------
    state : str
        ``complete``, ``running`` (a driver holds the lock) or ``incomplete`` (resume it).
    done : int
        Blocks with a marker; their bytes are not read again (`verify` does).
    failed : mapping
        Last error by block, of blocks that are not done.
    driver : str or None
        Process that drives the run now.
    last_error : str or None
        Why the last driver ended, if it ended with an error.
    root_hash : str or None
    """

    folder: Path
    run_id: str
    name: str
    state: str
    done: int
    n_blocks: int
    failed: Mapping[int, str]
    driver: str | None
    last_error: str | None
    root_hash: str | None


def status(run_dir: Path | str) -> RunStatus:
    """Return where a run stands; cheap, reads no data.

    Raises
    ------
    StoreError
        The directory is no run.
    """
    layout = RunLayout(Path(run_dir).absolute())
    manifest = read_manifest(layout)
    done = set(layout.committed(manifest.n_blocks))
    root = _root_hash(layout) if len(done) == manifest.n_blocks else None
    driver = lock_holder(layout.lock)
    events = read_events(layout.events)
    ended = [e for e in events if e.final]
    return RunStatus(
        folder=layout.root,
        run_id=manifest.run_id,
        name=manifest.identity.name,
        state="running" if driver else "complete" if root else "incomplete",
        done=len(done),
        n_blocks=manifest.n_blocks,
        failed={b: error for b, error in _failures(events).items() if b not in done},
        driver=driver,
        last_error=ended[-1].error if ended and isinstance(ended[-1], RunFailed) else None,
        root_hash=root,
    )


def verify(run_dir: Path | str) -> Verification:
    """Read everything of a run again; names every file that is missing, torn or changed."""
    return storage.verify(RunLayout(Path(run_dir).absolute()))


def _root_hash(layout: RunLayout) -> str | None:
    try:
        completion = read_completion(layout)
    except StoreError:
        return None
    return completion.root_hash if completion else None


def _failures(events: tuple[Event, ...]) -> dict[int, str]:
    failures: dict[int, str] = {}
    for event in events:
        if isinstance(event, BlockFailed):
            failures[event.block] = event.error
        elif isinstance(event, BlockDone):
            failures.pop(event.block, None)
    return failures
