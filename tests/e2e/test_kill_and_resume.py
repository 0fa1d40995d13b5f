"""A run whose worker and then driver are killed, or that is interrupted: resumed, it has the same bits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipelines.execution.events import BlockDone, Event, read_events
from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan
from tests.support.dummy_plan import finish as finish_dummy
from tests.support.places import ROOT

BLOCKS = 8
DELAY = 1.5  # seconds per block, for a signal to come in time on a busy machine; part of the plan, not of the numbers


@contextmanager
def driver(folder: Path, executor: str, delay: float) -> Iterator[subprocess.Popen[str]]:
    """A driver in a process group of its own, warnings being errors, also in its workers."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.drive", str(folder), executor, str(delay)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            for child in family(process):
                child.kill()


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        return []
    return [*parent.children(recursive=True), parent]


def wait_for_blocks(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    deadline = time.monotonic() + 180.0
    while len(done(folder)) < count:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def done(folder: Path) -> list[BlockDone]:
    return [event for event in read_events(folder / "events.jsonl") if isinstance(event, BlockDone)]


def committed(folder: Path) -> set[int]:
    return {int(marker.stem) for marker in (folder / "blocks").glob("[0-9]*.json")}


def finish(folder: Path, executor: str = "serial", delay: float = DELAY) -> str:
    """Run the driver to its end and return what it printed."""
    with driver(folder, executor, delay) as process:
        output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    return output


def root_hash(folder: Path) -> str:
    from pipelines.execution.status import verify

    found = verify(folder)
    assert found.ok, [str(f) for f in found.findings]
    assert found.root_hash is not None
    return found.root_hash


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Root hash of an undisturbed run."""
    folder = tmp_path_factory.mktemp("serial") / "run"
    assert finish(folder, delay=0.0) == ""
    return root_hash(folder)


def test_a_killed_driver_is_resumed_in_this_process(tmp_path: Path) -> None:
    folder, whole = tmp_path / "run", tmp_path / "whole"
    with driver(folder, "serial", DELAY / 10.0) as process:
        wait_for_blocks(process, folder, 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
    standing = committed(folder)
    assert 2 <= len(standing) < BLOCKS
    settings = RunSettings(trusted_modules=TRUST)
    again = resume(folder, SerialExecutor(), finish_dummy, settings=settings)
    assert sorted(again.computed) == sorted(set(range(BLOCKS)) - standing)
    plan = DummyPlan()
    fresh = execute(plan, whole, SerialExecutor(), finish_dummy, identity=identity(plan), settings=settings)
    assert root_hash(folder) == fresh.root_hash


@pytest.mark.slow
def test_a_worker_then_the_driver_are_killed_and_the_run_is_resumed(tmp_path: Path, serial: str) -> None:
    folder = tmp_path / "run"
    with driver(folder, "local", DELAY) as process:
        wait_for_blocks(process, folder, 1)
        worker = int(done(folder)[0].worker.rpartition(":")[2])
        os.kill(worker, signal.SIGKILL)
        survivors = family(process)
        wait_for_blocks(process, folder, 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        # orphaned workers end by themselves
        _, alive = psutil.wait_procs(survivors, timeout=30)
        assert not alive
    standing, seen = committed(folder), len(done(folder))
    assert 2 <= len(standing) < BLOCKS

    assert finish(folder, "local") == ""
    assert sorted(event.block for event in done(folder)[seen:]) == sorted(set(range(BLOCKS)) - standing)

    assert root_hash(folder) == serial


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_can_be_resumed(tmp_path: Path, serial: str) -> None:
    folder = tmp_path / "run"
    with driver(folder, "local", DELAY) as process:
        wait_for_blocks(process, folder, 1)
        children = family(process)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=90)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not alive
    assert process.returncode == -signal.SIGINT
    assert output.count("Traceback") == 1, output
    assert output.strip().endswith("KeyboardInterrupt")
    last: Event = read_events(folder / "events.jsonl")[-1]
    assert "KeyboardInterrupt" in str(last)
    assert 1 <= len(committed(folder)) < BLOCKS
    assert finish(folder) == ""
    assert root_hash(folder) == serial
