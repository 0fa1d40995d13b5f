"""A compiled netting set on a calibrated market: the small tensors that its values on paths are made of.

Everything that depends on the market is here, differentiable; the kernel (`kernel`) sees these tensors and states
only. Linear trades and options far from expiry become Chebyshev coefficients per date and currency; options near
expiry, FX and equity options stay as rows that are evaluated on every path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.event_rows import EventRows, sorted_rows
from xva.exposure.parts.exchange_options import ExchangeRows, exchange_rows, lift_rows
from xva.exposure.parts.interpolants import (
    LINEAR_TOLERANCE,
    OPTION_TOLERANCE,
    Floats,
    Ints,
    NodeValues,
    Orders,
    at_orders,
    decided,
    direct_from,
    first_orders,
    to_width,
)
from xva.exposure.parts.resets import future_reset_values, reset_terms
from xva.exposure.parts.running_coupons import coupon_terms
from xva.exposure.parts.swaptions import (
    LiveSwaptions,
    SwaptionPairs,
    far_swaptions,
    live_swaptions,
    swaption_pairs,
    tied_rows,
)
from xva.exposure.state.frame import Frame
from xva.exposure.state.state import EventLayout
from xva.models.lgm_swaption import SwaptionTerms
from xva.pricing.affine import node_values
from xva.pricing.caplet import caplet_rows
from xva.pricing.exchange import AffineRows, exchange_node_values
from xva.pricing.swaption import book_swaption


@dataclass(frozen=True)
class ChebyshevPart:
    """Sum over (unit, currency) pairs of ``Y_c g(x_c)``.

    ``coefficients`` ``(date, pair, degree)``; ``unit``, ``currency`` ``(pair,)``, sorted by currency; ``degree``
    ``(date, currency)`` is how many of them are not zero for certain.
    """

    coefficients: Tensor
    unit: NDArray[np.int64]
    currency: NDArray[np.int64]
    degree: NDArray[np.int64]

    def pairs(self, currency: int) -> slice:
        """The pairs of one currency."""
        edges = np.searchsorted(self.currency, [currency, currency + 1])
        return slice(int(edges[0]), int(edges[1]))


@dataclass(frozen=True)
class SetInputs:
    """All inputs of one netting set.

    ``equity`` ``(date, equity, unit)`` multiplies Z; ``orders`` say how the interpolants were made and ``bound`` ``(date,)``
    how far off they are at most where paths are, in the reporting currency (0 where the orders were given).
    ``tied`` are the running coupons of ``live``, ``memory`` all other terms with a past: resets' notionals and running
    coupons.
    """

    units: tuple[str, ...]
    smooth: ChebyshevPart
    equity: Tensor
    rows: ExchangeRows
    pairs: SwaptionPairs
    live: LiveSwaptions
    tied: EventRows
    memory: EventRows
    orders: Orders
    bound: Floats

    def highest_degree(self, date: int, currency: int) -> int:
        """Chebyshev polynomials that the set needs of one currency's state."""
        live = self.live.degree[date, self.live.currency == currency]
        return max(int(self.smooth.degree[date, currency]), int(live.max(initial=0)))

    def events(self, layout: EventLayout) -> NDArray[np.int64]:
        """Sorted numbers of the events that values depend on, and of those that these go on from."""
        found = set(self.live.event.tolist())
        for rows in (self.tied, self.memory):
            found |= set(rows.event[rows.event >= 0].tolist())
        chain = list(found)
        while chain:
            before = int(layout.base[chain.pop()])
            if before >= 0 and before not in found:
                found.add(before)
                chain.append(before)
        return np.array(sorted(found), dtype=np.int64)

    @property
    def has_events(self) -> bool:
        """Whether values depend on anything but the states of their date."""
        return bool(len(self.live.unit) or (self.tied.event >= 0).any() or (self.memory.event >= 0).any())


def set_inputs(
    compiled: CompiledSet, frame: Frame, smoothing: float, orders: Orders | None = None
) -> SetInputs:
    """Build the inputs of one netting set.

    Parameters
    ----------
    smoothing : float
        The exercise's width in standard deviations of the state.
    orders : Orders, optional
        Of a run on the same dates, to keep; by default they are decided here.
    """
    options = tuple(
        book_swaption(s.underlying, s.expiry, frame.curves, frame.model.rates[s.currency], s.label, s.cash)
        for s in compiled.swaptions
    )
    caplets = _direct_caplets(compiled, frame)
    smooth, linear, optional, bound = _chebyshev_part(compiled, options, frame, orders)
    live, live_order, live_bound = live_swaptions(compiled, options, frame, smoothing, orders)
    return SetInputs(
        compiled.units,
        smooth,
        _equity_part(compiled, frame),
        exchange_rows(compiled, frame.curves, frame.model, frame.times, frame.table, caplets),
        swaption_pairs(compiled, options, frame),
        live,
        tied_rows(compiled, frame),
        _memory(compiled, frame),
        Orders(linear, optional, smooth.degree, live_order, live.degree),
        bound + live_bound,
    )


def _memory(compiled: CompiledSet, frame: Frame) -> EventRows:
    terms = reset_terms(compiled, frame)
    for (unit, _), book in compiled.books.items():
        terms += coupon_terms(book, unit, frame)
    return sorted_rows(terms, len(frame.times), len(frame.model.factors))


def _chebyshev_part(
    compiled: CompiledSet, options: tuple[SwaptionTerms, ...], frame: Frame, orders: Orders | None
) -> tuple[ChebyshevPart, Ints, Ints, Floats]:
    """The smooth part, its numbers of nodes for linear flows and for options ``(date, pair)``, and its bound ``(date,)``."""
    pairs = _pairs(compiled, frame)
    shape = (len(frame.times), len(pairs))
    linear, optional = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    degree, bound = np.zeros((len(frame.times), len(frame.currencies)), dtype=np.int64), np.zeros(shape[0])
    blocks = []
    for k, (c, unit) in enumerate(pairs):
        parts = _pair_functions(compiled, options, unit, frame.currencies[c], frame)
        for part, order in zip(parts, (linear, optional)):
            if orders is None:
                series = decided(part.values, part.first, part.tolerance, frame, frame.currencies[c])
                order[:, k] = series.order
                np.maximum(degree[:, c], series.degree, out=degree[:, c])
                bound += series.bound * frame.price_of(frame.currencies[c])
                blocks.append(series.coefficients)
            else:
                order[:, k] = (orders.linear if order is linear else orders.optional)[:, k]
                blocks.append(at_orders(part.values, order[:, k], frame, frame.currencies[c]))
    if orders is not None:
        degree = orders.degree
    width = max(int(degree.max(initial=0)), 1)
    empty = torch.zeros(len(frame.times), 0, width, dtype=torch.float64)
    both = [to_width(a, width) + to_width(b, width) for a, b in zip(blocks[::2], blocks[1::2])]
    smooth = ChebyshevPart(
        torch.stack(both, dim=1) if both else empty,
        np.array([unit for _, unit in pairs], dtype=np.int64),
        np.array([c for c, _ in pairs], dtype=np.int64),
        degree,
    )
    return smooth, linear, optional, bound


def _pairs(compiled: CompiledSet, frame: Frame) -> list[tuple[int, int]]:
    """``(currency, unit)`` numbers that have a smooth part, sorted."""
    keys = {*compiled.books, *compiled.caplets, *((s.unit, s.currency) for s in compiled.swaptions)}
    keys |= {(int(u), r.base_currency) for r in compiled.resets for u in r.unit}
    return sorted((frame.currencies.index(currency), unit) for unit, currency in keys)


@dataclass(frozen=True)
class _Function:
    """What is to be interpolated: values on dates at states, a guess of the nodes ``(date,)``, the tolerance."""

    values: NodeValues
    first: Ints
    tolerance: float


def _pair_functions(
    compiled: CompiledSet, options: tuple[SwaptionTerms, ...], unit: int, currency: str, frame: Frame
) -> tuple[_Function, _Function]:
    """Linear flows and options of one unit in one currency."""
    book = compiled.books.get((unit, currency))
    starts = [r.start[r.unit == unit] for r in compiled.resets if r.base_currency == currency]
    last = max((float(s.max()) for s in starts if s.size), default=0.0)
    last = max(last, book.last) if book is not None else last
    lgm = frame.model.rates[currency]

    def linear(dates: Ints, x: Tensor) -> Tensor:
        found = future_reset_values(compiled, unit, currency, frame, dates, x)
        if book is not None:
            found = found + node_values(book, frame.curves, lgm, frame.times[dates], x)
        return found

    far = far_swaptions(compiled, options, unit, currency, frame)
    caplets = _caplet_dates(compiled, unit, currency, frame, near=False)

    def optional(dates: Ints, x: Tensor) -> Tensor:
        found = far.values(dates, x)
        if caplets is not None and len(caplets.date):
            found = found + exchange_node_values(_on_dates(caplets, dates), x)
        return found

    kink = np.minimum(far.kinks(), _caplet_kinks(compiled, unit, currency, frame))
    seen = np.isfinite(kink)
    return (
        _Function(linear, first_orders(frame, currency, frame.times < last), LINEAR_TOLERANCE),
        _Function(optional, first_orders(frame, currency, seen, kink), OPTION_TOLERANCE),
    )


def _on_dates(rows: AffineRows, dates: Ints) -> AffineRows:
    """The rows of some dates, increasing, with the dates' places among these as their numbers."""
    place = np.minimum(np.searchsorted(dates, rows.date), len(dates) - 1)
    kept = np.flatnonzero(dates[place] == rows.date)
    pick = torch.from_numpy(kept)
    return AffineRows(place[kept].astype(np.int64), *(column[pick] for column in rows[1:]))


def _caplet_kinks(compiled: CompiledSet, unit: int, currency: str, frame: Frame) -> Floats:
    """``(date,)`` smallest spread of the state until a far caplet fixes; infinite where there is none."""
    book = compiled.caplets.get((unit, currency))
    if book is None:
        return np.full(len(frame.times), np.inf)
    table, lgm = book.book.forwards, frame.model.rates[currency]
    far = frame.times[:, None] < np.minimum(direct_from(table.fixing), table.until)
    left = lgm.zeta(table.fixing).detach().numpy() - lgm.zeta(frame.times).detach().numpy()[:, None]
    found: Floats = np.sqrt(np.where(far, left, np.inf)).min(axis=1, initial=np.inf)
    return found


def _caplet_dates(
    compiled: CompiledSet, unit: int, currency: str, frame: Frame, near: bool
) -> AffineRows | None:
    """Caplets of a unit on the dates at which they are near (evaluated per path) or far (at nodes)."""
    book = compiled.caplets.get((unit, currency))
    if book is None:
        return None
    table = book.book.forwards
    split = np.minimum(direct_from(table.fixing), table.until)
    times = frame.times[:, None]
    inside = (times >= split) & (times < table.until) if near else times < split
    date, row = np.nonzero(inside)
    return caplet_rows(book, frame.curves, frame.model.rates[currency], frame.times, date, row)


def _direct_caplets(compiled: CompiledSet, frame: Frame) -> list[ExchangeRows]:
    found = []
    for unit, currency in compiled.caplets:
        rows = _caplet_dates(compiled, unit, currency, frame, near=True)
        if rows is not None and len(rows.date):
            found.append(lift_rows(rows, unit, currency, frame.model, len(frame.times)))
    return found


def _equity_part(compiled: CompiledSet, frame: Frame) -> Tensor:
    """``(date, equity, unit)`` units of Z held: quantity times the dividends still to come, ``exp(-q T)``."""
    names = list(frame.model.equities)
    total = torch.zeros(len(frame.times), len(names), len(compiled.units), dtype=torch.float64)
    for flow in compiled.equities:
        alive = torch.from_numpy((frame.times < flow.until).astype(np.float64))
        carry = torch.exp(-frame.model.equities[flow.equity].carry * flow.pay)
        place = torch.zeros(len(names), len(compiled.units), dtype=torch.float64)
        place[names.index(flow.equity), flow.unit] = flow.quantity
        total = total + alive[:, None, None] * place * carry
    return total
