"""Executors on Dask: a local cluster with TLS, a scheduler's address, a client that exists already."""

from __future__ import annotations

import ipaddress
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, Status

from pipelines.execution.allocator import KEPT_BYTES
from pipelines.execution.cluster import ClusterSession, Patience
from pipelines.execution.errors import ClusterError, InsecureClusterError
from pipelines.execution.events import Sink
from pipelines.execution.session import Executor, Session
from pipelines.execution.tasks import BlockTask

_ENCRYPTED = ("tls", "wss", "inproc")


@dataclass(frozen=True)
class LocalExecutor(Executor):
    """Worker processes on this machine, one block each at a time, talking TLS on the loopback interface.

    Parameters
    ----------
    workers : int
    memory_limit : str or int
        Per worker, as Dask writes it (``auto``: an equal share of the machine).
    """

    workers: int
    memory_limit: str | int = "auto"
    patience: Patience = field(default_factory=Patience)
    label: str = "local"

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ClusterError(f"executor local: expected at least 1 worker, got {self.workers}")

    @contextmanager
    def open(self, task: BlockTask, emit: Sink) -> Iterator[Session]:
        with (
            _same_environment(),
            dask.config.set(self._settings()),
            self._cluster() as cluster,
            Client(cluster, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            healer = _Healer(cluster, self.workers)
            session = ClusterSession(client, task, emit, self.patience, self.workers, healer.heal)
            with _cancelling(session):
                yield session

    def _cluster(self) -> Any:
        return LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=0,  # they come by `_Healer`: one that dies while it starts would end the cluster here
            threads_per_worker=1,
            processes=True,
            memory_limit=self.memory_limit,
            security=Security.temporary(),  # type: ignore[no-untyped-call]
            dashboard_address="127.0.0.1:0",
            preload=["pipelines.execution.preload"],
            silence_logs=logging.CRITICAL,  # what matters comes as events
        )

    def _settings(self) -> dict[str, Any]:
        return {
            # a block whose worker died is counted and tried again by the driver, not by the scheduler
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.no-workers-timeout": f"{self.patience.no_workers}s",
            # the scheduler looks once in that time: a worker without heartbeat is seen after one to two of them
            "distributed.scheduler.worker-ttl": f"{self.patience.worker / 2.0}s",
            "distributed.deploy.lost-worker-timeout": f"{self.patience.restart}s",
            "distributed.nanny.pre-spawn-environ.OMP_WAIT_POLICY": "PASSIVE",
            # distributed's default (64 kB) hands every freed array back to the system: half of a block's time
            "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
            "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": KEPT_BYTES,
        }


@dataclass(frozen=True)
class ClientExecutor(Executor):
    """A Dask client made elsewhere (dask-jobqueue, dask-kubernetes, dask-gateway, a notebook); left open.

    Workers must see the run directory under the same path, and have the same versions of everything.
    """

    client: Any
    insecure: bool = False
    patience: Patience = field(default_factory=Patience)
    label: str = "client"

    @contextmanager
    def open(self, task: BlockTask, emit: Sink) -> Iterator[Session]:
        require_private(str(self.client.scheduler.address), self.insecure)
        session = ClusterSession(self.client, task, emit, self.patience)
        self._require_private_workers()
        with _cancelling(session):
            yield session

    def _require_private_workers(self) -> None:
        identity = self.client.scheduler_info(n_workers=-1)
        for address in (identity["address"], *identity["workers"]):
            require_private(str(address), self.insecure)


@dataclass(frozen=True)
class AddressExecutor(Executor):
    """A Dask scheduler that runs already, by its address.

    Parameters
    ----------
    address : str
        ``tls://host:port`` (keys and certificates from Dask's configuration, or ``security``), or ``tcp://``
        on the loopback interface.
    insecure : bool
        Accept plain ``tcp://`` beyond it: whoever reaches such a scheduler can run code on all workers.
    """

    address: str
    insecure: bool = False
    security: Any = None
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        require_private(self.address, self.insecure)

    @property
    def label(self) -> str:  # type: ignore[override]
        """The address."""
        return self.address

    @contextmanager
    def open(self, task: BlockTask, emit: Sink) -> Iterator[Session]:
        with (
            self._client() as client,
            ClientExecutor(client, self.insecure, self.patience).open(task, emit) as s,
        ):
            yield s

    def _client(self) -> Any:
        timeout = self.patience.scheduler
        self._require_certificates()
        connect = partial(Client, self.address, set_as_default=False, security=self.security, timeout=timeout)
        try:
            return _within(timeout + 1.0, connect)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ClusterError(f"no scheduler at {self.address}: {type(error).__name__}: {error}") from error

    def _require_certificates(self) -> None:
        """Say what is missing: a client that Dask makes without it takes a minute to go away."""
        security = self.security or Security()  # type: ignore[no-untyped-call]
        if self.address.startswith("tls") and security.get_connection_args("client")["ssl_context"] is None:
            raise ClusterError(
                f"{self.address}: expected this client's certificate and key, got none -> name them in Dask's "
                f"configuration: distributed.comm.tls.ca-file, .client.cert, .client.key"
            )


class _Healer:
    """Brings a local cluster to its size, workers included whose process died before the scheduler knew it."""

    def __init__(self, cluster: Any, workers: int) -> None:
        self._cluster = cluster
        self._workers = workers
        self._died = 0

    def heal(self) -> int:
        """Begin to; returns how many workers have died while they started so far."""
        self._cluster.loop.add_callback(self._replace)
        return self._died

    async def _replace(self) -> None:
        for name, nanny in list(self._cluster.workers.items()):
            if nanny.status in (Status.failed, Status.closed):
                del self._cluster.workers[name]
                self._died += 1
        self._cluster.scale(self._workers)


def _within(seconds: float, connect: Callable[[], Any]) -> Any:
    """A client, or TimeoutError: against one that accepts a connection and says nothing, Dask's own timeout does not help."""
    found: Future[Any] = Future()

    def work() -> None:
        try:
            found.set_result(connect())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=work, name="connect", daemon=True).start()
    try:
        return found.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"no answer within {seconds:.0f} s") from None


def require_private(address: str, insecure: bool) -> None:
    """Raise InsecureClusterError for an unencrypted address beyond the loopback interface."""
    protocol, _, rest = address.partition("://")
    if insecure or protocol in _ENCRYPTED or _is_loopback(rest):
        return
    raise InsecureClusterError(
        f"{address}: expected tls://, or tcp:// on this machine only; whoever reaches an open Dask scheduler "
        f"can run code on it and on all workers. Give it TLS, or accept that with --insecure"
    )


def _is_loopback(rest: str) -> bool:
    host = rest.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _cancelling(session: ClusterSession) -> Iterator[None]:
    try:
        yield
    finally:
        session.cancel()


@contextmanager
def _same_environment() -> Iterator[None]:
    """Undo what a nanny leaves in this process's environment variables (OMP_NUM_THREADS and others)."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
