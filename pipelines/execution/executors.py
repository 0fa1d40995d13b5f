"""The three kinds of workers: this process, processes of this machine, any Dask cluster."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from pipelines.jobs.spec import ADDRESS, Execution
from xva.errors import DomainError

if TYPE_CHECKING:
    from pipelines.execution.dask_executors import AddressExecutor, LocalExecutor

__all__ = ["SerialExecutor", "executor_for", "executor_from"]


def executor_for(
    job: Execution,
    wanted: str | Executor | None = None,
    workers: int | None = None,
    insecure: bool = False,
    block_timeout: float | None = None,
) -> Executor:
    """Return who computes whatever is asked of a job: its own ``execution`` unless an argument says otherwise.

    The one rule of run, train, resume, stress, what-if and explain.

    Parameters
    ----------
    job : Execution
        What the job says.
    wanted : str or Executor, optional
        In place of the job's executor.
    workers : int, optional
        In place of the job's; beside a job that runs in one process it asks for a local cluster.
    insecure : bool
        Accepts a plain ``tcp://`` scheduler where the job does not.
    block_timeout : float, optional
        Seconds that a block may take, in place of the job's.
    """
    if isinstance(wanted, Executor):
        return wanted
    if wanted is None:
        wanted = "local" if workers is not None and job.executor == "serial" else job.executor
    return executor_from(
        wanted,
        job.workers if workers is None else workers,
        insecure or job.insecure,
        job.block_timeout if block_timeout is None else block_timeout,
    )


def executor_from(
    name: str, workers: int | None = None, insecure: bool = False, block_timeout: float | None = None
) -> Executor:
    """Return the executor that a job or a command line names.

    Parameters
    ----------
    name : str
        ``serial``, ``local``, or the address of a Dask scheduler (``tls://host:8786``).
    workers : int, optional
        Processes of a local cluster; by default one per core.
    insecure : bool
        Accept a plain ``tcp://`` scheduler beyond this machine.
    block_timeout : float, optional
        Seconds that a block may take on workers; nothing can end one that runs in this process.

    Raises
    ------
    DomainError
        Another name.
    ClusterError
        Fewer than one worker.
    """
    if name == "serial":
        return SerialExecutor()
    if name == "local":
        return _local(workers if workers is not None else os.cpu_count() or 1, block_timeout)
    if re.fullmatch(ADDRESS, name):
        return _address(name, insecure, block_timeout)
    raise DomainError(
        f"executor: expected serial, local or a scheduler's address such as tls://host:8786 or tcp://127.0.0.1:8786, "
        f"got {name!r}"
    )


def _local(workers: int, block_timeout: float | None) -> LocalExecutor:
    from pipelines.execution.cluster import Patience
    from pipelines.execution.dask_executors import LocalExecutor

    return LocalExecutor(workers, patience=Patience(block=block_timeout))


def _address(address: str, insecure: bool, block_timeout: float | None) -> AddressExecutor:
    from pipelines.execution.cluster import Patience
    from pipelines.execution.dask_executors import AddressExecutor

    return AddressExecutor(address, insecure, patience=Patience(block=block_timeout))
