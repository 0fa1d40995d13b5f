"""Terms that remember their path outside swaptions: resets' notionals, coupons that fixed or are running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from torch import Tensor

from xva.exposure.claim_groups import Flows
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.event_rows import EventRows, RowsOfDate, sorted_rows
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
from xva.exposure.parts.resets import reset_terms
from xva.exposure.parts.running_coupons import coupon_terms
from xva.numerics.types import Ints


@final
@dataclass(frozen=True)
class RememberedTerms(ValuePart):
    """One exponential of state and events per term and date; owners are units."""

    rows: EventRows

    @classmethod
    def of(cls, source: NettingSetSource, held: RememberedTerms | None) -> RememberedTerms:
        terms = reset_terms(source.compiled, source.frame)
        for (unit, _), book in source.compiled.of(Flows).books.items():
            terms += coupon_terms(book, unit, source.frame)
        return cls(sorted_rows(terms, source.n_dates, source.n_states))

    def on(self, at: DateContext) -> PartOfDate | None:
        own = self.rows.on(at.date)
        return _OfDate(self.rows, own, at, self.rows.values(own, at)) if own else None

    def tensors(self) -> Mapping[str, DatedTensor]:
        return self.rows.tensors("memory")

    def events(self) -> Ints:
        return self.rows.used

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        return 12 * self.rows.most


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    """``value`` ``(row, path)``."""

    rows: EventRows
    own: RowsOfDate
    at: DateContext
    value: Tensor

    def add_to(self, values: Values) -> Values:
        return add_rows(values, self.own.owner, self.value)

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        gradient += self.rows.load[self.own.rows].T @ row_mask(self.value, self.own.owner, mask)

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        return self.rows.adjoint("memory", self.own, self.at, self._both(mask))

    def event_gradients(self, mask: Tensor) -> Sequence[EventGradient]:
        return self.rows.event_gradient(self.own, self._both(mask))

    def _both(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        return row_mask(self.value, self.own.owner, mask), self.value
