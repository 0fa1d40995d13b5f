"""Whose fixing a running coupon has: the path's own, or its mean given the state.

Between its fixing (of an overnight coupon, from the start of its period) and its payment a coupon depends on more of the
path than today's state. The mean given the state keeps values and their expectations, but not the spread: of a one-year
overnight swap with one coupon it loses 4 % of CVA, and 13 % of EPE on the last day. Of coupons that are a small part of a
trade's life it loses next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xva.numerics.types import Floats
from xva.trades.claims import Caplet, Claim, CompoundedFlow, FixedFlow, IborFlow, ResetPeriod
from xva.trades.flow_table import FIXED, FlowTable

Plain = Literal["auto", "path", "projected"]
SHARE = 0.1
"""``auto`` simulates coupons longer than this part of their trade's life."""

_RUNNING = (IborFlow, CompoundedFlow, ResetPeriod)
_FIXING = (*_RUNNING, Caplet)


@dataclass(frozen=True)
class ProjectedIn:
    """``rest``, but the mean given the state in some ``currencies``: those whose rates have two factors."""

    rest: Plain
    currencies: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rest}, projected in {', '.join(self.currencies)}"


Fixing = Plain | ProjectedIn


def simulated(fixing: Fixing, claims: Sequence[Claim]) -> list[bool]:
    """Of each claim of one trade (or of one swaption's underlying) whether its fixing is the path's own."""
    if isinstance(fixing, ProjectedIn):
        every = zip(simulated(fixing.rest, claims), claims, strict=True)
        return [own and isinstance(c, _FIXING) and c.currency not in fixing.currencies for own, c in every]
    if fixing == "auto":
        longest = SHARE * life(claims)
        return [isinstance(c, _RUNNING) and abs(c.end - c.start) > longest for c in claims]
    return [fixing == "path" and isinstance(c, _FIXING) for c in claims]


def simulated_rows(fixing: Fixing, flows: FlowTable) -> NDArray[np.bool_]:
    """As `simulated`, of linear flows by columns."""
    if isinstance(fixing, ProjectedIn):
        projected = [k for k, name in enumerate(flows.names) if name in fixing.currencies]
        return simulated_rows(fixing.rest, flows) & ~np.isin(flows.currency, projected)
    running: NDArray[np.bool_] = flows.kind != FIXED
    if fixing == "auto":
        longer: NDArray[np.bool_] = np.abs(flows.end - flows.start) > SHARE * _lives(flows)
        return running & longer
    return running if fixing == "path" else np.zeros(len(flows), dtype=bool)


def _lives(flows: FlowTable) -> Floats:
    """``(flow,)`` `life` of each flow's trade; of no meaning where it has no coupon that is not yet fixed."""
    if not len(flows):
        return np.zeros(0)
    _, first, place = np.unique(flows.owner, return_index=True, return_inverse=True)
    starts = np.where(flows.kind != FIXED, np.minimum(flows.start, flows.end), np.inf)
    begun = np.minimum.reduceat(starts, first)
    lives = np.maximum.reduceat(flows.pay, first) - np.maximum(0.0, begun)
    return np.asarray(lives[place], dtype=np.float64)


def life(claims: Iterable[Claim]) -> float:
    """Years from the start of the first coupon not yet fixed (at the earliest today) to the last payment."""
    flows = [c for c in claims if isinstance(c, (*_RUNNING, FixedFlow))]
    starts = [min(c.start, c.end) for c in flows if not isinstance(c, FixedFlow)]
    if not starts:
        return 0.0
    return max(c.pay for c in flows) - max(0.0, min(starts))
