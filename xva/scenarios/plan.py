"""The plan of many scenarios on one run's random numbers: what their shifts reach, block by block.

Every world is an exposure plan of its own, with the fresh run's arithmetic on the shifted market, cut to the netting sets
that the shift reaches. Noise depends on no market: it is drawn once per block and seen by all worlds of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.blocks import BlockResult, CubeSchema, Plan
from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.exposure.block import ExposurePlan
from xva.exposure.block.data import PLUG_IN
from xva.models import PathNoise
from xva.scenarios.packed import PackedWorlds
from xva.trades import Trade
from xva.trades.kinds import PLATFORM, Kinds

WORLDS_PER_BLOCK = 16
CUBE = ("value", "exposure")
BASE = -1
"""The world of a scenario that moves no path."""


@dataclass(frozen=True)
class Case:
    """One scenario as it is computed.

    Parameters
    ----------
    name, description : str
    world : int
        Of the plan's worlds; `BASE` where no path moves.
    reached : tuple of int
        Netting sets that are computed again; the others keep the base run's sums.
    reason : str
        Why the scenario cannot be computed; empty if it can.
    note : str
        Which of its shifts find no quote in this market; empty if all do.
    fx_forwards : str
        ``points`` or ``curve``, which stays where it moves the spot of quoted FX forwards; empty where it moves none.
    """

    name: str
    description: str
    world: int = BASE
    reached: tuple[int, ...] = ()
    reason: str = ""
    note: str = ""
    fx_forwards: str = ""


@dataclass(frozen=True, kw_only=True)
class StressBase:
    """What scenarios are compared with.

    Parameters
    ----------
    days : ndarray
        ``(time,)`` int64 from 1970-01-01; ``times`` their year fractions.
    netting_sets, counterparties : tuple of str
    currency : str
    scrambles, n_blocks, block_size, seed : int
        Of the base run.
    names : tuple of str
        Of the sums; ``sums`` ``(name, block, netting_set, time)`` are the base run's own.
    weights : Tensor
        ``(measure, netting_set, time)`` on the base market.
    """

    days: NDArray[np.int64]
    times: NDArray[np.float64]
    netting_sets: tuple[str, ...]
    counterparties: tuple[str, ...]
    currency: str
    scrambles: int
    n_blocks: int
    block_size: int
    seed: int
    names: tuple[str, ...]
    sums: NDArray[np.float64]
    weights: Tensor

    @property
    def mixed(self) -> bool:
        """Whether the base run has trades without closed form: it then tells plug-in values apart."""
        return PLUG_IN[0] in self.names


@dataclass(frozen=True)
class _KeptNoise(PathNoise):
    """Keeps the last block's normals, which many worlds ask for."""

    kept: dict[Any, Tensor] = field(default_factory=dict, compare=False)

    def grid(self, block: int) -> Tensor:
        if (block,) not in self.kept:
            self.kept.clear()
            with torch.inference_mode(False):
                self.kept[block,] = super().grid(block)
        return self.kept[block,]

    def event(self, block: int, day: int, factor: str) -> Tensor:
        key = (block, day, factor)
        if key not in self.kept:
            with torch.inference_mode(False):
                self.kept[key] = super().event(block, day, factor)
        return self.kept[key]


class StressPlan(Plan):
    """Scenarios cut into blocks: some worlds on one block of the base run's paths.

    Block ``k`` takes worlds of group ``k // base.n_blocks`` on the base run's block ``k % base.n_blocks``.

    Parameters
    ----------
    base : StressBase
    cases : tuple of Case
        The scenarios.
    weights : Tensor
        ``(scenario, measure, netting_set, time)`` on the shifted markets.
    worlds : PackedWorlds
    keep_cube : bool
        Whether every world has all netting sets and its values are given out; then all worlds are one group.
    kinds : Kinds
        Classes that the worlds' trades and pricers are made of; the platform's trades by default.
    """

    kind: ClassVar[str] = "stress"

    def __init__(
        self,
        base: StressBase,
        cases: Sequence[Case],
        weights: Tensor,
        worlds: PackedWorlds,
        keep_cube: bool = False,
        kinds: Kinds = PLATFORM,
    ) -> None:
        self.base, self.cases, self.weights = base, tuple(cases), weights
        self.worlds, self.keep_cube, self.kinds = worlds, keep_cube, kinds
        self._opened: tuple[int, list[tuple[int, ExposurePlan]]] = (-1, [])

    @property
    def per_block(self) -> int:
        """Worlds of a group."""
        return max(len(self.worlds), 1) if self.keep_cube else WORLDS_PER_BLOCK

    @property
    def n_blocks(self) -> int:
        return max(-(-len(self.worlds) // self.per_block), 1) * self.base.n_blocks

    @property
    def block_size(self) -> int:
        return self.base.block_size

    @property
    def schema(self) -> CubeSchema:
        b = self.base
        worlds = range(len(self.worlds)) if self.keep_cube else ()
        variables = tuple(f"{name}.{w}" for w in worlds for name in CUBE)
        return CubeSchema(
            b.days.astype("datetime64[D]"),
            b.times,
            b.netting_sets,
            b.counterparties,
            variables,
            b.currency,
            netted=self._world(0).data.netted if len(worlds) else (),
        )

    @property
    def bytes_per_block(self) -> int:
        if not len(self.worlds):
            return 0
        first = self._world(0)
        # a world whose netting sets are larger than the first's is no larger than all worlds of a group together
        group = [sum(self.worlds.bytes(w) for w in self._group(g)) for g in range(self._groups)]
        noise = 8 * self.block_size * len(self.base.times) * len(first.data.factors)
        cube = 2 * 8 * self.block_size * len(self.base.times) * len(self.base.netting_sets)
        largest = max(self._world(self._largest).bytes_per_block, first.bytes_per_block)
        return 2 * max(group) + largest + 2 * noise + (cube * len(self.worlds) if self.keep_cube else 0)

    def run(self, block: int) -> BlockResult:
        group, own = divmod(block, self.base.n_blocks)
        sums: Arrays = {"paths": np.array([float(self.block_size)])}
        cube: Arrays = {}
        for world, plan in self._open(group):
            with torch.inference_mode(not plan.residuals):  # the same bits, a fifth faster
                found = plan.run(own)
            sums.update({f"{world}/{name}": value for name, value in found.sums.items()})
            if self.keep_cube:
                cube.update({f"{name}.{world}": found.cube[name] for name in CUBE})
        return BlockResult(cube, sums)

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return frozenset(self.kinds.trades.values())

    @property
    def pricer_classes(self) -> frozenset[type[Any]]:
        return frozenset(self.kinds.pricers.values())

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, base = pack(self.base, "base")
        packed, worlds = self.worlds.store("world")
        arrays |= packed
        arrays["weights"] = self.weights.numpy()
        cases = [
            [c.name, c.description, c.world, list(c.reached), c.reason, c.note, c.fx_forwards]
            for c in self.cases
        ]
        return arrays, {"base": base, "worlds": worlds, "cases": cases, "keep_cube": self.keep_cube}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> StressPlan:
        return cls(
            unpack(StressBase, arrays, meta["base"], "base"),
            [Case(n, d, int(w), tuple(r), *told) for n, d, w, r, *told in meta["cases"]],
            torch.from_numpy(np.array(arrays["weights"])),
            PackedWorlds.load(arrays, meta["worlds"], "world"),
            bool(meta["keep_cube"]),
            kinds,
        )

    def scenario_sums(self, blocks: Sequence[Arrays]) -> Iterator[list[dict[str, NDArray[np.float64]]]]:
        """Every scenario's sums by the base run's blocks, as a fresh run would give them; empty for one that failed.

        Parameters
        ----------
        blocks : sequence of dict
            This plan's, in block order.
        """
        known = [dict(b) for b in blocks]
        for case in self.cases:
            if case.reason:
                yield []
                continue
            yield [self._merged(case, known, block) for block in range(self.base.n_blocks)]

    def base_sums(self) -> list[dict[str, NDArray[np.float64]]]:
        """The base run's sums by its blocks."""
        names = self.base.names
        return [
            {n: self.base.sums[k, b] for k, n in enumerate(names)} for b in range(self.base.sums.shape[1])
        ]

    def _merged(self, case: Case, blocks: Sequence[Arrays], block: int) -> dict[str, NDArray[np.float64]]:
        found = {n: self.base.sums[k, block].copy() for k, n in enumerate(self.base.names)}
        if case.world != BASE:
            mine = blocks[case.world // self.per_block * self.base.n_blocks + block]
            for name, value in found.items():
                value[list(case.reached)] = mine[f"{case.world}/{name}"]
        return found

    @property
    def _groups(self) -> int:
        return self.n_blocks // self.base.n_blocks

    @property
    def _largest(self) -> int:
        return max(range(len(self.worlds)), key=self.worlds.bytes)

    def _group(self, group: int) -> range:
        return range(group * self.per_block, min((group + 1) * self.per_block, len(self.worlds)))

    def _world(self, world: int) -> ExposurePlan:
        return ExposurePlan.from_payload(*self.worlds.payload(world), self.kinds)

    def _open(self, group: int) -> list[tuple[int, ExposurePlan]]:
        """The group's plans, all with the same noise; the last group is kept."""
        if self._opened[0] != group:
            plans = [(w, self._world(w)) for w in self._group(group)]
            if plans:
                n = plans[0][1].data.noise
                noise = _KeptNoise(n.seed, n.scrambles, n.block_size, n.rotation, n.n_factors)
                plans = [
                    (w, ExposurePlan(replace(p.data, noise=noise), p.residuals, p.mixed)) for w, p in plans
                ]
            self._opened = (group, plans)
        return self._opened[1]
