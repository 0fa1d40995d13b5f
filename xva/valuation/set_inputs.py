"""A compiled netting set on a calibrated market: the small tensors that its values on paths are made of.

Everything that depends on the market is here, differentiable; the kernel (`set_kernel`) sees these tensors and states
only. Linear trades and options far from expiry become Chebyshev coefficients per date and currency; options near
expiry, FX and equity options stay as rows that are evaluated on every path (DESIGN 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.lgm_swaption import SwaptionTerms
from xva.numerics import chebyshev
from xva.pricing.affine import node_values
from xva.pricing.caplet import caplet_rows
from xva.pricing.exchange import AffineRows, exchange_node_values
from xva.pricing.swaption import book_swaption
from xva.valuation.compiled import CompiledSet
from xva.valuation.exchange_rows import ExchangeRows, exchange_rows, lift_rows
from xva.valuation.frame import Frame
from xva.valuation.reset_rows import ResetRows, future_reset_values, reset_rows
from xva.valuation.swaption_rows import (
    LiveSwaptions,
    SwaptionPairs,
    TiedRows,
    live_swaptions,
    option_node_values,
    swaption_pairs,
    tied_rows,
)

LINEAR_NODES = 12
OPTION_NODES = 48
DIRECT_YEARS = 0.5


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
    """All inputs of one netting set; ``equity`` ``(date, equity, unit)`` multiplies Z."""

    units: tuple[str, ...]
    smooth: ChebyshevPart
    equity: Tensor
    rows: ExchangeRows
    pairs: SwaptionPairs
    live: LiveSwaptions
    tied: TiedRows
    resets: ResetRows


def set_inputs(compiled: CompiledSet, frame: Frame, smoothing: float) -> SetInputs:
    """Build the inputs of one netting set; ``smoothing`` is the exercise width in sd of the state (4.5.4)."""
    options = tuple(
        book_swaption(s.underlying, s.expiry, frame.curves, frame.model.rates[s.currency], s.label, s.cash)
        for s in compiled.swaptions
    )
    caplets = _direct_caplets(compiled, frame)
    return SetInputs(
        compiled.units,
        _chebyshev_part(compiled, options, frame),
        _equity_part(compiled, frame),
        exchange_rows(compiled, frame.curves, frame.model, frame.times, frame.table, caplets),
        swaption_pairs(compiled, options, frame, DIRECT_YEARS),
        live_swaptions(compiled, options, frame, smoothing, LINEAR_NODES),
        tied_rows(compiled, frame),
        reset_rows(compiled, frame),
    )


def _chebyshev_part(compiled: CompiledSet, options: tuple[SwaptionTerms, ...], frame: Frame) -> ChebyshevPart:
    degree = np.zeros((len(frame.times), len(frame.currencies)), dtype=np.int64)
    pairs = _pairs(compiled, frame)
    blocks = [_pair_coefficients(compiled, options, unit, c, frame, degree[:, c]) for c, unit in pairs]
    width = max(int(degree.max(initial=0)), 1)
    empty = torch.zeros(len(frame.times), 0, OPTION_NODES, dtype=torch.float64)
    found = torch.stack(blocks, dim=1) if blocks else empty
    return ChebyshevPart(
        found[..., :width],
        np.array([unit for _, unit in pairs], dtype=np.int64),
        np.array([c for c, _ in pairs], dtype=np.int64),
        degree,
    )


def _pairs(compiled: CompiledSet, frame: Frame) -> list[tuple[int, int]]:
    """``(currency, unit)`` numbers that have a smooth part, sorted."""
    keys = {*compiled.books, *compiled.caplets, *((s.unit, s.currency) for s in compiled.swaptions)}
    keys |= {(int(u), r.base_currency) for r in compiled.resets for u in r.unit}
    return sorted((frame.currencies.index(currency), unit) for unit, currency in keys)


def _pair_coefficients(
    compiled: CompiledSet,
    options: tuple[SwaptionTerms, ...],
    unit: int,
    currency_number: int,
    frame: Frame,
    degree: NDArray[np.int64],
) -> Tensor:
    """``(date, OPTION_NODES)`` coefficients of one unit in one currency; raises ``degree`` ``(date,)`` to what it needs."""
    currency = frame.currencies[currency_number]
    lgm = frame.model.rates[currency]
    x12, x48 = frame.nodes(currency, LINEAR_NODES), frame.nodes(currency, OPTION_NODES)
    linear = future_reset_values(compiled, unit, currency, frame, x12)
    last = max(
        (
            float(r.start.max())
            for r in compiled.resets
            if r.base_currency == currency and (r.unit == unit).any()
        ),
        default=0.0,
    )
    if (unit, currency) in compiled.books:
        book = compiled.books[unit, currency]
        linear = linear + node_values(book, frame.curves, lgm, frame.times, x12)
        last = max(last, book.last)
    np.maximum(degree, LINEAR_NODES * (frame.times < last), out=degree)
    coefficients = linear @ chebyshev.coefficient_matrix(LINEAR_NODES).T
    coefficients = torch.nn.functional.pad(coefficients, (0, OPTION_NODES - LINEAR_NODES))
    optional, seen = _option_nodes(compiled, options, unit, currency, frame, x48)
    if optional is not None:
        coefficients = coefficients + optional @ chebyshev.coefficient_matrix(OPTION_NODES).T
        np.maximum(degree, OPTION_NODES * seen, out=degree)
    return coefficients


def _option_nodes(
    compiled: CompiledSet,
    options: tuple[SwaptionTerms, ...],
    unit: int,
    currency: str,
    frame: Frame,
    x: Tensor,
) -> tuple[Tensor | None, NDArray[np.bool_]]:
    """Options more than half a year from expiry at the nodes, and the dates that have any."""
    seen = np.zeros(len(frame.times), dtype=bool)
    total: Tensor | None = None
    rows = _caplet_dates(compiled, unit, currency, frame, near=False)
    if rows is not None and len(rows.date):
        total = exchange_node_values(rows, x)
        seen[rows.date] = True
    swaptions, dates = option_node_values(compiled, options, unit, currency, frame, DIRECT_YEARS, x)
    if swaptions is not None:
        total = swaptions if total is None else total + swaptions
        seen |= dates
    return total, seen


def _caplet_dates(
    compiled: CompiledSet, unit: int, currency: str, frame: Frame, near: bool
) -> AffineRows | None:
    """Caplets of a unit on the dates at which they are near (evaluated per path) or far (at nodes)."""
    book = compiled.caplets.get((unit, currency))
    if book is None:
        return None
    table = book.book.forwards
    split = np.minimum(table.fixing - DIRECT_YEARS, table.until)
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
