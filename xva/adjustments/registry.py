"""All adjustments, in the order of results; every list of measures in the platform is made from this one."""

from __future__ import annotations

from types import MappingProxyType

from xva.adjustments.cva import CVA
from xva.adjustments.dva import DVA
from xva.adjustments.fva import FBA, FCA

ADJUSTMENTS = (CVA, DVA, FCA, FBA)
MEASURES = tuple(a.name for a in ADJUSTMENTS)
SIDES = tuple(("epe", "ene").index(a.profile) for a in ADJUSTMENTS)
"""Which profile a measure weighs: 0 EPE, 1 ENE."""
TOTALS = MappingProxyType(
    {total: {a.name: a.total[total] for a in ADJUSTMENTS if total in a.total} for total in ("FVA", "XVA")}
)
"""Sums of measures with their signs: FVA, what funding costs; XVA, the total shown."""
COSTS = (*(a.name for a in ADJUSTMENTS if a.cost), *TOTALS)
"""Measures that cost us; the others are benefits."""


def formula(total: str) -> str:
    """A total in words, such as ``CVA - DVA + FCA``."""
    words = "".join(f" {'-' if sign < 0 else '+'} {name}" for name, sign in TOTALS[total].items())
    return words.removeprefix(" + ").strip()
