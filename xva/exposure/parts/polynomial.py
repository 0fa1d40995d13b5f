"""Linear trades and options far from expiry: one Chebyshev polynomial per unit, currency and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.interpolants import at_orders, decided, to_width
from xva.exposure.parts.interpolated import currency_units, interpolated
from xva.exposure.parts.masking import row_mask, slopes
from xva.exposure.parts.part import DatedTensor, NettingSetSource, PartOfDate, ValuePart, Values, add_rows
from xva.exposure.parts.tilt import Tilt
from xva.numerics.types import Floats, Ints


@final
@dataclass(frozen=True)
class Polynomials(ValuePart):
    """Sum over pairs of unit and currency of ``Y_c g(x_c)``, times the tilt where something is taken out.

    ``coefficients`` ``(date, pair, degree)``; ``unit``, ``currency`` ``(pair,)``, sorted by currency; ``degrees``
    ``(date, currency)`` is how many of them are not zero for certain. ``linear``, ``optional`` ``(date, pair)`` are the
    numbers of nodes for linear flows and for options, ``error`` ``(date,)`` bounds that of both, 0 where they were held.
    ``rows`` ``(currency,)`` are the currencies' rates rows.
    """

    coefficients: Tensor
    unit: Ints
    currency: Ints
    degrees: Ints
    linear: Ints
    optional: Ints
    error: Floats
    rows: Ints
    tilt: Tilt

    @classmethod
    def of(cls, source: NettingSetSource, held: Polynomials | None) -> Polynomials:
        frame = source.frame
        pairs = currency_units(source.compiled, frame)
        shape = (source.n_dates, len(pairs))
        linear, optional = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        degree, bound = np.zeros((shape[0], len(frame.currencies)), dtype=np.int64), np.zeros(shape[0])
        blocks, tilt = [], Tilt.of(frame) if held is None else held.tilt
        for k, (c, unit) in enumerate(pairs):
            currency = frame.currencies[c]
            functions = interpolated(source.compiled, source.swaptions, unit, currency, frame)
            for function, order in zip(functions, (linear, optional)):
                if held is None:
                    series = decided(
                        function.values, function.first, function.tolerance, frame, currency, tilt
                    )
                    order[:, k] = series.order
                    np.maximum(degree[:, c], series.degree, out=degree[:, c])
                    bound += series.bound * frame.price_of(currency)
                    blocks.append(series.coefficients)
                else:
                    order[:, k] = (held.linear if order is linear else held.optional)[:, k]
                    blocks.append(at_orders(function.values, order[:, k], frame, currency, tilt))
        if held is not None:
            degree = held.degrees
        width = max(int(degree.max(initial=0)), 1)
        both = [to_width(a, width) + to_width(b, width) for a, b in zip(blocks[::2], blocks[1::2])]
        empty = torch.zeros(shape[0], 0, width, dtype=torch.float64)
        units, currencies = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (1, 0))
        coefficients = torch.stack(both, dim=1) if both else empty
        rows = np.array([rates.start for rates in frame.model.layout.rates_of], dtype=np.int64)
        return cls(coefficients, units, currencies, degree, linear, optional, bound, rows, tilt)

    def on(self, at: DateContext) -> PartOfDate | None:
        values = {}
        for c, degree in enumerate(self.degrees[at.date].tolist()):
            if degree:
                basis = at.basis[at.rates_row(c)]
                g = self.coefficients[at.date, self.pairs(c), :degree] @ basis[:degree]
                values[c] = self.factor(at, c) * g
        return _OfDate(self, at, values) if values else None

    def tensors(self) -> Mapping[str, DatedTensor]:
        return {"smooth.coefficients": DatedTensor(self.coefficients)}

    def events(self) -> Ints:
        return np.zeros(0, dtype=np.int64)

    def degree(self, date: int, rates_row: int) -> int:
        return int(self.degrees[date, self.rows == rates_row].max(initial=0))

    def floats_per_path(self, n_states: int) -> int:
        return 3 * len(self.unit)

    @property
    def bound(self) -> Floats:
        return self.error

    def factor(self, at: DateContext, currency: int) -> Tensor:
        """``(path,)`` what multiplies a currency's polynomials: its deflated FX rate, and the tilt."""
        row = at.rates_row(currency)
        return self.tilt.times(at.y[currency], at.date, row, at.state[row])

    def pairs(self, currency: int) -> slice:
        """The pairs of one currency."""
        edges = np.searchsorted(self.currency, [currency, currency + 1])
        return slice(int(edges[0]), int(edges[1]))


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    """``values`` ``(pair, path)`` by currency."""

    part: Polynomials
    at: DateContext
    values: dict[int, Tensor]

    def add_to(self, values: Values) -> Values:
        for c, own in self.values.items():
            values = add_rows(values, self.part.unit[self.part.pairs(c)], own)
        return values

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        at, part = self.at, self.part
        for c, own in self.values.items():
            degree, mine = int(part.degrees[at.date, c]), part.pairs(c)
            row, fx = at.rates_row(c), at.fx_row(c)
            slope = part.coefficients[at.date, mine, :degree] @ slopes(degree, gradient).T / at.scale[row]
            unit = part.unit[mine]
            gradient[row] += part.factor(at, c) * row_mask(slope @ at.basis[row][:degree], unit, mask).sum(0)
            tilt = float(part.tilt.slope[at.date, row])
            if fx is not None or tilt:
                total = row_mask(own, unit, mask).sum(0)
                if tilt:
                    gradient[row] -= tilt * total
                if fx is not None:
                    gradient[fx] += total

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        at, part = self.at, self.part
        found = part.coefficients.new_zeros(2, *part.coefficients.shape[1:])
        for c in self.values:
            degree, mine = int(part.degrees[at.date, c]), part.pairs(c)
            basis = at.basis[at.rates_row(c)][:degree]
            units = torch.from_numpy(part.unit[mine]).to(mask.device)
            factor = part.factor(at, c)
            found[0, mine, :degree] = (mask[units] * factor) @ basis.T
            found[1, mine, :degree] = basis @ factor
        return {"smooth.coefficients": found}
