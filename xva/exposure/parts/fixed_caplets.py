"""Caplets between their fixing and their payment with the path's own fixing: what was fixed, where it pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import Caplets
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.event_rows import (
    MOST_EVENTS,
    NO_EVENT,
    EventRows,
    EventTerms,
    RowsOfDate,
    sorted_rows,
)
from xva.exposure.parts.masking import row_mask
from xva.exposure.parts.part import (
    DatedTensor,
    EventGradient,
    NettingSetSource,
    PartOfDate,
    ValuePart,
    Values,
    add_rows,
)
from xva.exposure.parts.running_coupons import coupon_terms
from xva.exposure.state.coupon_events import running
from xva.exposure.state.frame import Frame
from xva.numerics.types import Floats, Ints
from xva.pricing.caplet import CapletBook


@final
@dataclass(frozen=True)
class FixedCaplets(ValuePart):
    """``position max(sign (coupon - strike), 0)`` of rows in pairs: a coupon that fixed on the path, and its strike.

    Owners of ``rows`` are twice a caplet's number, and one more of its strike, whose row is negative; ``unit``, ``sign`` (1 a
    cap's, -1 a floor's) and ``position`` ``(caplet,)``.
    """

    rows: EventRows
    unit: Ints
    sign: Floats
    position: Floats

    @classmethod
    def of(cls, source: NettingSetSource, held: FixedCaplets | None) -> FixedCaplets:
        terms: list[EventTerms] = []
        unit: list[int] = []
        sign, position = [np.zeros(0)], [np.zeros(0)]
        for (owner, _), book in source.compiled.of(Caplets).books.items():
            terms += _pairs(book, len(unit), source.frame)
            unit += [owner] * len(book.sign)
            sign.append(book.sign.astype(np.float64))
            position.append(book.position)
        rows = sorted_rows(terms, source.n_dates, source.n_states)
        return cls(rows, np.array(unit, dtype=np.int64), np.concatenate(sign), np.concatenate(position))

    def on(self, at: DateContext) -> PartOfDate | None:
        own = self.rows.on(at.date)
        if not own:
            return None
        caplet = own.owner[::2].cpu().numpy() // 2
        sign, position = (torch.from_numpy(x[caplet, None]).to(at.state) for x in (self.sign, self.position))
        values = self.rows.values(own, at)
        gain = sign * values.reshape(len(caplet), 2, -1).sum(1)
        pays = position * sign * (gain > 0).to(gain)
        return _OfDate(self.rows, own, at, self.unit[caplet], position * torch.relu(gain), pays, values)

    def tensors(self) -> Mapping[str, DatedTensor]:
        return self.rows.tensors("fixed")

    def events(self) -> Ints:
        return self.rows.used

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        return 16 * self.rows.most


def _pairs(book: CapletBook, first: int, frame: Frame) -> list[EventTerms]:
    """Both rows of every caplet on the dates after its fixing, caplets numbered from ``first``."""
    date, row = running(book.book.forwards, frame.times)
    if not date.size:
        return []
    (coupon,) = coupon_terms(book.book, 0, frame)
    return [coupon._replace(owner=2 * (first + row)), _strikes(book, date, row, first, frame)]


def _strikes(book: CapletBook, date: Ints, row: Ints, first: int, frame: Frame) -> EventTerms:
    """The amount that a coupon has to exceed, ``1 + accrual strike`` per unit, paid with it."""
    table, currency = book.book.forwards, book.book.currency
    lgm = frame.model.lgm(currency)
    h, zeta = lgm.h(table.pay[row]), lgm.zeta(frame.times[date])
    discount = frame.curves.discount_curve(currency).log_discount(table.pay[row])
    constant = torch.from_numpy(np.log(table.amount[row] * book.strike_factor[row]))
    event = np.full((len(date), MOST_EVENTS), NO_EVENT, dtype=np.int64)
    return EventTerms(
        date,
        2 * (first + row) + 1,
        event,
        np.full(len(date), -1.0),
        constant + discount - 0.5 * h**2 * zeta,
        frame.bond_load(currency, h[:, None]),
        h.new_zeros(len(date), MOST_EVENTS),
    )


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    """``value`` and ``pays``, its derivative to both rows, ``(caplet, path)``; ``both`` rows' values."""

    rows: EventRows
    own: RowsOfDate
    at: DateContext
    unit: Ints
    value: Tensor
    pays: Tensor
    both: Tensor

    def add_to(self, values: Values) -> Values:
        return add_rows(values, self.unit, self.value)

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        gradient += self.rows.load[self.own.rows].T @ self._moved(mask)

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        return self.rows.adjoint("fixed", self.own, self.at, (self._moved(mask), self._moved(None)))

    def event_gradients(self, mask: Tensor) -> Sequence[EventGradient]:
        return self.rows.event_gradient(self.own, (self._moved(mask), self._moved(None)))

    def _moved(self, mask: Tensor | None) -> Tensor:
        """``(row, path)`` rows where their caplet pays, masked: derivatives to the rows' logarithms."""
        return self.both * row_mask(self.pays, self.unit, mask).repeat_interleave(2, dim=0)
