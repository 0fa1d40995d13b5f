"""Workers, drivers and schedulers killed at random moments of one run of many blocks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipelines.execution.events import BlockDone, BlockFailed, read_events
from pipelines.execution.runner import RunSettings, execute
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.status import verify
from tests.chaos.figures import Figures, timed
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from tests.support.places import ROOT
from tests.support.serve import served

BLOCKS, DELAY = 200, 0.3
WORKERS_KILLED, DRIVERS_KILLED, SCHEDULERS_KILLED = 50, 10, 5
_PATIENCE = 1200.0  # seconds for a part; far more than it takes
_SEED = 11


def kills() -> Iterator[Figures]:
    """Figures of killed workers, drivers and schedulers."""
    scratch, chance = Path(tempfile.mkdtemp(prefix="xva-chaos-")), random.Random(_SEED)
    try:
        plan = DummyPlan(BLOCKS)
        settings = RunSettings(trusted_modules=TRUST)
        whole = execute(
            plan, scratch / "whole", SerialExecutor(), finish, identity=identity(plan), settings=settings
        )
        yield _workers(scratch / "workers", chance, whole.root_hash)
        yield _drivers(scratch / "drivers", chance, whole.root_hash)
        yield _schedulers(scratch / "schedulers", chance, whole.root_hash)
    finally:
        shutil.rmtree(scratch)


@contextmanager
def driver(folder: Path, executor: str) -> Iterator[subprocess.Popen[bytes]]:
    """A driver in a process group of its own; what is left of the group goes with the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.drive", str(folder), executor, str(DELAY), str(BLOCKS)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=(folder.parent / f"{folder.name}.log").open("ab"),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for child in (*_family(process.pid), process):
            child.kill()
        process.wait()


class Watch:
    """Which markers were seen first, and whether one of them was ever lost or written again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int]] = {}
        self.lost: set[str] = set()
        self.again: set[str] = set()

    def look(self) -> int:
        """How many markers there are."""
        there = {}
        for path in (self._folder / "blocks").glob("[0-9]*.json"):
            found = path.stat()
            there[path.stem] = (found.st_ino, found.st_mtime_ns)
        self.lost |= self._seen.keys() - there.keys()
        self.again |= {name for name, was in self._seen.items() if there.get(name, was) != was}
        self._seen = {**there, **self._seen}
        return len(there)

    def told(self, figures: Figures, root: str) -> None:
        """Hold the finished run against the undisturbed one."""
        self.look()
        found = verify(self._folder)
        done = Counter(
            e.block for e in read_events(self._folder / "events.jsonl") if isinstance(e, BlockDone)
        )
        figures.expect(found.ok, f"verify: {[str(f) for f in found.findings]}")
        figures.expect(found.root_hash == root, f"root hash {found.root_hash}")
        figures.expect(not self.lost, f"lost {sorted(self.lost)}")
        figures.expect(not self.again, f"written again {sorted(self.again)}")
        twice = [b for b, times in done.items() if times > 1]
        figures.expect(not twice, f"done twice {twice}")


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _worker_processes(pid: int) -> list[psutil.Process]:
    found = []
    for child in _family(pid):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


def _workers(folder: Path, chance: random.Random, root: str) -> Figures:
    with timed(
        Figures(f"workers killed (SIGKILL) in one run of {BLOCKS} blocks, from start-up on")
    ) as figures:
        killed = drivers = 0
        watch, deadline = Watch(folder), time.monotonic() + _PATIENCE
        while watch.look() < BLOCKS and time.monotonic() < deadline:
            drivers += 1
            with driver(folder, "local") as process:
                while process.poll() is None and time.monotonic() < deadline:
                    _some_time(process, watch, chance)
                    if killed < WORKERS_KILLED and (alive := _worker_processes(process.pid)):
                        chance.choice(alive).kill()
                        killed += 1
        watch.told(figures, root)
        attempts = [e for e in read_events(folder / "events.jsonl") if isinstance(e, BlockFailed)]
        figures.came = (
            f"{killed} killed, {len(attempts)} attempts lost with them, {drivers - 1} times the driver gave up and was "
            f"started again"
        )
        figures.expect(killed >= WORKERS_KILLED, f"only {killed} killed before the run was done")
    return figures


def _some_time(process: subprocess.Popen[bytes], watch: Watch, chance: random.Random) -> None:
    """A moment, in which workers are starting still, or until some blocks are done."""
    if chance.random() < 0.4:
        time.sleep(chance.uniform(0.1, 3.0))
        return
    goal, deadline = watch.look() + chance.randint(1, 6), time.monotonic() + 20.0
    while process.poll() is None and watch.look() < goal and time.monotonic() < deadline:
        time.sleep(0.05)


def _drivers(folder: Path, chance: random.Random, root: str) -> Figures:
    with timed(Figures(f"drivers killed in one run of {BLOCKS} blocks")) as figures:
        watch, killed = Watch(folder), 0
        for _ in range(DRIVERS_KILLED):
            before = watch.look()
            goal = before + chance.randint(1, BLOCKS // (2 * DRIVERS_KILLED))
            with driver(folder, "serial") as process:
                deadline = time.monotonic() + _PATIENCE
                while process.poll() is None and watch.look() < goal and time.monotonic() < deadline:
                    time.sleep(0.05)
                killed += process.poll() is None
                process.send_signal(signal.SIGKILL)
                process.wait()
        _to_the_end(folder, "local", watch)
        watch.told(figures, root)
        figures.came = f"{killed} killed"
    return figures


def _schedulers(folder: Path, chance: random.Random, root: str) -> Figures:
    with timed(Figures(f"standalone schedulers killed in one run of {BLOCKS} blocks")) as figures:
        watch, codes = Watch(folder), []
        for _ in range(SCHEDULERS_KILLED):
            goal = watch.look() + chance.randint(1, BLOCKS // (2 * SCHEDULERS_KILLED))
            with served() as (cluster, address), driver(folder, address) as process:
                deadline = time.monotonic() + _PATIENCE
                while process.poll() is None and watch.look() < goal and time.monotonic() < deadline:
                    time.sleep(0.05)
                cluster.kill()
                started = time.monotonic()
                codes.append(process.wait(120.0))
                figures.expect(time.monotonic() - started < 60.0, "the driver took a minute to notice")
        _to_the_end(folder, "local", watch)
        watch.told(figures, root)
        log = folder.with_name(f"{folder.name}.log").read_text()
        figures.expect(log.count("ClusterError") >= len(codes), "an end without ClusterError")
        figures.came = f"{len(codes)} killed, each ended its driver with ClusterError"
    return figures


def _to_the_end(folder: Path, executor: str, watch: Watch) -> None:
    with driver(folder, executor) as process:
        process.wait(_PATIENCE)
    watch.look()
