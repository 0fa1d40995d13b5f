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
    live_swaptions,
    option_node_values,
    swaption_pairs,
)

LINEAR_NODES = 12
OPTION_NODES = 48
DIRECT_YEARS = 0.5


@dataclass(frozen=True)
class ChebyshevPart:
    """Sum over currencies of ``Y_c g(x_c)``: ``coefficients`` ``(date, currency, unit, degree)``.

    ``degree`` ``(date, currency)`` is how many of them are not zero for certain.
    """

    coefficients: Tensor
    degree: NDArray[np.int64]


@dataclass(frozen=True)
class SetInputs:
    """All inputs of one netting set; ``equity`` ``(date, equity, unit)`` multiplies Z."""

    units: tuple[str, ...]
    smooth: ChebyshevPart
    equity: Tensor
    rows: ExchangeRows
    pairs: SwaptionPairs
    live: LiveSwaptions
    resets: ResetRows


def set_inputs(compiled: CompiledSet, frame: Frame, smoothing: float) -> SetInputs:
    """Build the inputs of one netting set; ``smoothing`` is the exercise width in sd of the state (4.5.4)."""
    options = tuple(
        book_swaption(s.underlying, s.expiry, frame.curves, frame.model.rates[s.currency], s.label)
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
        reset_rows(compiled, frame),
    )


def _chebyshev_part(compiled: CompiledSet, options: tuple[SwaptionTerms, ...], frame: Frame) -> ChebyshevPart:
    n_dates, n_units = len(frame.times), len(compiled.units)
    degree = np.zeros((n_dates, len(frame.currencies)), dtype=np.int64)
    blocks: list[Tensor] = []
    for c, currency in enumerate(frame.currencies):
        lgm = frame.model.rates[currency]
        x12, x48 = frame.nodes(currency, LINEAR_NODES), frame.nodes(currency, OPTION_NODES)
        per_unit = []
        for unit in range(n_units):
            linear = torch.zeros(n_dates, LINEAR_NODES, dtype=torch.float64)
            if (unit, currency) in compiled.books:
                book = compiled.books[unit, currency]
                linear = node_values(book, frame.curves, lgm, frame.times, x12)
                degree[frame.times < book.last, c] = LINEAR_NODES
            linear = linear + future_reset_values(compiled, unit, currency, frame, x12)
            optional, seen = _option_nodes(compiled, options, unit, currency, frame, x48)
            coefficients = linear @ chebyshev.coefficient_matrix(LINEAR_NODES).T
            coefficients = torch.nn.functional.pad(coefficients, (0, OPTION_NODES - LINEAR_NODES))
            if optional is not None:
                coefficients = coefficients + optional @ chebyshev.coefficient_matrix(OPTION_NODES).T
                degree[seen, c] = OPTION_NODES
            per_unit.append(coefficients)
        blocks.append(torch.stack(per_unit, dim=1))
    found = torch.stack(blocks, dim=1)
    return ChebyshevPart(found[..., : max(int(degree.max(initial=0)), 1)], degree)


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
