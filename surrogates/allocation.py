"""The allocation plan of netting sets with surrogates: stored as the exposure plan stores them, without code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogates.exposure import SurrogatePlan
from xva.valuation.allocation_plan import AllocationData, AllocationPlan
from xva.valuation.packing import pack, unpack
from xva.valuation.plan import Arrays
from xva.valuation.residual import Residual

_LAYOUT = ("owner", "netted", "places")


class SurrogateAllocationPlan(AllocationPlan):
    """Blocks of portfolios with trades whose values are surrogates."""

    kind: ClassVar[str] = "allocation-surrogates"

    def __init__(self, data: AllocationData, residual: Residual) -> None:
        super().__init__(data, residual)
