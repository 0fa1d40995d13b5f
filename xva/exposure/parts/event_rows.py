"""Terms that remember what happened on their path: a reset's notional, a coupon that fixed or is running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.part import DatedTensor, EventGradient
from xva.numerics.types import Ints

NO_EVENT = -1
MOST_EVENTS = 3
"""Of one term: an FX fixing, and the two ends of what a compounded coupon has accrued."""


@dataclass(frozen=True)
class EventRows:
    """One term at one date each, sorted by date: ``sign exp(log + load . s + tie . u)``, u being events of the path.

    ``edges`` ``(date + 1,)``; ``owner`` ``(row,)`` is a unit, or a swaption's number among the live ones; ``event``
    ``(row, 3)`` numbers of event scalars, `NO_EVENT` beyond those the term has; ``sign``, ``log`` ``(row,)``, ``load``
    ``(row, state)``, ``tie`` ``(row, 3)``, zero where there is no event.
    """

    edges: Ints
    owner: Ints
    event: Ints
    sign: NDArray[np.float64]
    log: Tensor
    load: Tensor
    tie: Tensor

    def on(self, date: int) -> RowsOfDate:
        """The rows of a date."""
        return self._dates[date]

    def values(self, own: RowsOfDate, at: DateContext) -> Tensor:
        """``(row, path)`` values of a date's rows."""
        log = self.log[own.rows, None] + self.load[own.rows] @ at.state
        if len(own.numbers):
            log = log + own.ties(self.tie[own.rows]) @ at.events[own.numbers]
        return own.sign * torch.exp(log)

    def tensors(self, name: str) -> dict[str, DatedTensor]:
        """Its tensors, stored under ``name``."""
        return {
            f"{name}.log": DatedTensor(self.log, self.edges),
            f"{name}.load": DatedTensor(self.load, self.edges),
            f"{name}.tie": DatedTensor(self.tie, self.edges),
        }

    def adjoint(
        self, name: str, own: RowsOfDate, at: DateContext, both: tuple[Tensor, Tensor]
    ) -> Mapping[str, Tensor]:
        """Derivatives to the tensors of a date's rows, from their values ``(row, path)``, masked and all paths'."""
        n = at.state.shape[0]
        one = torch.cat([at.state, torch.ones_like(at.state[:1]), at.events[own.numbers]])
        sums = torch.stack([value @ one.T for value in both])
        tie = torch.stack([own.each(side) for side in sums[..., n + 1 :]])
        return {f"{name}.log": sums[..., n], f"{name}.load": sums[..., :n], f"{name}.tie": tie}

    def event_gradient(self, own: RowsOfDate, both: tuple[Tensor, Tensor]) -> list[EventGradient]:
        """Derivatives to a date's events, from the rows' values, masked and all paths'; none where there are no events."""
        if not len(own.numbers):
            return []
        tie = own.ties(self.tie[own.rows]).T
        return [EventGradient(own.numbers, tie @ both[0], tie @ both[1])]

    @property
    def used(self) -> Ints:
        """Numbers of the events that any row is tied to."""
        return self.event[self.event >= 0]

    @property
    def most(self) -> int:
        """Rows of the busiest date."""
        return int(np.diff(self.edges).max(initial=0))

    @cached_property
    def _dates(self) -> tuple[RowsOfDate, ...]:
        return tuple(self._rows_of(int(a), int(b)) for a, b in pairwise(self.edges))

    def _rows_of(self, start: int, stop: int) -> RowsOfDate:
        event, device = self.event[start:stop], self.tie.device
        row, column = np.nonzero(event >= 0)
        numbers, place = np.unique(event[row, column], return_inverse=True)
        sign = torch.from_numpy(self.sign[start:stop, None]).to(self.log)
        owner, at_row, at_column, at_number = (
            torch.from_numpy(a).to(device) for a in (self.owner[start:stop], row, column, place)
        )
        return RowsOfDate(slice(start, stop), owner, sign, at_row, at_column, numbers, at_number)


@dataclass(frozen=True)
class RowsOfDate:
    """Where a date's rows are, ``owner`` ``(row,)`` and ``sign`` ``(row, 1)`` of them, and the events they are tied to.

    ``numbers`` ``(event,)`` are the distinct ones, increasing; tie ``(row[k], column[k])`` is to ``numbers[place[k]]``.
    """

    rows: slice
    owner: Tensor
    sign: Tensor
    row: Tensor
    column: Tensor
    numbers: Ints
    place: Tensor

    def __bool__(self) -> bool:
        return len(self.owner) > 0

    def ties(self, tie: Tensor) -> Tensor:
        """``(row, event)`` coefficients of the distinct events, from the rows' own ``(row, 3)``."""
        found = tie.new_zeros(len(tie), len(self.numbers))
        return found.index_put((self.row, self.place), tie[self.row, self.column], accumulate=True)

    def each(self, by_event: Tensor) -> Tensor:
        """``(row, 3)`` from ``(row, event)``, zero where there is no event: the transpose of `ties`."""
        found = by_event.new_zeros(len(by_event), MOST_EVENTS)
        found[self.row, self.column] = by_event[self.row, self.place]
        return found


class EventTerms(NamedTuple):
    """Terms of one kind in any order; fields as of `EventRows`, ``date`` ``(term,)``."""

    date: Ints
    owner: Ints
    event: Ints
    sign: NDArray[np.float64]
    log: Tensor
    load: Tensor
    tie: Tensor


def sorted_rows(terms: Sequence[EventTerms], n_dates: int, n_states: int) -> EventRows:
    """All terms by date, then owner."""
    if not terms:
        none, empty = np.zeros(0, dtype=np.int64), torch.zeros(0, dtype=torch.float64)
        return EventRows(
            np.zeros(n_dates + 1, dtype=np.int64),
            none,
            np.zeros((0, MOST_EVENTS), dtype=np.int64),
            np.zeros(0),
            empty,
            empty.new_zeros(0, n_states),
            empty.new_zeros(0, MOST_EVENTS),
        )
    date = np.concatenate([t.date for t in terms])
    owner = np.concatenate([t.owner for t in terms])
    order = np.lexsort((owner, date))
    pick = torch.from_numpy(order)
    return EventRows(
        np.searchsorted(date[order], np.arange(n_dates + 1)),
        owner[order],
        np.concatenate([t.event for t in terms])[order],
        np.concatenate([t.sign for t in terms])[order],
        torch.cat([t.log for t in terms])[pick],
        torch.cat([t.load for t in terms])[pick],
        torch.cat([t.tie for t in terms])[pick],
    )


def event_columns(*columns: Ints) -> Ints:
    """``(term, 3)`` from one ``(term,)`` column of event numbers each, the rest `NO_EVENT`."""
    rest = np.full((len(columns[0]), MOST_EVENTS - len(columns)), NO_EVENT, dtype=np.int64)
    return np.column_stack([*columns, rest]).astype(np.int64)


def tie_columns(event: Ints, *columns: Tensor) -> Tensor:
    """``(term, 3)`` from one ``(term,)`` column of coefficients each, zero where there is no event."""
    first = columns[0]
    rest = [torch.zeros_like(first)] * (MOST_EVENTS - len(columns))
    return torch.stack([*columns, *rest], dim=1) * torch.from_numpy((event >= 0).astype(np.float64))
