"""The memory promise: what a block needs is compared with what workers have, before the run starts."""

from __future__ import annotations

from pipelines.execution.errors import MemoryPromiseError
from pipelines.execution.session import Session, WorkerMemory

# Dask pauses a worker at 80 % of its limit: it would take no more blocks and the run would stand still
_USABLE = 0.8


def check_memory(session: Session, bytes_per_block: int, plan_bytes: int) -> None:
    """Compare a plan's promise with every worker.

    Raises
    ------
    MemoryPromiseError
        Naming each worker that is too small, what it has and what it would need.
    """
    short = [
        w for w in session.memory() if w.limit and _need(w, bytes_per_block, plan_bytes) > _USABLE * w.limit
    ]
    if short:
        lines = [
            f"  {w.name}: {_mb(w.limit)} of which {_USABLE:.0%} are usable, needs "
            f"{_mb(_need(w, bytes_per_block, plan_bytes))} ({_mb(w.used)} in use, plan {_mb(plan_bytes)}, "
            f"{w.threads} x {_mb(bytes_per_block)} per block)"
            for w in short
        ]
        raise MemoryPromiseError(
            "\n".join(
                ["workers too small for a block:", *lines, "Take smaller blocks, or fewer, larger workers."]
            ),
            [w.name for w in short],
        )


def _need(worker: WorkerMemory, bytes_per_block: int, plan_bytes: int) -> int:
    return worker.used + plan_bytes + worker.threads * bytes_per_block


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
