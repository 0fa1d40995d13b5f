"""A disk that is full or broken, blocks that raise, kill, freeze or never return: a named error, and a run to go on with."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipelines.execution.cluster import Patience
from pipelines.execution.dask_executors import LocalExecutor
from pipelines.execution.errors import QuarantineError
from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.status import status
from tests.chaos.crash_points import finished, go_on, in_child, start
from tests.chaos.dying_disk import DyingDisk
from tests.chaos.figures import Figures, timed
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from xva.errors import XvaError

EVERY = 7
FAULTS = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken": errno.EIO}
SETTINGS = RunSettings(trusted_modules=TRUST, max_attempts=2)
LIMIT = 15.0  # seconds of a block that never returns


class FailingDisk(DyingDisk):
    """Every operation from the n-th on fails, as long as the process lives."""

    def __init__(self, point: int, code: int) -> None:
        super().__init__(0)
        self._from = point
        self._code = code

    def step(self, half: Callable[[], object] | None = None) -> None:
        self.count += 1
        if self.count >= self._from:
            raise OSError(self._code, os.strerror(self._code))


def misfortunes() -> Iterator[Figures]:
    """Figures of disks, then of blocks."""
    scratch = Path(tempfile.mkdtemp(prefix="xva-chaos-"))
    try:
        for name, code in FAULTS.items():
            yield _disk(scratch, name, code)
        plan = DummyPlan()
        whole = execute(
            plan, scratch / "whole", SerialExecutor(), finish, identity=identity(plan), settings=SETTINGS
        )
        for kind in ("poisoned", "deadly", "stuck", "frozen"):
            yield _block(scratch, kind, whole.root_hash)
    finally:
        shutil.rmtree(scratch)


def _disk(scratch: Path, name: str, code: int) -> Figures:
    """The disk fails from some operation on; room is made, and the run continued."""
    _, reference = in_child(finished(start, scratch / f"reference-{name}"))
    _, total = in_child(_failing(scratch / f"counted-{name}", 10**9, code))
    points = range(1, total["count"] + 1, EVERY)
    with timed(Figures(f"disk {name} from any operation on, one in {EVERY}")) as figures:
        for point in points:
            folder = scratch / f"{name}-{point}"
            _, told = in_child(_failing(folder, point, code))
            fine = isinstance(told, dict) and (told["error"] is None or told["ours"])
            figures.expect(fine, f"operation {point}: {str(told)[-300:]}")
            _, found = in_child(finished(go_on, folder))
            figures.expect(found == reference, f"operation {point}: continued to something else")
            shutil.rmtree(folder, ignore_errors=True)
        figures.came = f"{len(points)} tried: each ended in a named error and was continued to the same bytes"
    return figures


def _failing(folder: Path, point: int, code: int) -> Callable[[], Any]:
    def run() -> Any:
        disk = FailingDisk(point, code)
        disk.install()
        try:
            start(folder)
        except (XvaError, OSError) as error:  # the command line tells both in words
            ours = isinstance(error, XvaError) or error.errno == code
            return {"count": disk.count, "error": str(error), "ours": ours}
        return {"count": disk.count, "error": None, "ours": True}

    return run


def _block(scratch: Path, kind: str, root: str) -> Figures:
    """Block 3 misbehaves at every attempt, until it is cured."""
    words = {
        "poisoned": "raises",
        "deadly": "kills its worker",
        "stuck": "never returns",
        "frozen": "stops its worker",
    }
    folder, cure = scratch / kind, scratch / f"{kind}-cured"
    plan = dataclasses.replace(DummyPlan(), **{kind: (3,)}, cure=str(cure))
    patience = Patience(poll=0.2, restart=2.0, worker=20.0, block=LIMIT if kind == "stuck" else None)
    with timed(Figures(f"a block that {words[kind]}")) as figures:
        try:
            execute(
                plan,
                folder,
                LocalExecutor(2, patience=patience),
                finish,
                identity=identity(plan),
                settings=SETTINGS,
            )
            figures.expect(False, "no error")
        except QuarantineError as error:
            figures.came = f"{status(folder).done} of 8 blocks done; {str(error).splitlines()[1].strip()}"
            figures.expect(error.ids == ("block 3",) and status(folder).done == 7, f"{error}")
        cure.touch()
        again = resume(folder, SerialExecutor(), finish, settings=SETTINGS)
        figures.expect((again.computed, again.root_hash) == ((3,), root), f"resumed: {again}")
    return figures
