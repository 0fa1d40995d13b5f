"""Nested Monte Carlo on whatever executor there is: same blocks, same bits, and what it took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import final

from pipelines.execution.events import Event, Sink
from pipelines.execution.mapping import map_blocks
from pipelines.execution.session import Executor
from xva.options.nested_plan import NestedPlan
from xva.pricing.nested import NestedCost, NestedValues


def _ignore(event: Event) -> None:
    """Drop the event."""


@final
@dataclass(frozen=True)
class NestedRun:
    """Values per date of the plan, and the seconds from start to end."""

    values: tuple[NestedValues, ...]
    wall_seconds: float

    @property
    def cost(self) -> NestedCost:
        """Of all dates; seconds are summed over workers."""
        return reduce(add, (found.cost for found in self.values))

    def __str__(self) -> str:
        return f"nested Monte Carlo: {self.cost} of work, {self.wall_seconds:.1f} s in all"


def run_nested(
    plan: NestedPlan,
    executor: Executor | None = None,
    *,
    threads: int = 1,
    trusted_modules: tuple[str, ...] = (),
    emit: Sink = _ignore,
) -> NestedRun:
    """Nested values of every date of a plan.

    Parameters
    ----------
    executor : Executor, optional
        Serial by default; numbers are the same bits on all.
    threads : int
        torch threads per block.
    trusted_modules : tuple of str
        Modules outside our own packages that trades may come from.

    Raises
    ------
    QuarantineError, ClusterError, StoreError
    """
    started = time.perf_counter()
    sums = map_blocks(plan, executor, threads=threads, trusted_modules=trusted_modules, emit=emit)
    return NestedRun(plan.values(sums), time.perf_counter() - started)
