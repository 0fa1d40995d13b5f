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

from xva.trades.claims import Claim, CompoundedFlow, FixedFlow, IborFlow, ResetPeriod

Plain = Literal["auto", "path", "projected"]
SHARE = 0.1
"""``auto`` simulates coupons longer than this part of their trade's life."""

_RUNNING = (IborFlow, CompoundedFlow, ResetPeriod)


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
        return [own and isinstance(c, _RUNNING) and c.currency not in fixing.currencies for own, c in every]
    if fixing == "auto":
        longest = SHARE * life(claims)
        return [isinstance(c, _RUNNING) and abs(c.end - c.start) > longest for c in claims]
    return [fixing == "path" and isinstance(c, _RUNNING) for c in claims]


def life(claims: Iterable[Claim]) -> float:
    """Years from the start of the first coupon not yet fixed (at the earliest today) to the last payment."""
    flows = [c for c in claims if isinstance(c, (*_RUNNING, FixedFlow))]
    starts = [min(c.start, c.end) for c in flows if not isinstance(c, FixedFlow)]
    if not starts:
        return 0.0
    return max(c.pay for c in flows) - max(0.0, min(starts))
