"""Real worker processes: same bits whatever their number, and whatever happens to them."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster
from distributed.security import Security

from pipelines.commands.outcome import exit_code
from pipelines.execution.cluster import Patience
from pipelines.execution.dask_executors import AddressExecutor, ClientExecutor, LocalExecutor, require_private
from pipelines.execution.errors import ClusterError, InsecureClusterError, MemoryPromiseError, QuarantineError
from pipelines.execution.events import BlockDone, BlockFailed, Event, WorkersChanged, read_events
from pipelines.execution.executors import executor_from
from pipelines.execution.mapping import map_blocks
from pipelines.execution.runner import RunOutcome, RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from pipelines.execution.status import status, verify
from tests.support import serve
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish
from xva.errors import DomainError

SETTINGS = RunSettings(trusted_modules=TRUST)
PLAN = DummyPlan()


def run(plan: DummyPlan, folder: Path, executor: Executor, **settings: Any) -> RunOutcome:
    options = dataclasses.replace(SETTINGS, **settings)
    return execute(plan, folder, executor, finish, identity=identity(plan), settings=options)


def data(folder: Path) -> dict[str, bytes]:
    files = [
        p for name in ("cube.zarr", "blocks", "xva.zarr") for p in (folder / name).rglob("*") if p.is_file()
    ]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    folder = tmp_path_factory.mktemp("serial") / "run"
    return run(PLAN, folder, SerialExecutor()).root_hash, data(folder)


class Recorder:
    """Keeps the cluster that an executor starts, to look at it and to hurt it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster: Any = None
        start = LocalExecutor._cluster

        def recorded(executor: LocalExecutor) -> Any:
            self.cluster = start(executor)
            return self.cluster

        monkeypatch.setattr(LocalExecutor, "_cluster", recorded)

    def close_nannies(self) -> None:
        async def close() -> None:
            for nanny in list(self.cluster.workers.values()):
                await nanny.close()

        self.cluster.sync(close)


@pytest.mark.slow
def test_one_worker_whose_nanny_dies_gives_the_serial_bits(
    tmp_path: Path, reference: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(monkeypatch)
    seen: dict[str, Any] = {}

    def hurt(event: Event) -> None:
        if isinstance(event, BlockDone) and not seen:
            seen["address"] = recorder.cluster.scheduler_address
            seen["dashboard"] = recorder.cluster.dashboard_link
            with Client(recorder.cluster, set_as_default=False) as client:
                seen["policy"] = set(client.run(os.environ.get, "OMP_WAIT_POLICY").values())
            recorder.close_nannies()

    before = dict(os.environ)
    executor = LocalExecutor(1, patience=Patience(poll=0.2, restart=0.5))
    outcome = run(PLAN, tmp_path / "run", executor, sinks=(hurt,))
    assert outcome.root_hash == reference[0]
    assert seen["address"].startswith("tls://127.0.0.1:")
    assert "127.0.0.1" in seen["dashboard"]
    assert seen["policy"] == {"PASSIVE"}
    assert dict(os.environ) == before
    changes = [
        e.workers for e in read_events(tmp_path / "run" / "events.jsonl") if isinstance(e, WorkersChanged)
    ]
    assert changes == [1, 0, 1]


@pytest.mark.slow
def test_a_block_that_kills_its_worker_is_quarantined_and_resumed_later(
    tmp_path: Path, reference: tuple[str, dict[str, bytes]]
) -> None:
    folder, cure = tmp_path / "run", tmp_path / "cured"
    plan = dataclasses.replace(PLAN, deadly=(3,), cure=str(cure))
    with pytest.raises(QuarantineError, match="block 3: its worker died") as caught:
        run(plan, folder, LocalExecutor(2), max_attempts=2)
    assert caught.value.ids == ("block 3",)
    assert (status(folder).done, status(folder).failed.keys()) == (7, {3})
    cure.touch()
    assert resume(folder, SerialExecutor(), finish, settings=SETTINGS).computed == (3,)
    assert status(folder).root_hash == reference[0]
    assert data(folder).keys() == reference[1].keys()


@pytest.mark.slow
def test_a_block_that_never_returns_is_given_up_and_the_others_finish(
    tmp_path: Path, reference: tuple[str, dict[str, bytes]]
) -> None:
    """Its worker answers all the while, so that only the time it takes tells."""
    folder, cure = tmp_path / "run", tmp_path / "cured"
    plan = dataclasses.replace(PLAN, stuck=(3,), cure=str(cure))
    patience = Patience(poll=0.1, restart=2.0, block=10.0)  # a worker's first block imports torch
    started = time.monotonic()
    with pytest.raises(
        QuarantineError, match=r"block 3: not done after 10 s, the limit \(as stated\)"
    ) as caught:
        run(plan, folder, LocalExecutor(1, patience=patience), max_attempts=2)
    assert time.monotonic() - started < 90.0
    assert exit_code(caught.value) == 1
    assert (status(folder).done, status(folder).failed.keys()) == (7, {3})
    cure.touch()
    assert resume(folder, SerialExecutor(), finish, settings=SETTINGS).computed == (3,)
    assert status(folder).root_hash == reference[0]


@pytest.mark.slow
def test_a_frozen_worker_is_noticed_within_the_time_stated(
    tmp_path: Path, reference: tuple[str, dict[str, bytes]]
) -> None:
    once = tmp_path / "once"
    once.mkdir()
    plan = dataclasses.replace(PLAN, frozen=(2,), once=str(once))
    seen: dict[str, float] = {}

    def note(event: Event) -> None:
        if isinstance(event, BlockDone | BlockFailed):
            seen.setdefault(type(event).__name__, time.monotonic())

    patience = Patience(poll=0.1, worker=20.0)
    outcome = run(plan, tmp_path / "run", LocalExecutor(1, patience=patience), sinks=(note,))
    assert outcome.root_hash == reference[0]
    assert (
        seen["BlockFailed"] - seen["BlockDone"] < 20.0 + 6.0
    )  # a process that does not end is killed after 4 s


@pytest.mark.slow
def test_four_workers_with_transient_failures_give_the_serial_bits(
    tmp_path: Path, reference: tuple[str, dict[str, bytes]]
) -> None:
    folder = tmp_path / "run"
    once = tmp_path / "once"
    once.mkdir()
    plan = dataclasses.replace(PLAN, deadly=(0,), poisoned=(5,), once=str(once), delay=0.1)
    outcome = run(plan, folder, LocalExecutor(4))
    assert outcome.root_hash == reference[0]
    assert data(folder) == reference[1]
    assert verify(folder).ok
    events = read_events(folder / "events.jsonl")
    assert len({e.worker for e in events if isinstance(e, BlockDone)}) > 1
    assert {0, 5} <= {e.block for e in events if isinstance(e, BlockFailed)}
    assert max(e.peak_bytes for e in events if isinstance(e, BlockDone)) > 50e6


@pytest.fixture(name="served")
def cluster_apart() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with serve.served() as found:
        yield found


@pytest.mark.slow
def test_a_cluster_by_its_address_and_its_sudden_death(
    tmp_path: Path, served: tuple[subprocess.Popen[str], str], reference: tuple[str, dict[str, bytes]]
) -> None:
    process, address = served
    executor = AddressExecutor(address, patience=Patience(poll=0.2, scheduler=3.0))
    assert run(PLAN, tmp_path / "first", executor).root_hash == reference[0]
    np.testing.assert_array_equal(
        map_blocks(PLAN, executor, [6], trusted_modules=TRUST)[0]["value"], PLAN.run(6).sums["value"]
    )
    with pytest.raises(MemoryPromiseError):
        run(dataclasses.replace(PLAN, promise=10**15), tmp_path / "never", executor)
    assert not (tmp_path / "never").exists()

    def kill(event: Event) -> None:
        if isinstance(event, BlockDone):
            process.send_signal(signal.SIGKILL)

    started = time.monotonic()
    slow = dataclasses.replace(PLAN, delay=0.3)
    with pytest.raises(ClusterError, match="resume the run"):
        run(slow, tmp_path / "second", executor, sinks=(kill,))
    assert time.monotonic() - started < 30.0
    assert 1 <= status(tmp_path / "second").done < 8
    assert resume(tmp_path / "second", SerialExecutor(), finish, settings=SETTINGS).root_hash == reference[0]


def test_no_scheduler_is_said_in_words(tmp_path: Path) -> None:
    executor = AddressExecutor("tcp://127.0.0.1:1", patience=Patience(scheduler=1.0))
    with pytest.raises(ClusterError, match=r"no scheduler at tcp://127\.0\.0\.1:1"):
        run(PLAN, tmp_path / "run", executor)
    assert not (tmp_path / "run").exists()


def test_a_scheduler_that_says_nothing_does_not_hold_the_driver(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are accepted and never read
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        executor = AddressExecutor(address, patience=Patience(scheduler=1.0))
        started = time.monotonic()
        with pytest.raises(ClusterError, match=f"no scheduler at {address}: .*(no answer within|imed out)"):
            run(PLAN, tmp_path / "run", executor)
        assert time.monotonic() - started < 10.0
    assert not (tmp_path / "run").exists()


def test_encryption_that_is_required_is_said_in_words(tmp_path: Path) -> None:
    executor = AddressExecutor("tcp://127.0.0.1:1", patience=Patience(scheduler=1.0))
    with (
        dask.config.set({"distributed.comm.require-encryption": True}),
        pytest.raises(ClusterError, match=r"no scheduler at tcp.*encryption required"),
    ):
        run(PLAN, tmp_path / "run", executor)


def test_certificates_that_are_not_configured_are_asked_for(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ClusterError, match=r"certificate and key, got none -> name them in Dask's"):
        run(PLAN, tmp_path / "run", AddressExecutor("tls://127.0.0.1:1", patience=Patience(scheduler=1.0)))
    assert time.monotonic() - started < 10.0


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:8787", "tcp://host", "cluster", "locale", "ws://cluster:80", "ucx://h:1"]
)
def test_what_is_no_scheduler_is_bad_usage(name: str) -> None:
    with pytest.raises(DomainError, match="a scheduler's address such as tls://host:8786"):
        executor_from(name)


@pytest.mark.parametrize(
    "address",
    ["tls://10.0.0.5:8786", "tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://localhost:1", "inproc://x/1"],
)
def test_private_addresses_are_accepted(address: str) -> None:
    require_private(address, insecure=False)


@pytest.mark.parametrize("address", ["tcp://10.0.0.5:8786", "tcp://0.0.0.0:8786", "tcp://cluster:80"])
def test_open_schedulers_need_a_word(address: str) -> None:
    with pytest.raises(InsecureClusterError, match="--insecure"):
        executor_from(address)
    assert executor_from(address, insecure=True).label == address


def test_a_client_of_an_open_scheduler_is_refused(tmp_path: Path) -> None:
    class Scheduler:
        address = "tcp://10.0.0.5:8786"

    class OpenClient:
        scheduler = Scheduler()

    with pytest.raises(InsecureClusterError):
        run(PLAN, tmp_path / "run", ClientExecutor(OpenClient()))


def test_executors_by_name() -> None:
    assert executor_from("serial").label == "serial"
    assert executor_from("local", workers=3) == LocalExecutor(3)
    with pytest.raises(ClusterError, match="at least 1 worker"):
        executor_from("local", workers=0)
    with pytest.raises(ClusterError, match="above 0"):
        Patience(poll=0.0)


@pytest.mark.slow
def test_a_cluster_that_grows_from_nothing(tmp_path: Path, reference: tuple[str, dict[str, bytes]]) -> None:
    """An adaptive cluster starts workers for work that waits, so work has to wait before there are any."""
    environment = dict(os.environ)
    with LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address="127.0.0.1:0", security=Security.temporary()
    ) as cluster:
        cluster.adapt(minimum=0, maximum=1, interval="100ms")
        with Client(cluster, set_as_default=False) as client:
            patience = Patience(no_workers=60.0)
            outcome = run(PLAN, tmp_path / "run", ClientExecutor(client, patience=patience))
    os.environ.clear()
    os.environ.update(environment)
    assert outcome.root_hash == reference[0]
