"""The contract of a part: one way in which a netting set has value.

A netting set is worth the sum of its parts. A part is made once from claims, with its graph to the market (`ValuePart.of`);
on a date it gives values on all paths (`ValuePart.on`), and then, in closed form and from its own by-products, what they
are derivatives to: the paths' states, its own tensors, events of the paths. The kernel loops over the parts that
`registry` names; whoever adds a kind of claim adds a part there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import Swaptions
from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.date_context import DateContext
from xva.exposure.state.frame import Frame
from xva.models.lgm_swaption import SwaptionTerms
from xva.numerics.types import Floats, Ints
from xva.pricing.swaption import book_swaption


@dataclass(frozen=True)
class NettingSetSource:
    """What a netting set's parts are made of: its claims on the run's frame.

    ``exercise_width`` is the softness of exercises in standard deviations of the state.
    """

    compiled: CompiledSet
    frame: Frame
    exercise_width: float

    @property
    def n_dates(self) -> int:
        return len(self.frame.times)

    @property
    def n_states(self) -> int:
        return len(self.frame.model.factors)

    @cached_property
    def swaptions(self) -> tuple[SwaptionTerms, ...]:
        """Closed forms of the compiled swaptions, in their order; several parts share them."""
        curves, model = self.frame.curves, self.frame.model
        return tuple(
            book_swaption(s.underlying, s.expiry, curves, model.lgm(s.currency), s.label, s.cash)
            for s in self.compiled.of(Swaptions).items
        )


@dataclass(frozen=True)
class DatedTensor:
    """A part's tensor and the date that each of its rows belongs to.

    ``edges`` ``(date + 1,)`` say where each date's rows begin and end; None where the leading axis is the dates.
    """

    value: Tensor
    edges: Ints | None = None

    def on(self, date: int) -> int | slice:
        """Where a date's rows are."""
        if self.edges is None:
            return date
        return slice(int(self.edges[date]), int(self.edges[date + 1]))

    @property
    def date_of(self) -> Ints:
        """``(row,)`` the date of each row."""
        if self.edges is None:
            return np.arange(len(self.value))
        return np.repeat(np.arange(len(self.edges) - 1), np.diff(self.edges))


class Values(NamedTuple):
    """A netting set's values ``(unit, path)`` on a date.

    ``soft`` uses soft exercise; ``hard`` and ``half`` (the same object where there is none) the exact indicator and half the
    softness.
    """

    soft: Tensor
    hard: Tensor
    half: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> Values:
        """All changed alike; once for all where they are the same."""
        soft = change(self.soft)
        if self.hard is self.soft:
            return Values(soft, soft, soft)
        return Values(soft, change(self.hard), change(self.half))


class Decision(NamedTuple):
    """dV/du ``(path,)`` of the event scalar that an exercise was decided by.

    ``boundary`` and ``place`` say what the scalar was compared with (`ValuePart.boundaries`), whose derivative is minus
    this one.
    """

    event: int
    unit: int
    boundary: str
    place: int
    slope: Tensor


class EventGradient(NamedTuple):
    """dV/du of events (their numbers, increasing): ``masked`` and ``every``, all paths', ``(event, path)``."""

    events: Ints
    masked: Tensor
    every: Tensor


class ValuePart(ABC):
    """One way in which a netting set has value; its subclasses are frozen dataclasses of tensors and arrays.

    Tensors have graph where the market has; arrays are constants of the run. A netting set without claims of the kind has
    a part too, an empty one.
    """

    decides: ClassVar[bool] = False
    """Whether an event decides what it is worth, softly or exactly: values of such parts are added last."""

    @classmethod
    @abstractmethod
    def of(cls, source: NettingSetSource, held: Self | None) -> Self:
        """Make the part from claims.

        ``held`` is the base run's, of which all that is no tensor is kept where the market is another one: numbers of
        nodes, widths of exercises.
        """

    @abstractmethod
    def on(self, at: DateContext) -> PartOfDate | None:
        """Its values and their by-products on a date; None where it has none."""

    @abstractmethod
    def tensors(self) -> Mapping[str, DatedTensor]:
        """All that `PartOfDate.input_adjoint` is derivatives to, by the names under which these are stored."""

    @abstractmethod
    def events(self) -> Ints:
        """Numbers of the events that values depend on, in any order."""

    @abstractmethod
    def degree(self, date: int, rates_row: int) -> int:
        """How many Chebyshev polynomials of a rates state it asks for; 0 for none."""

    @abstractmethod
    def floats_per_path(self, n_states: int) -> int:
        """Numbers that it keeps for every path while a date is computed, at most."""

    @property
    def boundaries(self) -> Mapping[str, Tensor]:
        """Exercise boundaries ``(decision,)`` by the names under which their adjoints are stored."""
        return {}

    @property
    def bound(self) -> Floats | None:
        """``(date,)`` of its error where paths are, in reporting currency; None where it is exact."""
        return None


class PartOfDate(ABC):
    """A part on one date's paths, with the by-products that its derivatives are made of.

    ``mask`` is ``(unit, path)`` everywhere, or None for ones.
    """

    @abstractmethod
    def add_to(self, values: Values) -> Values:
        """The values with this part's added to them."""

    @abstractmethod
    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        """Add ``sum over units of mask dV/ds`` to ``(state, path)``, in place: every path's value to its own state."""

    @abstractmethod
    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        """``sum over paths of mask dV/d(tensor)`` and the same without mask, for the date's rows of `ValuePart.tensors`.

        A leading axis of two (masked, all paths), then the shape of the date's slice.
        """

    def event_gradients(self, mask: Tensor) -> Sequence[EventGradient]:
        """Derivatives to what the date's terms remember of the path."""
        return ()

    def decisions(self) -> Sequence[Decision]:
        """Derivatives to what decided exercises."""
        return ()


def add_rows(values: Values, unit: Ints | Tensor, rows: Tensor) -> Values:
    """Values with ``(row, path)`` added to their units."""
    index = torch.as_tensor(unit, device=rows.device)
    return values.each(lambda value: value.index_add(0, index, rows))
