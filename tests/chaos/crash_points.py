"""A run stopped at every single operation on the disk, then continued: the same bytes each time.

``python -m tests.chaos.crash_points EVERY`` tries each ``EVERY``-th of them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.status import verify
from tests.chaos.dying_disk import DIED, DyingDisk
from tests.chaos.figures import HEAD, Figures, timed
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish

PLAN = DummyPlan(blocks=3, size=4, n_dates=5)
SETTINGS = RunSettings(trusted_modules=TRUST)
FILES = {"job.toml": b"name = 'dummy'"}


def start(folder: Path) -> Any:
    """A run from its job: begin it, or go on."""
    return execute(
        PLAN, folder, SerialExecutor(), finish, identity=identity(PLAN), attachments=FILES, settings=SETTINGS
    )


def go_on(folder: Path) -> Any:
    """A run from its folder where it has come that far."""
    if not (folder / "run.json").exists():
        return start(folder)
    return resume(folder, SerialExecutor(), finish, settings=SETTINGS)


def content(folder: Path) -> dict[str, str]:
    """Every file of a run, as text, but those that say when and by whom."""
    told = ("events.jsonl", "run.lock", "run.json", "COMPLETE.json")
    files = [p for p in folder.rglob("*") if p.is_file() and p.name not in told]
    return {p.relative_to(folder).as_posix(): p.read_bytes().hex() for p in sorted(files)}


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Status and answer of a process forked for some work; this one stays as it is."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        os.close(reader)
        try:
            answer, status = work(), 0
        except BaseException:
            answer, status = traceback.format_exc(), 1
        told = memoryview(json.dumps(answer).encode())
        while told:  # not by a file: the work may have made every write fail
            told = told[os.write(writer, told) :]
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, code = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(code), json.loads(text) if text else None


def dying(work: Callable[[Path], Any], folder: Path, point: int, power: bool = False) -> Callable[[], int]:
    """Work on a disk that dies; says how many operations there were."""

    def run() -> int:
        disk = DyingDisk(point, power)
        disk.install()
        work(folder)
        return disk.count

    return run


def finished(work: Callable[[Path], Any], folder: Path) -> Callable[[], Any]:
    """Bring a run to its end and look at all of it."""

    def run() -> Any:
        standing = [int(p.stem) for p in (folder / "blocks").glob("[0-9]*.json")]
        outcome = work(folder)
        found = verify(folder)
        return {
            "root": outcome.root_hash,
            "ok": found.ok,
            "twice": sorted(set(standing) & set(outcome.computed)),
            "content": content(folder),
        }

    return run


def crash_points(every: int = 1) -> Iterator[Figures]:
    """Figures of a process killed, of the power lost, and of a second stop while the first is mended."""
    scratch = Path(tempfile.mkdtemp(prefix="xva-chaos-"))
    try:
        _, reference = in_child(finished(start, scratch / "reference"))
        _, total = in_child(dying(start, scratch / "counted", 0))
        kinds = [("killed", False, False), ("power lost", True, False), ("killed twice", False, True)]
        for kind in kinds:
            yield _all(scratch, reference, total, (4 if kind[2] else 1) * every, *kind)
    finally:
        shutil.rmtree(scratch)


def _all(
    scratch: Path, reference: Any, total: int, every: int, name: str, power: bool, twice: bool
) -> Figures:
    points = range(1, total + 1, every)
    with timed(Figures(f"crash points, {name}")) as figures:
        for point in points:
            folder, work = scratch / f"{name}-{point}".replace(" ", "-"), (start, go_on)[point % 2]
            status, told = in_child(dying(start, folder, point, power))
            figures.expect(status == DIED, f"point {point}: did not die ({status}, {told})")
            if twice:
                in_child(dying(work, folder, 7 * point % total + 1))
            status, found = in_child(finished(work, folder))
            figures.expect(found == reference, f"point {point}: {_difference(found, reference)}")
            shutil.rmtree(folder, ignore_errors=True)
        fine = len(points) - len(figures.lost)
        figures.came = f"{fine} of {len(points)} resumed to the same bytes in every file ({total} operations)"
    return figures


def _difference(found: Any, reference: Any) -> str:
    if not isinstance(found, dict):
        return str(found)[-600:]
    wrong = [k for k in ("root", "ok", "twice") if found[k] != reference[k]]
    files = set(found["content"].items()) ^ set(reference["content"].items())
    return f"{', '.join(f'{k} is {found[k]}' for k in wrong)} files {sorted({name for name, _ in files})}"


if __name__ == "__main__":
    tables = list(crash_points(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
    sys.stdout.write("\n".join([HEAD, *(f.row() for f in tables)]) + "\n")
    sys.exit(any(f.lost for f in tables))
