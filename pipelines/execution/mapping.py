"""Blocks in memory, nothing stored: for notebooks, benchmarks and stages that keep only sums."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.execution.blocks import BlockDriver
from pipelines.execution.events import Event, Sink
from pipelines.execution.memory import check_memory
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.session import Executor
from pipelines.execution.tasks import PlanAddress, Receipt, SumsTask
from pipelines.storage.identity import environment
from pipelines.storage.plans import save_plan
from xva.blocks import Plan
from xva.blocks.plan import Arrays


def _ignore(event: Event) -> None:
    """Drop the event."""


def map_blocks(
    plan: Plan,
    executor: Executor | None = None,
    blocks: Sequence[int] | None = None,
    *,
    threads: int = 1,
    trusted_modules: tuple[str, ...] = (),
    scratch: Path | None = None,
    emit: Sink = _ignore,
) -> list[Arrays]:
    """Return the sums of blocks (all by default), in the order asked for.

    Parameters
    ----------
    executor : Executor, optional
        Serial by default; the plan is then run as it is, not rebuilt.
    threads : int
        torch threads per block.
    scratch : path, optional
        Folder that workers see too, for the plan's arrays while this runs; the machine's own by default, and where it
        cannot be written.

    Raises
    ------
    QuarantineError, ClusterError, StoreError
    """
    wanted = tuple(range(plan.n_blocks)) if blocks is None else tuple(blocks)
    sums: dict[int, Arrays] = {}

    def accept(receipt: Receipt) -> None:
        sums[receipt.block] = receipt.value

    executor = executor or SerialExecutor()
    with (
        _address(plan, executor, trusted_modules, scratch) as address,
        executor.open(SumsTask(address, threads), emit) as session,
    ):
        check_memory(session, plan.bytes_per_block, plan_bytes=0)
        BlockDriver(session, emit, accept, max_attempts=_attempts(executor)).run(sorted(set(wanted)))
    return [sums[block] for block in wanted]


def _attempts(executor: Executor) -> int:
    return 1 if isinstance(executor, SerialExecutor) else 3


@contextmanager
def _address(
    plan: Plan, executor: Executor, trusted_modules: tuple[str, ...], scratch: Path | None
) -> Iterator[PlanAddress | Plan]:
    if isinstance(executor, SerialExecutor):
        yield plan
        return
    shared = scratch if scratch is not None and os.access(scratch, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="xva-plan-", dir=shared) as folder:
        sha256 = save_plan(Path(folder), plan, trusted_modules)
        yield PlanAddress(folder, sha256, trusted_modules, tuple(sorted(environment().items())))
