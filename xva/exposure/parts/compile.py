"""A netting set's trades turned into claims and added up by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xva.errors import TradeError
from xva.exposure.compiled import Breaks, ClaimGroup, CompiledSet, Promised
from xva.exposure.fixing import Fixing, simulated
from xva.exposure.parts.registry import GROUPS
from xva.trades import Trade, TradeContext
from xva.trades.claims import Claim
from xva.trades.netting import NettingSet


def compile_sets(
    netting_sets: Sequence[NettingSet],
    trades: Sequence[Trade],
    context: TradeContext,
    breaks: Breaks = "truncate",
    fixing: Fixing = "auto",
) -> tuple[CompiledSet, ...]:
    """Compile every netting set, in the order given.

    Raises
    ------
    TradeError
        A trade refers to an unknown netting set or cannot be turned into claims.
    """
    groups: Mapping[str, list[Trade]] = {n.name: [] for n in netting_sets}
    for trade in trades:
        if trade.netting_set not in groups:
            raise TradeError(
                f"trade {trade.trade_id}: expected one of the {len(groups)} netting sets, got "
                f"{trade.netting_set!r}; add it to the netting set table",
                [trade.trade_id],
            )
        groups[trade.netting_set].append(trade)
    return tuple(compile_set(n, groups[n.name], context, breaks, fixing) for n in netting_sets)


def compile_set(
    netting_set: NettingSet,
    trades: Sequence[Trade],
    context: TradeContext,
    breaks: Breaks = "truncate",
    fixing: Fixing = "auto",
) -> CompiledSet:
    """Compile one netting set."""
    units = (netting_set.name,) if netting_set.netted else tuple(t.trade_id for t in trades)
    rows: dict[type[ClaimGroup], list[Promised]] = {kind: [] for kind in GROUPS}
    for k, trade in enumerate(trades):
        stop = np.inf
        if breaks == "truncate" and trade.break_date is not None:
            stop = context.time(trade.break_date)
        claims: list[Claim] = list(trade.claims(context))
        for claim, own in zip(claims, simulated(fixing, claims), strict=True):
            row = Promised(0 if netting_set.netted else k, trade.trade_id, claim, stop, own)
            rows[_group_of(row)].append(row)
    groups = tuple(kind.of(mine, context, fixing) for kind, mine in rows.items())
    return CompiledSet(netting_set, units, groups)


def _group_of(row: Promised) -> type[ClaimGroup]:
    found = _GROUP_OF.get(type(row.claim))
    if found is None:
        raise TradeError(
            f"trade {row.label}: expected claims that a part of value is registered for "
            f"({', '.join(kind.__name__ for kind in _GROUP_OF)}), got a {type(row.claim).__name__}; add its group to "
            "xva/exposure/parts/registry.py",
            [row.label],
        )
    return found


_GROUP_OF: dict[type[Any], type[ClaimGroup]] = {kind: group for group in GROUPS for kind in group.kinds}
