"""What a run computes, block by block: the contract between the mathematics and whoever executes it.

A plan is self-contained and serialisable (arrays + JSON, no pickle): a worker rebuilds it from the run
directory's content-addressed inputs and calls `run(block)`. Same block, same bits, on any worker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from xva.errors import StoreError

if TYPE_CHECKING:  # what a worker imports before it computes stays light: trades need torch
    from xva.trades import Trade
    from xva.trades.kinds import Kinds

MOST_BLOCKS = 1_000_000
"""Blocks of the largest run, each of them files of its own."""
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class CubeSchema:
    """Labels of the exposure cube ``(path, time, netting_set)``.

    ``dates`` is ``(time,)`` datetime64[D]; ``year_fractions`` Actual/365 (Fixed) from the valuation date. ``netted`` says
    of each netting set whether its exposure is the positive part of its value; empty where that is not known. ``measure``
    names the measure of the paths, which quantiles depend on.
    """

    dates: NDArray[np.datetime64]
    year_fractions: NDArray[np.float64]
    netting_sets: tuple[str, ...]
    counterparties: tuple[str, ...]
    variables: tuple[str, ...]
    units: str
    deflated: bool = True
    netted: tuple[bool, ...] = ()
    measure: str = ""

    def __post_init__(self) -> None:
        if self.dates.shape != self.year_fractions.shape:
            raise StoreError("a cube needs one year fraction per date")
        if len(self.netting_sets) != len(self.counterparties):
            raise StoreError("a cube needs one counterparty per netting set")
        if self.netted and len(self.netted) != len(self.netting_sets):
            raise StoreError("a cube needs to know of each netting set whether it nets, or of none")


@dataclass(frozen=True)
class BlockResult:
    """What one block of paths yields.

    ``cube[variable]`` is ``(path in block, time, netting_set)`` float64; ``sums[name]`` are float64 arrays summed
    over the block's paths (partial sums and adjoints), to be added over blocks in block order.
    """

    cube: Arrays
    sums: Arrays


class Plan(ABC):
    """A computation cut into fixed blocks of paths."""

    kind: ClassVar[str]
    """How a stored plan names its class."""

    @property
    @abstractmethod
    def n_blocks(self) -> int: ...

    @property
    @abstractmethod
    def block_size(self) -> int: ...

    @property
    @abstractmethod
    def schema(self) -> CubeSchema: ...

    @property
    @abstractmethod
    def bytes_per_block(self) -> int:
        """The memory promise: peak bytes that `run` needs beyond the plan itself."""

    @abstractmethod
    def run(self, block: int) -> BlockResult: ...

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        """Classes of the trades that `payload` names by kind."""
        return frozenset()

    @property
    def pricer_classes(self) -> frozenset[type[Any]]:
        """Classes of what prices trades without closed form, which `payload` names by kind."""
        return frozenset()

    @abstractmethod
    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and a JSON-clean dict from which `from_payload` rebuilds the plan bit for bit."""

    @classmethod
    @abstractmethod
    def from_payload(cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds) -> Plan:
        """Rebuild a plan; ``kinds`` are the classes that stored kinds may mean."""


class SumsPlan(Plan):
    """A plan that yields sums only: no cube."""

    @property
    def schema(self) -> CubeSchema:
        """Without dates, netting sets and variables."""
        return CubeSchema(np.empty(0, dtype="M8[D]"), np.empty(0), (), (), (), "")
