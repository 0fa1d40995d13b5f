"""Physically settled swaptions from expiry on: alive as swaps where exercised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.exposure.claim_groups import CompiledSwaption, Swaptions
from xva.exposure.event_keys import EventKey, state_key
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.event_rows import EventRows
from xva.exposure.parts.exercised_coupons import exercised_coupons
from xva.exposure.parts.interpolants import LINEAR_TOLERANCE, at_orders, decided, first_orders, to_width
from xva.exposure.parts.masking import slopes, unit_mask
from xva.exposure.parts.part import (
    DatedTensor,
    Decision,
    EventGradient,
    NettingSetSource,
    PartOfDate,
    ValuePart,
    Values,
)
from xva.exposure.parts.tilt import Tilt
from xva.exposure.state.frame import Frame
from xva.models.lgm_swaption import SwaptionTerms
from xva.numerics.types import Floats, Ints
from xva.pricing.affine import node_values


@final
@dataclass(frozen=True)
class ExercisedSwaptions(ValuePart):
    """``exercised(path) (Y g(x) + running coupons)`` per swaption, g times the tilt where something is taken out.

    ``unit``, ``currency``, ``event``, ``sense`` ``(swaption,)``; ``softness`` is the width of the exercise in the state,
    a constant of the run; ``first`` the first date after expiry. ``coefficients`` ``(date, swaption, degree)`` are of the
    swap (with the position) less its running ``coupons``, zero before expiry, of which ``degrees`` ``(date, swaption)`` count;
    ``root`` ``(swaption,)`` is the exercise boundary. ``order`` ``(date, swaption)`` are numbers of nodes, ``error``
    ``(date,)`` bounds the interpolation's, 0 where nodes were held. Owners of ``coupons`` are swaptions;
    ``rows`` ``(swaption,)`` their currencies' rates rows. The ``tilt`` is what `Polynomials` have: the underlying is linear.
    """

    decides: ClassVar[bool] = True

    unit: Ints
    currency: Ints
    event: Ints
    sense: Ints
    softness: Floats
    first: Ints
    coefficients: Tensor
    degrees: Ints
    root: Tensor
    order: Ints
    error: Floats
    coupons: EventRows
    rows: Ints
    tilt: Tilt

    @classmethod
    def of(cls, source: NettingSetSource, held: ExercisedSwaptions | None) -> ExercisedSwaptions:
        """Those whose exercise is simulated within the grid."""
        frame = source.frame
        chosen = _chosen(source)
        swaptions, options = zip(*chosen) if chosen else ((), ())
        first = [int(np.searchsorted(frame.times, s.expiry - SAME_TIME)) for s in swaptions]
        order = np.zeros((source.n_dates, len(chosen)), dtype=np.int64)
        degree, bound = np.zeros_like(order), np.zeros(source.n_dates)
        found, tilt = [], Tilt.of(frame) if held is None else held.tilt
        for k, swaption in enumerate(swaptions):
            values = partial(_swap_values, swaption, frame)
            alive = (np.arange(source.n_dates) >= first[k]) & (frame.times < swaption.underlying.last)
            if held is None:
                guess = first_orders(frame, swaption.currency, alive)
                series = decided(values, guess, LINEAR_TOLERANCE, frame, swaption.currency, tilt)
                found.append(series.coefficients)
                order[:, k], degree[:, k] = series.order, series.degree
                bound += series.bound * frame.price_of(swaption.currency)
            else:
                order[:, k], degree[:, k] = held.order[:, k], held.degrees[:, k]
                found.append(at_orders(values, order[:, k], frame, swaption.currency, tilt))
        width = int(degree.max(initial=1))
        empty = torch.zeros(source.n_dates, 0, width, dtype=torch.float64)
        spread = [source.exercise_width * float(torch.sqrt(o.zeta_expiry.detach())) for o in options]
        return cls(
            np.array([s.unit for s in swaptions], dtype=np.int64),
            np.array([frame.currencies.index(s.currency) for s in swaptions], dtype=np.int64),
            np.array([frame.event_of[_key(s, frame)] for s in swaptions], dtype=np.int64),
            np.array([o.sense for o in options], dtype=np.int64),
            np.array(spread) if held is None else held.softness,
            np.array(first, dtype=np.int64),
            torch.stack([to_width(c, width) for c in found], dim=1) if found else empty,
            degree,
            torch.stack([o.root for o in options]) if options else empty.new_zeros(0),
            order,
            bound,
            exercised_coupons([(s, frame.event_of[_key(s, frame)]) for s in swaptions], frame),
            np.array([frame.model.layout.rates(s.currency).start for s in swaptions], dtype=np.int64),
            tilt,
        )

    def on(self, at: DateContext) -> PartOfDate | None:
        alive = np.flatnonzero(self.first <= at.date).tolist()
        if not alive:
            return None
        own = self.coupons.on(at.date)
        every = self.coupons.values(own, at)
        edges = np.searchsorted(own.owner.cpu().numpy(), np.arange(len(self.unit) + 1))
        live = tuple(self._live(at, j, every[edges[j] : edges[j + 1]]) for j in alive)
        return _OfDate(self, at, live)

    def tensors(self) -> Mapping[str, DatedTensor]:
        return {"live.coefficients": DatedTensor(self.coefficients), **self.coupons.tensors("tied")}

    def events(self) -> Ints:
        return np.concatenate([self.event, self.coupons.used])

    def degree(self, date: int, rates_row: int) -> int:
        return int(self.degrees[date, self.rows == rates_row].max(initial=0))

    def floats_per_path(self, n_states: int) -> int:
        return 6 * len(self.unit) + 12 * self.coupons.most

    @property
    def boundaries(self) -> Mapping[str, Tensor]:
        return {"live.root": self.root}

    @property
    def bound(self) -> Floats:
        return self.error

    def factor(self, at: DateContext, currency: int) -> Tensor:
        """``(path,)`` what multiplies a currency's polynomials: its deflated FX rate, and the tilt."""
        row = at.rates_row(currency)
        return self.tilt.times(at.y[currency], at.date, row, at.state[row])

    def _live(self, at: DateContext, j: int, running: Tensor) -> _Live:
        c, count = int(self.currency[j]), int(self.degrees[at.date, j])
        decision, basis = at.events[int(self.event[j])], at.basis[at.rates_row(c)]
        swap = self.factor(at, c) * (self.coefficients[at.date, j, :count] @ basis[:count]) + running.sum(0)
        gap = float(self.sense[j]) * (decision - self.root[j])
        return _Live(j, gap, torch.sigmoid(gap / float(self.softness[j])), swap, running)


def _chosen(source: NettingSetSource) -> list[tuple[CompiledSwaption, SwaptionTerms]]:
    """The physically settled swaptions whose exercise is simulated."""
    pairs = zip(source.compiled.of(Swaptions).items, source.swaptions, strict=True)
    known = source.frame.event_of
    return [
        (s, terms)
        for s, terms in pairs
        if s.physical and s.stop > s.expiry and _key(s, source.frame) in known
    ]


def _key(swaption: CompiledSwaption, frame: Frame) -> EventKey:
    return state_key(swaption.currency, swaption.expiry, frame.day_zero)


def _swap_values(swaption: CompiledSwaption, frame: Frame, dates: Ints, x: Tensor) -> Tensor:
    """``(date, node)`` of the swap that a swaption becomes, less its running coupons."""
    lgm, times = frame.model.lgm(swaption.currency), frame.times[dates]
    value = node_values(swaption.underlying, frame.curves, lgm, times, x, with_running=False)
    return swaption.position * value


@dataclass(frozen=True)
class _Live:
    """One swaption that lives on as a swap: how far it was in the money, softly exercised, all of it, its running coupons.

    ``gap``, ``exercised``, ``swap`` ``(path,)``, ``running`` ``(row, path)``.
    """

    number: int
    gap: Tensor
    exercised: Tensor
    swap: Tensor
    running: Tensor


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    part: ExercisedSwaptions
    at: DateContext
    live: tuple[_Live, ...]

    def add_to(self, values: Values) -> Values:
        soft, hard, half = values
        for live in self.live:
            softness = float(self.part.softness[live.number])
            unit = torch.tensor([int(self.part.unit[live.number])], device=soft.device)
            soft = soft.index_add(0, unit, (live.exercised * live.swap)[None])
            half = half.index_add(0, unit, (torch.sigmoid(2.0 * live.gap / softness) * live.swap)[None])
            hard = hard.index_add(0, unit, ((live.gap > 0).to(live.swap) * live.swap)[None])
        return Values(soft, hard, half)

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        at, part = self.at, self.part
        for live in self.live:
            j = live.number
            c, count, weight = int(part.currency[j]), int(part.degrees[at.date, j]), self._weight(live, mask)
            row, fx = at.rates_row(c), at.fx_row(c)
            slope = slopes(count, gradient) @ part.coefficients[at.date, j, :count] / at.scale[row]
            gradient[row] += weight * part.factor(at, c) * (slope @ at.basis[row][:count])
            tilt = float(part.tilt.slope[at.date, row])
            if fx is not None or tilt:
                total = weight * (live.swap - live.running.sum(0))
                if tilt:
                    gradient[row] -= tilt * total
                if fx is not None:
                    gradient[fx] += total
        own = part.coupons.on(at.date)
        if own:
            gradient += part.coupons.load[own.rows].T @ self._coupons(mask)

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        at, part = self.at, self.part
        coefficients = part.coefficients.new_zeros(2, *part.coefficients.shape[1:])
        for live in self.live:
            j = live.number
            c, count = int(part.currency[j]), int(part.degrees[at.date, j])
            weight = live.exercised * part.factor(at, c)
            masked = torch.stack([weight * mask[int(part.unit[j])], weight])
            coefficients[:, j, :count] = masked @ at.basis[at.rates_row(c)][:count].T
        found = {"live.coefficients": coefficients}
        own = part.coupons.on(at.date)
        if own:
            found |= part.coupons.adjoint("tied", own, at, (self._coupons(mask), self._coupons(None)))
        return found

    def event_gradients(self, mask: Tensor) -> Sequence[EventGradient]:
        own = self.part.coupons.on(self.at.date)
        if not len(own.numbers):
            return ()
        return self.part.coupons.event_gradient(own, (self._coupons(mask), self._coupons(None)))

    def decisions(self) -> Sequence[Decision]:
        part, found = self.part, []
        for live in self.live:
            j, exercised = live.number, live.exercised
            slope = float(part.sense[j]) / float(part.softness[j]) * exercised * (1.0 - exercised)
            found.append(Decision(int(part.event[j]), int(part.unit[j]), "live.root", j, slope * live.swap))
        return found

    def _weight(self, live: _Live, mask: Tensor | None) -> Tensor:
        return live.exercised * unit_mask(mask, self.part.unit[live.number])

    def _coupons(self, mask: Tensor | None) -> Tensor:
        """``(row, path)`` running coupons of all live swaptions, where exercised, times their unit's mask."""
        return torch.cat([self._weight(live, mask) * live.running for live in self.live])
