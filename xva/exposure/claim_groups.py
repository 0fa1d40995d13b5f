"""Claims added up by kind: flows, caplets, swaptions, exchange options, equity units (resets: `reset_groups`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from xva.exposure.compiled import ClaimGroup, Promised, PromisedFlows
from xva.exposure.event_keys import EventKey, state_key
from xva.exposure.fixing import Fixing, simulated
from xva.pricing.caplet import CapletBook, caplet_book
from xva.pricing.cash_swaption import CashBook, cash_book
from xva.pricing.flow_book import FlowBook, flow_book, table_book
from xva.trades import TradeContext
from xva.trades.claims import (
    Asset,
    Caplet,
    CompoundedFlow,
    EquityFlow,
    ExchangeOption,
    FixedFlow,
    IborFlow,
    SwaptionClaim,
)
from xva.trades.flow_table import FlowTable

UnitCurrency = tuple[int, str]


@dataclass(frozen=True)
class CompiledSwaption:
    """A swaption, its underlying added up, and the unit it belongs to."""

    label: str
    unit: int
    currency: str
    expiry: float
    stop: float
    position: int
    physical: bool
    underlying: FlowBook
    cash: CashBook | None = None


@dataclass(frozen=True)
class CompiledExchange:
    """An FX or equity option of a unit; ``until`` is the earlier of expiry and break."""

    unit: int
    option: ExchangeOption
    until: float


@dataclass(frozen=True)
class CompiledEquity:
    """Equity units received at ``pay``, counted while ``t < until``."""

    unit: int
    equity: str
    pay: float
    until: float
    quantity: float


@final
@dataclass(frozen=True)
class Flows(ClaimGroup):
    """Linear flows by unit and currency."""

    kinds: ClassVar[tuple[type[Any], ...]] = (FixedFlow, IborFlow, CompoundedFlow)

    books: dict[UnitCurrency, FlowBook] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Flows:
        flows = FlowTable.of((k, row.claim) for k, row in enumerate(rows))
        unit = np.array([row.unit for row in rows], dtype=np.int64)
        stop = np.array([row.stop for row in rows], dtype=np.float64)
        return cls.by_columns(
            PromisedFlows(flows, unit, stop, np.array([row.own for row in rows], dtype=bool))
        )

    @classmethod
    def by_columns(cls, promised: PromisedFlows) -> Flows:
        """As `of`."""
        flows, unit, stop, own = promised
        key = unit * len(flows.names) + flows.currency
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        books: dict[UnitCurrency, FlowBook] = {}
        for rows in sorted(np.split(order, first[1:]) if len(order) else (), key=lambda mine: int(mine[0])):
            currency = flows.names[flows.currency[rows[0]]]
            books[int(unit[rows[0]]), currency] = table_book(
                currency, flows.where(rows), stop[rows], own[rows]
            )
        return cls(books)

    @property
    def currencies(self) -> set[str]:
        return {currency for _, currency in self.books}

    @property
    def last_times(self) -> Sequence[tuple[str, float]]:
        return [(currency, book.last_bond) for (_, currency), book in self.books.items()]

    @property
    def floating(self) -> Sequence[tuple[FlowBook, float]]:
        return [(book, 0.0) for book in self.books.values()]


@final
@dataclass(frozen=True)
class Caplets(ClaimGroup):
    """Caplets and floorlets by unit and currency."""

    kinds: ClassVar[tuple[type[Any], ...]] = (Caplet,)

    books: dict[UnitCurrency, CapletBook] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Caplets:
        found = _by_currency(rows)
        return cls(
            {
                key: caplet_book(key[1], [(r.claim, r.stop) for r in mine], [r.own for r in mine])
                for key, mine in found.items()
            }
        )

    @property
    def currencies(self) -> set[str]:
        return {currency for _, currency in self.books}

    @property
    def last_times(self) -> Sequence[tuple[str, float]]:
        return [(currency, caplets.book.last_bond) for (_, currency), caplets in self.books.items()]

    @property
    def floating(self) -> Sequence[tuple[FlowBook, float]]:
        return [(caplets.book, 0.0) for caplets in self.books.values()]


@final
@dataclass(frozen=True)
class Swaptions(ClaimGroup):
    """European swaptions one by one."""

    kinds: ClassVar[tuple[type[Any], ...]] = (SwaptionClaim,)

    items: tuple[CompiledSwaption, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Swaptions:
        return cls(tuple(_swaption(row, fixing) for row in rows))

    @property
    def currencies(self) -> set[str]:
        return {s.currency for s in self.items}

    @property
    def last_times(self) -> Sequence[tuple[str, float]]:
        return [(s.currency, s.underlying.last_bond) for s in self.items]

    @property
    def floating(self) -> Sequence[tuple[FlowBook, float]]:
        return [(s.underlying, s.expiry) for s in self.items if s.physical]

    def events(self, day_zero: int) -> dict[EventKey, float]:
        exercised = [s for s in self.items if s.physical and s.stop > s.expiry]
        return {state_key(s.currency, s.expiry, day_zero): s.expiry for s in exercised}


@final
@dataclass(frozen=True)
class Exchanges(ClaimGroup):
    """FX and equity options one by one."""

    kinds: ClassVar[tuple[type[Any], ...]] = (ExchangeOption,)

    items: tuple[CompiledExchange, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> Exchanges:
        return cls(tuple(CompiledExchange(r.unit, r.claim, min(r.claim.expiry, r.stop)) for r in rows))

    @property
    def currencies(self) -> set[str]:
        return {a.name for a in self._assets if a.kind == "FX"}

    @property
    def equities(self) -> set[str]:
        return {a.name for a in self._assets if a.kind == "EQ"}

    @property
    def expiries(self) -> set[float]:
        return {e.option.expiry for e in self.items}

    @property
    def _assets(self) -> list[Asset]:
        return [a for e in self.items for a in (e.option.receive, e.option.deliver)]


@final
@dataclass(frozen=True)
class EquityUnits(ClaimGroup):
    """Equity units one by one."""

    kinds: ClassVar[tuple[type[Any], ...]] = (EquityFlow,)

    items: tuple[CompiledEquity, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Promised], context: TradeContext, fixing: Fixing) -> EquityUnits:
        return cls(
            tuple(
                CompiledEquity(
                    r.unit, r.claim.equity, r.claim.pay, min(r.claim.pay, r.stop), r.claim.quantity
                )
                for r in rows
            )
        )

    @property
    def currencies(self) -> set[str]:
        return set()

    @property
    def equities(self) -> set[str]:
        return {e.equity for e in self.items}


def _by_currency(rows: Sequence[Promised]) -> dict[UnitCurrency, list[Promised]]:
    found: dict[UnitCurrency, list[Promised]] = {}
    for row in rows:
        found.setdefault((row.unit, row.claim.currency), []).append(row)
    return found


def _swaption(row: Promised, fixing: Fixing) -> CompiledSwaption:
    claim: SwaptionClaim = row.claim
    return CompiledSwaption(
        row.label,
        row.unit,
        claim.currency,
        claim.expiry,
        row.stop,
        claim.position,
        claim.settlement == "physical",
        flow_book(claim.currency, [(flow, row.stop) for flow in claim.flows], simulated(fixing, claim.flows)),
        cash_book(claim.currency, claim.par_yield) if claim.par_yield else None,
    )
