"""Many blocks, many jobs, many paths: what the driver holds stays flat."""

from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from distributed import Client, LocalCluster
from distributed.security import Security

from pipelines.execution.dask_executors import ClientExecutor, LocalExecutor
from pipelines.execution.events import BlockDone, Event
from pipelines.execution.runner import RunSettings, execute
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from pipelines.execution.status import verify
from pipelines.storage.results import open_cube
from tests.chaos.figures import Figures, timed
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from tests.support.places import ROOT

BLOCKS = 10_000
JOBS = 200
PATHS, DATES = 65_536, 240
SETTINGS = RunSettings(trusted_modules=TRUST)
_MB = 1e6


def scale() -> Iterator[Figures]:
    """Figures of many blocks, of many jobs, of a quantile over many paths."""
    scratch = Path(tempfile.mkdtemp(prefix="xva-chaos-"))
    try:
        yield many_blocks(scratch)
        yield from soak(scratch)
        yield quantiles(scratch)
    finally:
        shutil.rmtree(scratch)


def resident() -> float:
    """Memory of this process in MB, after what is garbage has gone."""
    gc.collect()
    return float(psutil.Process().memory_info().rss) / _MB


def run(plan: DummyPlan, folder: Path, executor: Executor, *sinks: Callable[[Event], None]) -> Any:
    settings = dataclasses.replace(SETTINGS, sinks=sinks)
    return execute(plan, folder, executor, finish, identity=identity(plan), settings=settings)


def many_blocks(scratch: Path) -> Figures:
    """Blocks of next to no work on two workers: what a block costs the driver in time and memory."""
    plan, memory, spent = DummyPlan(BLOCKS, size=2, n_dates=2), dict[int, float](), [0.0]

    def note(event: Event) -> None:
        if isinstance(event, BlockDone):
            spent[0] += event.seconds
            spent.append(0.0)
            if len(spent) % (BLOCKS // 5) == 0:
                memory[len(spent)] = resident()

    with timed(Figures(f"{BLOCKS:,} blocks of next to no work, two workers")) as figures:
        started = time.monotonic()
        run(plan, scratch / "many", LocalExecutor(2), note)
        took = time.monotonic() - started
        first, last = min(memory), max(memory)
        each = 1e3 * took / BLOCKS
        figures.came = (
            f"{each:.1f} ms a block ({1e3 * spent[0] / BLOCKS / 2:.1f} ms of it work and writing on two workers); driver "
            f"{memory[first]:.0f} MB after {first:,} blocks, {memory[last]:.0f} MB after {last:,}"
        )
        figures.expect(verify(scratch / "many").ok, "verify")
        figures.expect(memory[last] - memory[first] < 60.0, "the driver grows")
    return figures


def soak(scratch: Path) -> Iterator[Figures]:
    """Jobs in a row in one process, and on one cluster."""
    yield _soak(scratch / "here", SerialExecutor(), "in one process")
    before = dict(os.environ)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", security=Security.temporary()
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield _soak(scratch / "cluster", ClientExecutor(client), "on one cluster")
    os.environ.clear()
    os.environ.update(before)


def _soak(scratch: Path, executor: Executor, where: str) -> Figures:
    process, seen = psutil.Process(), dict[int, tuple[float, int, int]]()
    with timed(Figures(f"{JOBS} jobs in a row {where}")) as figures:
        for job in range(1, JOBS + 1):
            run(DummyPlan(2, size=4, n_dates=5, seed=job), scratch / f"job-{job}", executor)
            if job in (JOBS // 10, JOBS):
                seen[job] = (resident(), process.num_fds(), threading.active_count())
        first, last = seen.values()
        figures.came = (
            f"{first[0]:.0f} MB, {first[1]} files, {first[2]} threads after {JOBS // 10}; "
            f"{last[0]:.0f} MB, {last[1]} files, {last[2]} threads after {JOBS}"
        )
        grown = last[0] - first[0] > 40.0 or last[1] > first[1] + 5 or last[2] > first[2] + 2
        figures.expect(not grown, "memory, files or threads grow")
    return figures


def quantiles(scratch: Path) -> Figures:
    """PFE over many paths from a sharded cube, in a process of its own whose largest memory is looked at."""
    plan = DummyPlan(PATHS // 1024, size=1024, n_dates=DATES)
    with timed(
        Figures(f"PFE over {PATHS:,} paths, {DATES} dates, 3 netting sets, from the sharded cube")
    ) as figures:
        run(plan, scratch / "paths", SerialExecutor())
        command = [sys.executable, "-m", "tests.chaos.scale", str(scratch / "paths")]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        base, peak, wrong, size = (float(x) for x in told)
        figures.came = (
            f"{peak - base:.0f} MB beyond the {base:.0f} MB of the process, of {size:.0f} MB of values"
        )
        figures.expect(wrong == 0.0, f"{wrong:.0f} quantiles are not numpy's")
        figures.expect(peak - base < 0.7 * size, "all of it was in memory")
    return figures


def _quantiles(folder: Path) -> str:
    """Memory before and at the peak, how many quantiles differ from a sort's, and the size of one variable, in MB."""
    import resource

    from xva.profiles import accessor  # noqa: F401  registers ``ds.xva``

    with open_cube(folder) as cube:
        base = resident()
        found = cube.xva.pfe(0.95).transpose("time", "netting_set").values
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
        wrong, size = 0, cube["value"].size * 8 / _MB
        for date in range(0, len(found), 20):
            values = np.sort(cube["value"].isel(time=date).values.astype(float), axis=0)
            at = int(np.ceil(0.95 * len(values))) - 1
            wrong += int((np.maximum(values[at], 0.0) != found[date]).sum())
    return f"{base} {peak} {wrong} {size}"


if __name__ == "__main__":
    sys.stdout.write(_quantiles(Path(sys.argv[1])))
