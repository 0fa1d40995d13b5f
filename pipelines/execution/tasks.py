"""What runs on a worker: pure functions of a block number, the same under every executor.

A task travels as a few kilobytes (an address, not a plan), and so does what it returns.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.library_state import settle_process, settled_thread
from pipelines.storage.identity import differing_keys, environment
from pipelines.storage.layout import RunLayout
from pipelines.storage.markers import Marker, commit_block
from pipelines.storage.plans import load_plan
from xva.blocks import BlockResult, Plan
from xva.errors import StoreError


@dataclass(frozen=True)
class Receipt:
    """What a worker says of a block that is done; ``value`` is a `Marker` or, in memory, the block's sums."""

    block: int
    value: Any
    worker: str
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Fault:
    """What a worker (or the driver on its behalf) says of an attempt that failed."""

    block: int
    error: str
    worker: str
    traceback: str = ""


@dataclass(frozen=True)
class PlanAddress:
    """Where a worker finds the plan; loaded once per process.

    ``environment`` is that of the run: a worker with other versions or another CPU class is refused, its
    numbers would differ in the last bits.
    """

    inputs: str
    sha256: str
    trusted_modules: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    def load(self) -> Plan:
        """Return the plan, from this process's memory or from disk; raises StoreError."""
        if differences := differing_keys(dict(self.environment), environment()):
            raise StoreError(
                f"this worker cannot give the run's bits: {'; '.join(differences)} (there: the run, here: "
                f"{worker_name()})"
            )
        return _load(self)


@lru_cache(maxsize=1)
def _load(address: PlanAddress) -> Plan:
    return load_plan(Path(address.inputs), address.sha256, address.trusted_modules)


class BlockTask(ABC):
    """A function of the block number that does not raise: it returns a `Receipt` or a `Fault`."""

    threads: int
    alike: bool = False
    """Whether blocks take about the same time."""

    def __call__(self, block: int) -> Receipt | Fault:
        started = time.perf_counter()
        try:
            settle_process(self.threads)
            with settled_thread():
                value = self.work(block)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            return Fault(block, text, worker_name(), traceback.format_exc())
        return Receipt(block, value, worker_name(), time.perf_counter() - started, peak_bytes())

    @abstractmethod
    def work(self, block: int) -> Any:
        """Compute the block and return what the driver gets."""


@dataclass(frozen=True)
class StoreTask(BlockTask):
    """Compute a block and commit it to the run directory; returns the marker."""

    root: str
    run_id: str
    variables: tuple[str, ...]
    plan: PlanAddress
    threads: int = 1
    alike: bool = True

    def work(self, block: int) -> Marker:
        """Run, write, read back, flush, mark."""
        result = _checked(self.plan.load(), block)
        return commit_block(RunLayout(Path(self.root)), self.run_id, self.variables, block, result)


@dataclass(frozen=True)
class SumsTask(BlockTask):
    """Compute a block and return its sums; nothing is stored."""

    plan: PlanAddress | Plan
    threads: int = 1

    def work(self, block: int) -> Mapping[str, Any]:
        """Run the block."""
        plan = self.plan.load() if isinstance(self.plan, PlanAddress) else self.plan
        return _checked(plan, block).sums


def _checked(plan: Plan, block: int) -> BlockResult:
    result = plan.run(block)
    if not isinstance(result, BlockResult):
        raise StoreError(
            f"block {block}: expected a BlockResult from {plan.kind}, got {type(result).__name__}"
        )
    return result


def worker_name() -> str:
    """Return ``host:pid`` of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def peak_bytes() -> int:
    """Largest resident memory of this process so far, in bytes."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
