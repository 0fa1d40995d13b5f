"""Swaptions: at Chebyshev nodes far from expiry, per path near it, and alive as swaps where exercised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.lgm_swaption import SwaptionTerms, swaption_value
from xva.numerics import chebyshev
from xva.pricing.affine import forward_weights, node_values, tied_exponents
from xva.valuation.compiled import CompiledSet, CompiledSwaption
from xva.valuation.event_scalars import EventKey, exercise_key
from xva.valuation.frame import Frame

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SwaptionPairs:
    """One swaption at one date each, sorted by date: ``Y sum_i scale_i exp(-h_i x) Phi(sense (x - centre_i)/width)``.

    ``edges`` ``(date + 1,)`` delimit dates, ``term_edges`` ``(pair + 1,)`` a pair's terms; ``unit``, ``currency``,
    ``sense``, ``width`` ``(pair,)``; ``scale`` (with the position), ``h``, ``centre`` ``(term,)``.
    """

    edges: Ints
    term_edges: Ints
    unit: Ints
    currency: Ints
    sense: Ints
    scale: Tensor
    h: Tensor
    centre: Tensor
    width: Tensor


@dataclass(frozen=True)
class LiveSwaptions:
    """Physically settled swaptions from expiry on: ``exercised(path) Y g(x)``.

    ``unit``, ``currency``, ``event``, ``sense`` ``(swaption,)``; ``softness`` is the width of the exercise in the state,
    a constant of the run; ``coefficients`` ``(date, swaption, degree)`` of the swap (with the position) less its running
    coupons (`TiedRows`), zero before expiry; ``root`` ``(swaption,)`` the exercise boundary.
    """

    unit: Ints
    currency: Ints
    event: Ints
    sense: Ints
    softness: NDArray[np.float64]
    first: Ints
    coefficients: Tensor
    root: Tensor


@dataclass(frozen=True)
class TiedRows:
    """Running coupons of live swaptions, one at one date each: ``exercised(path) sign exp(log + load . s - tie u)``.

    Sorted by date. Each is the coupon's conditional mean given the state and u, the state at exercise: what decided the
    exercise also moved the coupon. ``edges`` ``(date + 1,)``; ``swaption`` (its number among the live ones), ``sign``,
    ``log``, ``tie`` ``(row,)``; ``load`` ``(row, state)``.
    """

    edges: Ints
    swaption: Ints
    sign: NDArray[np.float64]
    log: Tensor
    load: Tensor
    tie: Tensor


def option_node_values(
    compiled: CompiledSet,
    options: Sequence[SwaptionTerms],
    unit: int,
    currency: str,
    frame: Frame,
    near: float,
    x: Tensor,
) -> tuple[Tensor | None, NDArray[np.bool_]]:
    """Sum ``(date, node)`` of a unit's swaptions more than ``near`` years from expiry, and the dates that have any."""
    times = frame.times
    seen = np.zeros(len(times), dtype=bool)
    zeta = frame.model.rates[currency].zeta(times)
    total: Tensor | None = None
    for swaption, terms in zip(compiled.swaptions, options):
        if swaption.unit != unit or swaption.currency != currency:
            continue
        count = int(np.searchsorted(times, min(swaption.expiry - near, swaption.stop)))
        if count:
            value = swaption.position * swaption_value(terms, x[:count], zeta[:count, None])
            padded = torch.nn.functional.pad(value, (0, 0, 0, len(times) - count))
            total = padded if total is None else total + padded
            seen[:count] = True
    return total, seen


def swaption_pairs(
    compiled: CompiledSet, options: Sequence[SwaptionTerms], frame: Frame, near: float
) -> SwaptionPairs:
    """Swaptions on the dates within ``near`` years before expiry."""
    times = frame.times
    found: list[tuple[int, int]] = []
    for j, swaption in enumerate(compiled.swaptions):
        inside = (times >= swaption.expiry - near) & (times < min(swaption.expiry, swaption.stop))
        found += [(int(t), j) for t in np.flatnonzero(inside)]
    found.sort()
    columns: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for t, j in found:
        swaption, terms = compiled.swaptions[j], options[j]
        zeta = frame.model.rates[swaption.currency].zeta(float(times[t]))
        remaining = terms.zeta_expiry - zeta
        tilt = terms.h * remaining
        scale = terms.weight * torch.exp(0.5 * terms.h * tilt - 0.5 * terms.q * terms.zeta_expiry)
        columns.append((swaption.position * scale, terms.h, tilt + terms.root, torch.sqrt(remaining)[None]))
    none = torch.zeros(0, dtype=torch.float64)
    merged = [torch.cat(c) for c in zip(*columns)] if columns else [none] * 4
    lengths = np.array([len(c[0]) for c in columns], dtype=np.int64)
    names = frame.currencies
    return SwaptionPairs(
        np.searchsorted(np.array([t for t, _ in found]), np.arange(len(times) + 1)),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([compiled.swaptions[j].unit for _, j in found], dtype=np.int64),
        np.array([names.index(compiled.swaptions[j].currency) for _, j in found], dtype=np.int64),
        np.array([options[j].sense for _, j in found], dtype=np.int64),
        *merged,
    )


def live_swaptions(
    compiled: CompiledSet, options: Sequence[SwaptionTerms], frame: Frame, smoothing: float, count: int
) -> LiveSwaptions:
    """Physically settled swaptions that can be exercised within the grid; ``count`` Chebyshev nodes."""
    chosen = _chosen(compiled, frame)
    swaptions = [compiled.swaptions[j] for j in chosen]
    coefficients, first = [], []
    for swaption in swaptions:
        start = int(np.searchsorted(frame.times, swaption.expiry - 1e-9))
        x = frame.nodes(swaption.currency, count)[start:]
        lgm = frame.model.rates[swaption.currency]
        value = node_values(
            swaption.underlying, frame.curves, lgm, frame.times[start:], x, with_running=False
        )
        fitted = swaption.position * value @ chebyshev.coefficient_matrix(count).T
        coefficients.append(torch.nn.functional.pad(fitted, (0, 0, start, 0)))
        first.append(start)
    empty = torch.zeros(len(frame.times), 0, count, dtype=torch.float64)
    roots = [options[j].root for j in chosen]
    spread = [smoothing * float(torch.sqrt(options[j].zeta_expiry.detach())) for j in chosen]
    return LiveSwaptions(
        np.array([s.unit for s in swaptions], dtype=np.int64),
        np.array([frame.currencies.index(s.currency) for s in swaptions], dtype=np.int64),
        np.array([frame.event_of[_key(s, frame)] for s in swaptions], dtype=np.int64),
        np.array([options[j].sense for j in chosen], dtype=np.int64),
        np.array(spread),
        np.array(first, dtype=np.int64),
        torch.stack(coefficients, dim=1) if coefficients else empty,
        torch.stack(roots) if roots else empty.new_zeros(0),
    )


def tied_rows(compiled: CompiledSet, frame: Frame) -> TiedRows:
    """Running coupons of the swaptions of `live_swaptions`, in its numbering."""
    n = len(frame.model.factors)
    unit = torch.eye(n, dtype=torch.float64)
    dates, numbers, signs, logs, loads, ties = [], [], [], [], [], []
    for number, j in enumerate(_chosen(compiled, frame)):
        swaption = compiled.swaptions[j]
        table, lgm = swaption.underlying.forwards, frame.model.rates[swaption.currency]
        times = frame.times[:, None]
        inside = (times >= table.fixing) & (times < table.until) & (times >= swaption.expiry - 1e-9)
        date, row = np.nonzero(inside)
        if not date.size:
            continue
        h, tie, shift = tied_exponents(table, row, frame.times[date], lgm, swaption.expiry)
        weight = swaption.position * forward_weights(swaption.underlying, frame.curves)[torch.from_numpy(row)]
        load = -h[:, None] * unit[frame.model.index[f"IR:{swaption.currency}"]]
        if swaption.currency != frame.model.domestic:
            load = load + unit[frame.model.index[f"FX:{swaption.currency}"]]
        dates.append(date)
        numbers.append(np.full(len(date), number, dtype=np.int64))
        signs.append(np.sign(weight.detach().numpy()))
        logs.append(torch.log(weight.abs()) + shift)
        loads.append(load)
        ties.append(tie)
    if not dates:
        none = torch.zeros(0, dtype=torch.float64)
        edges, empty = np.zeros(len(frame.times) + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return TiedRows(edges, empty, np.zeros(0), none, torch.zeros(0, n, dtype=torch.float64), none)
    when = np.concatenate(dates)
    order = np.argsort(when, kind="stable")
    pick = torch.from_numpy(order)
    return TiedRows(
        np.searchsorted(when[order], np.arange(len(frame.times) + 1)),
        np.concatenate(numbers)[order],
        np.concatenate(signs)[order],
        torch.cat(logs)[pick],
        torch.cat(loads)[pick],
        torch.cat(ties)[pick],
    )


def _chosen(compiled: CompiledSet, frame: Frame) -> list[int]:
    """Numbers of the physically settled swaptions whose exercise is simulated."""
    return [
        j
        for j, s in enumerate(compiled.swaptions)
        if s.physical and s.stop > s.expiry and _key(s, frame) in frame.event_of
    ]


def _key(swaption: CompiledSwaption, frame: Frame) -> EventKey:
    return exercise_key(swaption.currency, swaption.expiry, frame.day_zero)
