"""Swaptions in the last months before expiry, whose kink is too sharp for a polynomial: by closed form on every path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import Swaptions
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.interpolants import direct_from
from xva.exposure.parts.masking import unit_mask
from xva.exposure.parts.part import DatedTensor, NettingSetSource, PartOfDate, ValuePart, Values, add_rows
from xva.numerics.normal import normal_cdf
from xva.numerics.types import Ints

_INV_SQRT_2PI = 0.3989422804014327


@final
@dataclass(frozen=True)
class NearExpirySwaptions(ValuePart):
    """One swaption at one date each, sorted by date: ``Y sum_i scale_i exp(-h_i x) Phi(sense (x - centre_i)/width)``.

    ``edges`` ``(date + 1,)`` delimit dates, ``term_edges`` ``(row + 1,)`` a row's terms; ``unit``, ``currency``,
    ``sense``, ``width`` ``(row,)``; ``scale`` (with the position), ``h``, ``centre`` ``(term,)``.
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

    @classmethod
    def of(cls, source: NettingSetSource, held: NearExpirySwaptions | None) -> NearExpirySwaptions:
        """Swaptions on the dates before expiry at which they are evaluated path by path (`direct_from`)."""
        frame, swaptions = source.frame, source.compiled.of(Swaptions).items
        found: list[tuple[int, int]] = []
        for j, swaption in enumerate(swaptions):
            start = float(direct_from(np.array(swaption.expiry)))
            inside = (frame.times >= start) & (frame.times < min(swaption.expiry, swaption.stop))
            found += [(int(t), j) for t in np.flatnonzero(inside)]
        found.sort()
        columns = [_terms(source, t, j) for t, j in found]
        none = torch.zeros(0, dtype=torch.float64)
        merged = [torch.cat(c) for c in zip(*columns)] if columns else [none] * 4
        lengths = np.array([len(c[0]) for c in columns], dtype=np.int64)
        names = frame.currencies
        return cls(
            np.searchsorted(np.array([t for t, _ in found]), np.arange(source.n_dates + 1)),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array([swaptions[j].unit for _, j in found], dtype=np.int64),
            np.array([names.index(swaptions[j].currency) for _, j in found], dtype=np.int64),
            np.array([source.swaptions[j].sense for _, j in found], dtype=np.int64),
            *merged,
        )

    def on(self, at: DateContext) -> PartOfDate | None:
        rows = range(int(self.edges[at.date]), int(self.edges[at.date + 1]))
        return _OfDate(self, at, tuple(self._value(at, row) for row in rows)) if rows else None

    def tensors(self) -> Mapping[str, DatedTensor]:
        terms = self.term_edges[self.edges]
        return {
            "pairs.scale": DatedTensor(self.scale, terms),
            "pairs.h": DatedTensor(self.h, terms),
            "pairs.centre": DatedTensor(self.centre, terms),
            "pairs.width": DatedTensor(self.width, self.edges),
        }

    def events(self) -> Ints:
        return np.zeros(0, dtype=np.int64)

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        most = int(np.diff(self.term_edges[self.edges]).max(initial=0))
        return most + 3 * int(np.diff(self.edges).max(initial=0))

    def terms(self, row: int) -> slice:
        """The terms of a row."""
        return slice(int(self.term_edges[row]), int(self.term_edges[row + 1]))

    def kappa(self, row: int) -> Tensor:
        """``scale_i exp(-h_i x) phi((x - centre_i)/width) = kappa_i phi((x - root)/width)``: one density for all terms."""
        own = self.terms(row)
        h = self.h[own]
        return self.scale[own] * torch.exp(-h * self.centre[own] + 0.5 * (h * self.width[row]) ** 2)

    def _value(self, at: DateContext, row: int) -> _Row:
        own, c = self.terms(row), int(self.currency[row])
        x, width, sense = at.state[at.rates_row(c)], self.width[row], float(self.sense[row])
        h, centre = self.h[own, None], self.centre[own, None]
        each = torch.exp(-h * x) * normal_cdf(sense * (x - centre) / width)
        root = self.centre[own.start] - self.h[own.start] * width**2
        density = torch.exp(-0.5 * ((x - root) / width) ** 2) * _INV_SQRT_2PI
        return _Row(row, each, density, at.y[c] * (self.scale[own] @ each))


def _terms(source: NettingSetSource, date: int, number: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scale, h and centre ``(term,)`` of a swaption on a date, and its width ``(1,)``."""
    swaption, terms = source.compiled.of(Swaptions).items[number], source.swaptions[number]
    zeta = source.frame.model.lgm(swaption.currency).zeta(float(source.frame.times[date]))
    remaining = terms.zeta_expiry - zeta
    tilt = terms.h * remaining
    scale = terms.weight * torch.exp(0.5 * terms.h * tilt - 0.5 * terms.q * terms.zeta_expiry)
    return swaption.position * scale, terms.h, tilt + terms.root, torch.sqrt(remaining)[None]


@dataclass(frozen=True)
class _Row:
    """One swaption's by-products; ``each`` ``(term, path)`` without its scale."""

    number: int
    each: Tensor
    density: Tensor
    value: Tensor


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    part: NearExpirySwaptions
    at: DateContext
    rows: tuple[_Row, ...]

    def add_to(self, values: Values) -> Values:
        for row in self.rows:
            values = add_rows(values, self.part.unit[row.number : row.number + 1], row.value[None])
        return values

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        for row in self.rows:
            self._add_row(row, gradient, mask)

    def _add_row(self, row: _Row, gradient: Tensor, mask: Tensor | None) -> None:
        at, part, number = self.at, self.part, row.number
        own, c, weight = part.terms(number), int(part.currency[number]), unit_mask(mask, part.unit[number])
        kappa, fx = part.kappa(number), at.fx_row(c)
        jump = float(part.sense[number]) * kappa.sum() / part.width[number]
        slope = jump * row.density - (part.scale[own] * part.h[own]) @ row.each
        gradient[at.rates_row(c)] += weight * at.y[c] * slope
        if fx is not None:
            gradient[fx] += weight * row.value

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        sides = (self._sums(mask), self._sums(None))
        return {key: torch.stack([side[key] for side in sides]) for key in sides[0]}

    def _sums(self, mask: Tensor | None) -> dict[str, Tensor]:
        at, part = self.at, self.part
        scales, hs, centres, widths = [], [], [], []
        for row in self.rows:
            own, c, width = part.terms(row.number), int(part.currency[row.number]), part.width[row.number]
            x, sense = at.state[at.rates_row(c)], float(part.sense[row.number])
            weight = unit_mask(mask, part.unit[row.number]) * at.y[c]
            kappa = part.kappa(row.number)
            dense = (weight * row.density).sum()
            tilted = (weight * row.density * x).sum()
            scales.append(row.each @ weight)
            hs.append(-part.scale[own] * (row.each @ (weight * x)))
            centres.append(-sense / width * kappa * dense)
            tilts = tilted * kappa.sum() - dense * (kappa * part.centre[own]).sum()
            widths.append(-sense / width**2 * tilts)
        return {
            "pairs.scale": torch.cat(scales),
            "pairs.h": torch.cat(hs),
            "pairs.centre": torch.cat(centres),
            "pairs.width": torch.stack(widths),
        }
