"""Periods of legs whose notional resets to the FX rate, added up by leg and base currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from xva.dates import SAME_TIME
from xva.errors import TradeError
from xva.exposure.compiled import ClaimGroup, Promised
from xva.exposure.event_keys import EventKey, reset_key
from xva.exposure.fixing import Fixing
from xva.pricing.flow_book import BondTable, FlowBook, ForwardTable
from xva.trades import TradeContext
from xva.trades.claims import ResetPeriod

_PAY_TOLERANCE = 1e-9


@dataclass(frozen=True)
class CompiledResets:
    """Periods of resetting legs that have not begun, of one leg and base currency; arrays are ``(period,)``.

    Per unit of notional ``pay`` brings ``fixed`` (the spread's part; the whole coupon and the notional where the rate is
    known) plus, where ``grows``, what a unit lent at ``start`` grows to: the rows of ``growth.forwards``, one per period
    (of weight zero where it does not grow).
    """

    currency: str
    base_currency: str
    unit: NDArray[np.int64]
    amount: NDArray[np.float64]
    start: NDArray[np.float64]
    pay: NDArray[np.float64]
    until: NDArray[np.float64]
    fixed: NDArray[np.float64]
    grows: NDArray[np.bool_]
    growth: FlowBook


@final
@dataclass(frozen=True)
class Resets(ClaimGroup):
    """Periods of resetting legs that have not begun, by leg and base currency."""

    kinds: ClassVar[tuple[type[Any], ...]] = (ResetPeriod,)

    items: tuple[CompiledResets, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Resets:
        found: dict[tuple[str, str], list[Promised]] = {}
        for row in rows:
            found.setdefault((row.claim.currency, row.claim.base_currency), []).append(row)
        return cls(tuple(_resets(*key, mine, context) for key, mine in sorted(found.items())))

    @property
    def currencies(self) -> set[str]:
        return {c for r in self.items for c in (r.currency, r.base_currency)}

    @property
    def last_times(self) -> Sequence[tuple[str, float]]:
        return [(r.base_currency, float(r.start.max(initial=0.0))) for r in self.items]

    @property
    def expiries(self) -> set[float]:
        return {t for r in self.items for t in r.start.tolist()}

    @property
    def floating(self) -> Sequence[tuple[FlowBook, float]]:
        return [(r.growth, 0.0) for r in self.items]

    def events(self, day_zero: int) -> dict[EventKey, float]:
        return {
            reset_key(r.base_currency, r.currency, start, day_zero): start
            for r in self.items
            for start in r.start[r.start > SAME_TIME].tolist()
        }


def _resets(
    currency: str,
    base: str,
    rows: Sequence[Promised],
    context: TradeContext,
) -> CompiledResets:
    late = [(r.label, r.claim) for r in rows if abs(r.claim.pay - r.claim.end) > _PAY_TOLERANCE]
    if late:
        trade, p = late[0]
        raise TradeError(
            f"trade {trade}: expected a resetting leg that pays on its period's last day, got payment "
            f"{365 * (p.pay - p.end):.0f} days later; use an index without payment lag",
            [trade],
        )
    periods: list[ResetPeriod] = [r.claim for r in rows]
    until = np.array([min(r.claim.pay, r.stop) for r in rows])
    indices = tuple(sorted({p.index for p in periods if p.index}))
    grows = np.array([bool(p.index) for p in periods])
    table = ForwardTable(
        np.array([indices.index(p.index) if p.index else 0 for p in periods], dtype=np.int64),
        np.array([bool(p.index) and context.index(p.index).overnight for p in periods]),
        np.array([r.own for r in rows]) & grows,
        np.array(
            [p.open_from if not p.index or context.index(p.index).overnight else p.fixing for p in periods]
        ),
        np.array([p.open_from for p in periods]),
        np.array([p.end for p in periods]),
        np.array([p.pay for p in periods]),
        until,
        np.where(grows, [p.accrued for p in periods], 0.0),
    )
    empty = np.zeros(0)
    return CompiledResets(
        currency,
        base,
        np.array([r.unit for r in rows], dtype=np.int64),
        np.array([p.base_amount for p in periods]),
        np.array([p.start for p in periods]),
        table.pay,
        until,
        np.array([p.spread * p.accrual + (0.0 if p.index else 1.0) for p in periods]),
        grows,
        FlowBook(currency, indices, BondTable(empty, empty, empty), table),
    )
