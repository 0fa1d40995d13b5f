"""A netting set's trades turned into claims and added up; no market data yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xva.errors import TradeError
from xva.exposure.fixing import Fixing, simulated
from xva.pricing.caplet import CapletBook, caplet_book
from xva.pricing.cash_swaption import CashBook, cash_book
from xva.pricing.flow_book import BondTable, FlowBook, ForwardTable, LinearFlow, flow_book
from xva.trades.claims import (
    Caplet,
    Claim,
    CompoundedFlow,
    EquityFlow,
    ExchangeOption,
    FixedFlow,
    IborFlow,
    ResetPeriod,
    SwaptionClaim,
)
from xva.trades.context import TradeContext
from xva.trades.netting import NettingSet
from xva.trades.trade import Trade

Breaks = Literal["truncate", "ignore"]
_PAY_TOLERANCE = 1e-9


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


@dataclass(frozen=True)
class CompiledEquity:
    """Equity units received at ``pay``, counted while ``t < until``."""

    unit: int
    equity: str
    pay: float
    until: float
    quantity: float


@dataclass(frozen=True)
class CompiledSet:
    """One netting set: its exposure units and what each promises.

    A unit is what nets: the whole set, or each trade where there is no netting agreement. Books are keyed
    ``(unit, currency)``.
    """

    netting_set: NettingSet
    units: tuple[str, ...]
    books: dict[tuple[int, str], FlowBook]
    caplets: dict[tuple[int, str], CapletBook]
    swaptions: tuple[CompiledSwaption, ...]
    exchanges: tuple[CompiledExchange, ...]
    equities: tuple[CompiledEquity, ...]
    resets: tuple[CompiledResets, ...]

    @property
    def currencies(self) -> set[str]:
        """Currencies its value depends on."""
        found = (
            {c for _, c in self.books} | {c for _, c in self.caplets} | {s.currency for s in self.swaptions}
        )
        for exchange in self.exchanges:
            found |= {a.name for a in (exchange.option.receive, exchange.option.deliver) if a.kind == "FX"}
        for reset in self.resets:
            found |= {reset.currency, reset.base_currency}
        return found

    @property
    def last_times(self) -> dict[str, float]:
        """Latest maturity, by currency, of the bonds that interpolated values are made of."""
        books = [(c, b) for (_, c), b in self.books.items()]
        books += [(c, b.book) for (_, c), b in self.caplets.items()]
        books += [(s.currency, s.underlying) for s in self.swaptions]
        ends = [(c, b.last_bond) for c, b in books]
        ends += [(r.base_currency, float(r.start.max(initial=0.0))) for r in self.resets]
        return {c: max(t for name, t in ends if name == c) for c in dict(ends)}

    @property
    def equity_names(self) -> set[str]:
        """Equities its value depends on."""
        found = {e.equity for e in self.equities}
        for exchange in self.exchanges:
            found |= {a.name for a in (exchange.option.receive, exchange.option.deliver) if a.kind == "EQ"}
        return found

    @property
    def expiries(self) -> set[float]:
        """Times at which the joint law of the factors is needed: option expiries, starts of resetting periods."""
        return {e.option.expiry for e in self.exchanges} | {t for r in self.resets for t in r.start.tolist()}

    @property
    def floating(self) -> list[tuple[FlowBook, float]]:
        """Books whose coupons may be simulated, and the time from which they live."""
        found = [(book, 0.0) for book in self.books.values()]
        found += [(r.growth, 0.0) for r in self.resets]
        return found + [(s.underlying, s.expiry) for s in self.swaptions if s.physical]


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
    sorter = _Sorter(fixing)
    for k, trade in enumerate(trades):
        stop = np.inf
        if breaks == "truncate" and trade.break_date is not None:
            stop = context.time(trade.break_date)
        sorter.add(0 if netting_set.netted else k, trade, context, stop)
    return CompiledSet(
        netting_set,
        units,
        {key: _book(key[1], rows) for key, rows in sorter.flows.items()},
        {key: caplet_book(key[1], rows) for key, rows in sorter.caplets.items()},
        tuple(sorter.swaptions),
        tuple(sorter.exchanges),
        tuple(sorter.equities),
        tuple(_resets(*key, rows, context) for key, rows in sorted(sorter.resets.items())),
    )


class _Sorter:
    """Collects the claims of one netting set by kind."""

    def __init__(self, fixing: Fixing) -> None:
        self.fixing = fixing
        self.flows: dict[tuple[int, str], list[tuple[LinearFlow, float, bool]]] = {}
        self.caplets: dict[tuple[int, str], list[tuple[Caplet, float]]] = {}
        self.swaptions: list[CompiledSwaption] = []
        self.exchanges: list[CompiledExchange] = []
        self.equities: list[CompiledEquity] = []
        self.resets: dict[tuple[str, str], list[tuple[int, str, ResetPeriod, float, bool]]] = {}

    def add(self, unit: int, trade: Trade, context: TradeContext, stop: float) -> None:
        claims: list[Claim] = list(trade.claims(context))
        for claim, own in zip(claims, simulated(self.fixing, claims), strict=True):
            match claim:
                case FixedFlow() | IborFlow() | CompoundedFlow():
                    self.flows.setdefault((unit, claim.currency), []).append((claim, stop, own))
                case Caplet():
                    self.caplets.setdefault((unit, claim.currency), []).append((claim, stop))
                case SwaptionClaim():
                    self.swaptions.append(_swaption(unit, trade.trade_id, claim, stop, self.fixing))
                case ExchangeOption():
                    self.exchanges.append(CompiledExchange(unit, claim, min(claim.expiry, stop)))
                case EquityFlow():
                    until = min(claim.pay, stop)
                    self.equities.append(CompiledEquity(unit, claim.equity, claim.pay, until, claim.quantity))
                case ResetPeriod():
                    key = (claim.currency, claim.base_currency)
                    self.resets.setdefault(key, []).append((unit, trade.trade_id, claim, stop, own))


def _resets(
    currency: str,
    base: str,
    rows: Sequence[tuple[int, str, ResetPeriod, float, bool]],
    context: TradeContext,
) -> CompiledResets:
    late = [(trade, p) for _, trade, p, _, _ in rows if abs(p.pay - p.end) > _PAY_TOLERANCE]
    if late:
        trade, p = late[0]
        raise TradeError(
            f"trade {trade}: expected a resetting leg that pays on its period's last day, got payment "
            f"{365 * (p.pay - p.end):.0f} days later; use an index without payment lag",
            [trade],
        )
    periods = [p for _, _, p, _, _ in rows]
    until = np.array([min(p.pay, stop) for _, _, p, stop, _ in rows])
    indices = tuple(sorted({p.index for p in periods if p.index}))
    grows = np.array([bool(p.index) for p in periods])
    table = ForwardTable(
        np.array([indices.index(p.index) if p.index else 0 for p in periods], dtype=np.int64),
        np.array([bool(p.index) and context.index(p.index).overnight for p in periods]),
        np.array([own for _, _, _, _, own in rows]) & grows,
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
        np.array([unit for unit, _, _, _, _ in rows], dtype=np.int64),
        np.array([p.base_amount for p in periods]),
        np.array([p.start for p in periods]),
        table.pay,
        until,
        np.array([p.spread * p.accrual + (0.0 if p.index else 1.0) for p in periods]),
        grows,
        FlowBook(currency, indices, BondTable(empty, empty, empty), table),
    )


def _book(currency: str, rows: Sequence[tuple[LinearFlow, float, bool]]) -> FlowBook:
    return flow_book(currency, [(flow, stop) for flow, stop, _ in rows], [own for _, _, own in rows])


def _swaption(unit: int, label: str, claim: SwaptionClaim, stop: float, fixing: Fixing) -> CompiledSwaption:
    return CompiledSwaption(
        label,
        unit,
        claim.currency,
        claim.expiry,
        stop,
        claim.position,
        claim.settlement == "physical",
        flow_book(claim.currency, [(flow, stop) for flow in claim.flows], simulated(fixing, claim.flows)),
        cash_book(claim.currency, claim.par_yield) if claim.par_yield else None,
    )
