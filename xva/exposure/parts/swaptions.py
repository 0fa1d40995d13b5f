"""Swaptions: at Chebyshev nodes far from expiry, per path near it, and alive as swaps where exercised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.compiled import CompiledSet, CompiledSwaption
from xva.exposure.parts.event_rows import EventRows, EventTerms, event_columns, sorted_rows, tie_columns
from xva.exposure.parts.interpolants import (
    LINEAR_TOLERANCE,
    Orders,
    at_orders,
    decided,
    direct_from,
    first_orders,
    to_width,
)
from xva.exposure.parts.running_coupons import coupon_terms
from xva.exposure.state.event_keys import EventKey, state_key
from xva.exposure.state.frame import Frame
from xva.models.lgm_swaption import SwaptionTerms, swaption_value
from xva.pricing.affine import forward_weights, node_values, tied_exponents

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
    coupons (`tied_rows`), zero before expiry, of which ``degree`` ``(date, swaption)`` count; ``root`` ``(swaption,)`` the
    exercise boundary.
    """

    unit: Ints
    currency: Ints
    event: Ints
    sense: Ints
    softness: NDArray[np.float64]
    first: Ints
    coefficients: Tensor
    degree: Ints
    root: Tensor


@dataclass(frozen=True)
class FarSwaptions:
    """Swaptions of one unit and currency on the dates at which they are interpolated."""

    items: tuple[tuple[CompiledSwaption, SwaptionTerms], ...]
    count: Ints
    """``(swaption,)`` leading dates of each."""
    zeta: Tensor
    """``(date,)``"""

    def values(self, dates: Ints, x: Tensor) -> Tensor:
        """Sum ``(date, node)`` on some dates, increasing, at states ``x`` ``(date, node)``."""
        total = torch.zeros_like(x)
        for (swaption, terms), count in zip(self.items, self.count):
            inside = int(np.searchsorted(dates, count))
            if inside:
                zeta = self.zeta[torch.from_numpy(dates[:inside]), None]
                value = swaption.position * swaption_value(terms, x[:inside], zeta)
                total = total + torch.nn.functional.pad(value, (0, 0, 0, len(dates) - inside))
        return total

    def kinks(self) -> NDArray[np.float64]:
        """``(date,)`` smallest spread of the state from the date to an expiry; infinite where there is none."""
        found = np.full(len(self.zeta), np.inf)
        zeta = self.zeta.detach().numpy()
        for (_, terms), count in zip(self.items, self.count):
            left = np.sqrt(float(terms.zeta_expiry.detach()) - zeta[:count])
            found[:count] = np.minimum(found[:count], left)
        return found


def far_swaptions(
    compiled: CompiledSet, options: Sequence[SwaptionTerms], unit: int, currency: str, frame: Frame
) -> FarSwaptions:
    """A unit's swaptions in a currency, until they are evaluated path by path (`direct_from`) or stop."""
    mine = [(s, o) for s, o in zip(compiled.swaptions, options) if s.unit == unit and s.currency == currency]
    ends = [min(_direct_from(s), s.stop) for s, _ in mine]
    count = np.searchsorted(frame.times, np.array(ends)).astype(np.int64)
    return FarSwaptions(tuple(mine), count, frame.model.rates[currency].zeta(frame.times))


def _direct_from(swaption: CompiledSwaption) -> float:
    return float(direct_from(np.array(swaption.expiry)))


def swaption_pairs(compiled: CompiledSet, options: Sequence[SwaptionTerms], frame: Frame) -> SwaptionPairs:
    """Swaptions on the dates before expiry at which they are evaluated path by path (`direct_from`)."""
    times = frame.times
    found: list[tuple[int, int]] = []
    for j, swaption in enumerate(compiled.swaptions):
        inside = (times >= _direct_from(swaption)) & (times < min(swaption.expiry, swaption.stop))
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
    compiled: CompiledSet,
    options: Sequence[SwaptionTerms],
    frame: Frame,
    smoothing: float,
    held: Orders | None = None,
) -> tuple[LiveSwaptions, Ints, NDArray[np.float64]]:
    """Physically settled swaptions that can be exercised within the grid.

    Returns
    -------
    swaptions : LiveSwaptions
    order : ndarray
        ``(date, swaption)`` numbers of nodes, those ``held`` if any are.
    bound : ndarray
        ``(date,)`` of the interpolation's error; 0 with orders that are held.
    """
    chosen = _chosen(compiled, frame)
    swaptions = [compiled.swaptions[j] for j in chosen]
    first = [int(np.searchsorted(frame.times, s.expiry - 1e-9)) for s in swaptions]
    order = np.zeros((len(frame.times), len(chosen)), dtype=np.int64)
    degree, bound = np.zeros_like(order), np.zeros(len(frame.times))
    found = []
    for k, swaption in enumerate(swaptions):
        values = partial(_swap_values, swaption, frame)
        alive = (np.arange(len(frame.times)) >= first[k]) & (frame.times < swaption.underlying.last)
        if held is None:
            guess = first_orders(frame, swaption.currency, alive)
            series = decided(values, guess, LINEAR_TOLERANCE, frame, swaption.currency)
            found.append(series.coefficients)
            order[:, k], degree[:, k] = series.order, series.degree
            bound += series.bound * frame.price_of(swaption.currency)
        else:
            order[:, k], degree[:, k] = held.live[:, k], held.live_degree[:, k]
            found.append(at_orders(values, order[:, k], frame, swaption.currency))
    width = int(degree.max(initial=1))
    empty = torch.zeros(len(frame.times), 0, width, dtype=torch.float64)
    roots = [options[j].root for j in chosen]
    spread = [smoothing * float(torch.sqrt(options[j].zeta_expiry.detach())) for j in chosen]
    live = LiveSwaptions(
        np.array([s.unit for s in swaptions], dtype=np.int64),
        np.array([frame.currencies.index(s.currency) for s in swaptions], dtype=np.int64),
        np.array([frame.event_of[_key(s, frame)] for s in swaptions], dtype=np.int64),
        np.array([options[j].sense for j in chosen], dtype=np.int64),
        np.array(spread),
        np.array(first, dtype=np.int64),
        torch.stack([to_width(c, width) for c in found], dim=1) if found else empty,
        degree,
        torch.stack(roots) if roots else empty.new_zeros(0),
    )
    return live, order, bound


def _swap_values(swaption: CompiledSwaption, frame: Frame, dates: Ints, x: Tensor) -> Tensor:
    """``(date, node)`` of the swap that a swaption becomes, less its running coupons."""
    lgm, times = frame.model.rates[swaption.currency], frame.times[dates]
    value = node_values(swaption.underlying, frame.curves, lgm, times, x, with_running=False)
    return swaption.position * value


def tied_rows(compiled: CompiledSet, frame: Frame) -> EventRows:
    """Running coupons of the swaptions of `live_swaptions`, owners numbered as there.

    A simulated coupon has the path's own fixing. Of another the row is the conditional mean given the states now and at
    exercise: what decided the exercise also moved the coupon.
    """
    terms: list[EventTerms] = []
    for number, j in enumerate(_chosen(compiled, frame)):
        swaption = compiled.swaptions[j]
        book, position = swaption.underlying, float(swaption.position)
        terms += coupon_terms(book, number, frame, swaption.expiry, position)
        table, times = book.forwards, frame.times[:, None]
        inside = (times >= table.fixing) & (times < table.until) & (times >= swaption.expiry - 1e-9)
        date, row = np.nonzero(inside & ~table.simulated)
        if date.size:
            terms.append(_mean_terms(swaption, number, date, row, frame))
    return sorted_rows(terms, len(frame.times), len(frame.model.factors))


def _mean_terms(swaption: CompiledSwaption, number: int, date: Ints, row: Ints, frame: Frame) -> EventTerms:
    book, lgm = swaption.underlying, frame.model.rates[swaption.currency]
    h, tie, shift = tied_exponents(book.forwards, row, frame.times[date], lgm, swaption.expiry)
    weight = swaption.position * forward_weights(book, frame.curves)[torch.from_numpy(row)]
    event = event_columns(np.full(len(date), frame.event_of[_key(swaption, frame)]))
    return EventTerms(
        date,
        np.full(len(date), number, dtype=np.int64),
        event,
        np.sign(weight.detach().numpy()),
        torch.log(weight.abs()) + shift,
        frame.bond_load(swaption.currency, h),
        tie_columns(event, -tie),
    )


def _chosen(compiled: CompiledSet, frame: Frame) -> list[int]:
    """Numbers of the physically settled swaptions whose exercise is simulated."""
    return [
        j
        for j, s in enumerate(compiled.swaptions)
        if s.physical and s.stop > s.expiry and _key(s, frame) in frame.event_of
    ]


def _key(swaption: CompiledSwaption, frame: Frame) -> EventKey:
    return state_key(swaption.currency, swaption.expiry, frame.day_zero)
