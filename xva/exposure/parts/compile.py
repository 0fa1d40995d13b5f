"""A netting set's trades turned into claims and added up by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xva.errors import TradeError
from xva.exposure.claim_groups import Flows
from xva.exposure.compiled import Breaks, ClaimGroup, CompiledSet, Promised, PromisedFlows
from xva.exposure.fixing import Fixing, simulated, simulated_rows
from xva.exposure.parts.registry import GROUPS
from xva.trades import Trade, TradeContext
from xva.trades.book_claims import BookClaims, book_claims
from xva.trades.flow_table import FlowTable
from xva.trades.netting import NettingSet


def compile_sets(
    netting_sets: Sequence[NettingSet],
    trades: Sequence[Trade],
    context: TradeContext,
    breaks: Breaks = "truncate",
    fixing: Fixing = "auto",
    claims: BookClaims | None = None,
) -> tuple[CompiledSet, ...]:
    """Compile every netting set, in the order given.

    ``claims`` are those of ``trades``, where somebody has made them already.

    Raises
    ------
    TradeError
        A trade refers to an unknown netting set or cannot be turned into claims.
    """
    members: Mapping[str, list[int]] = {n.name: [] for n in netting_sets}
    for number, trade in enumerate(trades):
        if trade.netting_set not in members:
            raise TradeError(
                f"trade {trade.trade_id}: expected one of the {len(members)} netting sets, got "
                f"{trade.netting_set!r}; add it to the netting set table",
                [trade.trade_id],
            )
        members[trade.netting_set].append(number)
    known = claims or book_claims(trades, context)
    return tuple(_compiled(n, known.of(members[n.name]), context, breaks, fixing) for n in netting_sets)


def compile_set(
    netting_set: NettingSet,
    trades: Sequence[Trade],
    context: TradeContext,
    breaks: Breaks = "truncate",
    fixing: Fixing = "auto",
) -> CompiledSet:
    """Compile one netting set."""
    return _compiled(netting_set, book_claims(trades, context), context, breaks, fixing)


def _compiled(
    netting_set: NettingSet, book: BookClaims, context: TradeContext, breaks: Breaks, fixing: Fixing
) -> CompiledSet:
    trades, netted = book.trades, netting_set.netted
    units = (netting_set.name,) if netted else tuple(t.trade_id for t in trades)
    cut = [context.time(t.break_date) if t.break_date is not None else np.inf for t in trades]
    stops = np.array(cut if breaks == "truncate" else [np.inf] * len(trades), dtype=np.float64)
    rows: dict[type[ClaimGroup], list[Promised]] = {kind: [] for kind in GROUPS}
    linear: list[tuple[int, Any, bool]] = []
    for k, claims in book.others.items():
        for claim, mine in zip(claims, simulated(fixing, claims), strict=True):
            row = Promised(0 if netted else k, trades[k].trade_id, claim, float(stops[k]), mine)
            if (group := _group_of(row)) is Flows:
                linear.append((k, claim, mine))
            else:
                rows[group].append(row)
    flows, own = _with_rows(book.flows, simulated_rows(fixing, book.flows), linear)
    unit = np.zeros(len(flows), dtype=np.int64) if netted else flows.owner
    promised = PromisedFlows(flows, unit, stops[flows.owner], own)
    groups = tuple(
        Flows.by_columns(promised) if kind is Flows else kind.of(found, context, fixing)
        for kind, found in rows.items()
    )
    return CompiledSet(netting_set, units, groups)


def _with_rows(
    flows: FlowTable, own: NDArray[np.bool_], linear: Sequence[tuple[int, Any, bool]]
) -> tuple[FlowTable, NDArray[np.bool_]]:
    """The columns, and linear claims of trades that have others too, in the order of trades."""
    if not linear:
        return flows, own
    more = FlowTable.of((k, claim) for k, claim, _ in linear)
    order = np.argsort(np.concatenate([flows.owner, more.owner]), kind="stable")
    return FlowTable.joined([flows, more]), np.concatenate([own, [mine for _, _, mine in linear]])[order]


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
