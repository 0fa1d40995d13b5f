"""A small deterministic plan, importable by workers: no market, just numbers that depend on path and date."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from xva.blocks.plan import Arrays, BlockResult, CubeSchema, Plan
from xva.trades.kinds import PLATFORM, Kinds

_MISDEEDS = ("poisoned", "deadly", "stuck", "frozen")
SETS = ("CP_A", "CP_B:1", "Größe")


@dataclass(frozen=True)
class DummyPlan(Plan):
    """Cube ``level * tanh(noise)`` and its sums; the options are there to make blocks misbehave."""

    blocks: int = 8
    size: int = 16
    n_dates: int = 13
    seed: int = 42
    poisoned: tuple[int, ...] = ()  # blocks that raise
    deadly: tuple[int, ...] = ()  # blocks that kill their process
    stuck: tuple[int, ...] = ()  # blocks that never return, their process being well
    frozen: tuple[int, ...] = ()  # blocks that stop their process
    delay: float = 0.0  # seconds per block
    once: str = ""  # folder: a deadly or poisoned block misbehaves only the first time
    cure: str = ""  # file: and not at all while it exists
    promise: int = 1_000_000
    level: NDArray[np.float64] = field(
        default_factory=lambda: np.linspace(0.5, 2.0, 6).reshape(2, 3)[:, ::-1]
    )

    kind: ClassVar[str] = "dummy"

    @property
    def n_blocks(self) -> int:
        return self.blocks

    @property
    def block_size(self) -> int:
        return self.size

    @property
    def schema(self) -> CubeSchema:
        dates = np.datetime64("2026-01-15") + 30 * np.arange(1, self.n_dates + 1)
        years = 30.0 * np.arange(1, self.n_dates + 1) / 365.0
        return CubeSchema(dates, years, SETS, ("A", "B", "Größe AG"), ("value", "exposure"), "EUR")

    @property
    def bytes_per_block(self) -> int:
        return self.promise

    def run(self, block: int) -> BlockResult:
        time.sleep(self.delay)
        self._misbehave(block)
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[0, 0, 0, block]))
        noise = torch.from_numpy(generator.standard_normal((self.size, self.n_dates, len(SETS))))
        value = (torch.tanh(noise) * torch.from_numpy(self.level.sum(axis=0))).numpy()
        exposure = np.maximum(value, 0.0)
        sums = {
            "exposure": exposure.sum(axis=0),
            "value": value.sum(axis=0),
            "paths": np.array(float(self.size)),
        }
        return BlockResult({"value": value, "exposure": exposure}, sums)

    def _misbehave(self, block: int) -> None:
        bad = self.poisoned + self.deadly + self.stuck + self.frozen
        if block not in bad or (self.cure and Path(self.cure).exists()):
            return
        if self.once:
            try:
                (Path(self.once) / f"block-{block}").touch(exist_ok=False)
            except FileExistsError:
                return
        if block in self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if block in self.frozen:
            os.kill(os.getpid(), signal.SIGSTOP)
        while block in self.stuck:
            time.sleep(0.05)
        raise ZeroDivisionError(f"block {block} is poisoned")

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        names = ("blocks", "size", "n_dates", "seed", "delay", "once", "cure", "promise")
        meta = {name: getattr(self, name) for name in names}
        return {"level": self.level}, {**meta, **{name: list(getattr(self, name)) for name in _MISDEEDS}}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> DummyPlan:
        options = {**meta, **{name: tuple(meta[name]) for name in _MISDEEDS}}
        return cls(**options, level=arrays["level"])


def finish(sums: Sequence[Arrays]) -> xr.Dataset:
    """Mean exposure by date and netting set, added in block order."""
    total = np.zeros_like(sums[0]["exposure"])
    paths = 0.0
    for block in sums:
        total = total + block["exposure"]
        paths += float(block["paths"])
    return xr.Dataset(
        {"epe": (("time", "netting_set"), total / paths)},
        coords={
            "netting_set": list(SETS),
            "time": DummyPlan(n_dates=len(total)).schema.dates.astype("M8[s]"),
        },
        attrs={"paths": paths},
    )
