"""The allocation plan of netting sets with surrogates: stored as the exposure plan stores them, without code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from numpy.typing import NDArray

from surrogates.book.exposure import SurrogatePlan
from xva.allocation.allocation_plan import AllocationData, AllocationPlan
from xva.blocks.plan import Arrays
from xva.exposure.parts.conditional import Residual
from xva.trades import registry
from xva.trades.kinds import TradeTypes
from xva.trades.trade import Trade


class SurrogateAllocationPlan(AllocationPlan):
    """Blocks of portfolios with trades whose values are surrogates."""

    kind: ClassVar[str] = "allocation-surrogates"

    def __init__(self, data: AllocationData, residual: Residual) -> None:
        super().__init__(data, residual)
        self._stored = SurrogatePlan(data.exposure, {0: residual})

    @property
    def trade_classes(self) -> frozenset[type[Trade]]:
        return self._stored.trade_classes

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        arrays, meta = self._stored.payload()
        data = self.data
        return arrays, {**meta, "owner": data.owner, "netted": data.netted, "places": data.places}

    @classmethod
    def from_payload(
        cls, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], trades: TradeTypes = registry
    ) -> SurrogateAllocationPlan:
        stored = SurrogatePlan.from_payload(arrays, meta, trades)
        places = tuple(tuple((s, unit) for s, unit in trade) for trade in meta["places"])
        data = AllocationData(stored.data, tuple(meta["owner"]), tuple(meta["netted"]), places)
        return cls(data, stored.residuals[0])
