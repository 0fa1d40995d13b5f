"""Linear trades in currencies whose rates have two factors: one Chebyshev polynomial of both per unit, currency and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import Flows
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.masking import row_mask, slopes
from xva.exposure.parts.part import (
    DatedTensor,
    NettingSetSource,
    PartOfDate,
    ValuePart,
    Values,
    add_rows,
)
from xva.exposure.parts.plane_interpolants import Plane, at_orders, decided, plane
from xva.numerics import chebyshev
from xva.numerics.types import Floats, Ints
from xva.pricing.affine_plane import PlaneTerms, plane_terms


@final
@dataclass(frozen=True)
class PlanePolynomials(ValuePart):
    """Sum over pairs of unit and currency of ``Y_c g(x_c)``, x having two components.

    ``coefficients`` ``(date, pair, degree, degree)``; ``unit``, ``currency`` ``(pair,)``, sorted by currency; ``orders``
    ``(date, pair, 2)`` are numbers of nodes, and of coefficients. ``planes`` are the boxes by currency, in the order of the
    currencies' numbers; ``error`` ``(date,)`` bounds that of interpolation, 0 where orders were held.
    """

    coefficients: Tensor
    unit: Ints
    currency: Ints
    orders: Ints
    planes: tuple[Plane, ...]
    error: Floats

    @classmethod
    def of(cls, source: NettingSetSource, held: PlanePolynomials | None) -> PlanePolynomials:
        frame, books = source.frame, source.compiled.of(Flows).books
        two = [k for k, c in enumerate(frame.currencies) if frame.model.rates[c].n_factors == 2]
        pairs = sorted((k, unit) for unit, c in books for k in two if frame.currencies[k] == c)
        last = source.compiled.last_times
        numbers = sorted({k for k, _ in pairs})
        planes = tuple(plane(frame, frame.currencies[k], last[frame.currencies[k]]) for k in numbers)
        orders = np.zeros((source.n_dates, len(pairs), 2), dtype=np.int64)
        bound, functions = np.zeros(source.n_dates), []
        for p, (k, unit) in enumerate(pairs):
            currency = frame.currencies[k]
            book, rates = books[unit, currency], frame.model.rates[currency]
            where = (held.planes if held else planes)[numbers.index(k)]
            terms = plane_terms(book, frame.curves, rates, frame.times)

            values = partial(_values, terms, where)
            functions.append((values, where))
            if held is None:
                orders[:, p], error = decided(values, frame.times < book.last, where, frame.times)
                bound += error * frame.price_of(currency)
        if held is not None:
            orders, planes = held.orders, held.planes
        most = orders.max(axis=(0, 1), initial=1)
        width = (int(most[0]), int(most[1]))
        fitted = [at_orders(f, orders[:, p], where, width) for p, (f, where) in enumerate(functions)]
        empty = torch.zeros(source.n_dates, 0, *width, dtype=torch.float64)
        coefficients = torch.stack(fitted, dim=1) if fitted else empty
        currencies, units = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (0, 1))
        return cls(coefficients, units, currencies, orders, planes, bound)

    def on(self, at: DateContext) -> PartOfDate | None:
        found = []
        for number, own in zip(np.unique(self.currency).tolist(), self.planes, strict=True):
            mine = slice(*np.searchsorted(self.currency, [number, number + 1]).tolist())
            width = self.orders[at.date, mine].max(axis=0)
            if width.all():
                found.append(_currency(self, at, number, mine, own, width))
        return _OfDate(self, at, tuple(found)) if found else None

    def tensors(self) -> Mapping[str, DatedTensor]:
        return {"plane.coefficients": DatedTensor(self.coefficients)}

    def events(self) -> Ints:
        return np.zeros(0, dtype=np.int64)

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        return 4 * len(self.unit) * max(self.coefficients.shape[-2:]) if len(self.unit) else 0

    @property
    def bound(self) -> Floats:
        return self.error


def _values(terms: PlaneTerms, where: Plane, date: int, u: Tensor, v: Tensor) -> Tensor:
    return terms.values(date, float(where.slope[date]), u, v)


@dataclass(frozen=True)
class _Currency:
    """One currency's pairs on a date: bases ``(degree, path)`` of both coordinates, ``values`` ``(pair, path)``."""

    number: int
    pairs: slice
    slope: float
    scale: tuple[float, float]
    coefficients: Tensor
    first: Tensor
    second: Tensor
    values: Tensor


def _currency(
    part: PlanePolynomials, at: DateContext, number: int, pairs: slice, own: Plane, width: Ints
) -> _Currency:
    t, row = at.date, at.rates_row(number)
    slope, centre, scale = float(own.slope[t]), own.centre[t].tolist(), own.scale[t].tolist()
    u, v = at.state[row], at.state[row + 1] - slope * at.state[row]
    first = chebyshev.basis((u - centre[0]) / scale[0], int(width[0]))
    second = chebyshev.basis((v - centre[1]) / scale[1], int(width[1]))
    coefficients = part.coefficients[t, pairs, : width[0], : width[1]]
    values = at.y[number] * ((coefficients @ second) * first).sum(1)
    return _Currency(number, pairs, slope, (scale[0], scale[1]), coefficients, first, second, values)


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    part: PlanePolynomials
    at: DateContext
    currencies: tuple[_Currency, ...]

    def add_to(self, values: Values) -> Values:
        for own in self.currencies:
            values = add_rows(values, self.part.unit[own.pairs], own.values)
        return values

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        for own in self.currencies:
            row, fx = self.at.rates_row(own.number), self.at.fx_row(own.number)
            unit, y = self.part.unit[own.pairs], self.at.y[own.number]
            n, m = own.coefficients.shape[-2:]
            along = slopes(n, gradient) @ own.coefficients / own.scale[0]
            across = own.coefficients @ slopes(m, gradient).T / own.scale[1]
            by_u, by_v = (
                y * row_mask(((c @ own.second) * own.first).sum(1), unit, mask).sum(0)
                for c in (along, across)
            )
            gradient[row] += by_u - own.slope * by_v
            gradient[row + 1] += by_v
            if fx is not None:
                gradient[fx] += row_mask(own.values, unit, mask).sum(0)

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        found = self.part.coefficients.new_zeros(2, *self.part.coefficients.shape[1:])
        for own in self.currencies:
            units = torch.from_numpy(self.part.unit[own.pairs]).to(mask.device)
            n, m = own.coefficients.shape[-2:]
            seen = own.first * self.at.y[own.number]
            found[1, own.pairs, :n, :m] = seen @ own.second.T
            found[0, own.pairs, :n, :m] = (mask[units][:, None] * seen) @ own.second.T
        return {"plane.coefficients": found}
