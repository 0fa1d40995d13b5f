"""Values of a function at many nodes as a plan of blocks, for builds that are spread over workers."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from surrogates.chebyshev.nodes import Points
from xva.blocks.plan import Arrays, BlockResult, SumsPlan
from xva.errors import DomainError
from xva.trades.kinds import PLATFORM, Kinds


@dataclass(frozen=True)
class NodePlan(SumsPlan):
    """A function and the nodes where it is wanted; sums of a block are the values of its rows.

    A subclass is a frozen dataclass with a ``kind``, the function's parameters as JSON-clean fields, and
    `values`. Blocks are fixed by ``rows``, so the same plan has the same bits on any worker.

    Parameters
    ----------
    points : array
        ``(point, axis)`` float64.
    rows : int
        Nodes per block.
    """

    points: Points
    rows: int

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or not len(self.points) or self.rows < 1:
            raise DomainError(
                f"nodes: expected (point, axis) with at least one and rows >= 1, got {self.points.shape}, "
                f"{self.rows}"
            )

    @abstractmethod
    def values(self, points: Points) -> Points:
        """The function: ``(point, axis) -> (point,)``."""

    @property
    def n_blocks(self) -> int:
        return -(-len(self.points) // self.rows)

    @property
    def block_size(self) -> int:
        return self.rows

    @property
    def bytes_per_block(self) -> int:
        """A few copies of the block; override it for a function that needs more."""
        return 64 * self.rows * (int(self.points.shape[1]) + 1)

    def run(self, block: int) -> BlockResult:
        part = self.points[block * self.rows : (block + 1) * self.rows]
        values = np.asarray(self.values(part), dtype=np.float64)
        if values.shape != (len(part),):
            raise DomainError(f"{self.kind}: expected values of shape ({len(part)},), got {values.shape}")
        return BlockResult({}, {"values": values})

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        names = [field.name for field in dataclasses.fields(self) if field.name != "points"]
        return {"points": self.points}, {name: getattr(self, name) for name in names}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], kinds: Kinds = PLATFORM
    ) -> Self:
        return cls(points=arrays["points"], **meta)
