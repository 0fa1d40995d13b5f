"""A netting set's values on one date's paths, with the closed-form by-products that are their derivatives: a loop over parts.

`date_values` is written in plain differentiable torch operations: the generic engine differentiates it by autograd.
The exposure stage uses the by-products instead (`input_adjoint`, `state_gradient`), which cost a fraction of it; a test
holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.netting_set import NettingSetInputs
from xva.exposure.parts.part import Decision, EventGradient, PartOfDate, Values


@dataclass(frozen=True)
class DateTape:
    """Values of a netting set on a date, and the parts that have any, in the order of the registry.

    ``decided_last`` are the same parts, those that events decide at the end.
    """

    values: Values
    parts: tuple[PartOfDate, ...]
    decided_last: tuple[PartOfDate, ...]

    @property
    def value(self) -> Tensor:
        """``(unit, path)`` with soft exercise."""
        return self.values.soft

    @property
    def hard(self) -> Tensor:
        """With the exact indicator; the same object where nothing is decided."""
        return self.values.hard

    @property
    def half(self) -> Tensor:
        """With half the softness; the same object where nothing is decided."""
        return self.values.half


def date_values(s: NettingSetInputs, at: DateContext) -> DateTape:
    """Values and by-products of one netting set on one date."""
    plain: list[PartOfDate] = []
    decided: list[PartOfDate] = []
    parts: list[PartOfDate] = []
    for part in s.parts:
        found = part.on(at)
        if found is not None:
            parts.append(found)
            (decided if part.decides else plain).append(found)
    nothing = at.state.new_zeros(len(s.units), at.state.shape[-1])
    values = Values(nothing, nothing, nothing)
    last = (*plain, *decided)
    for found in last:
        values = found.add_to(values)
    return DateTape(values, tuple(parts), last)


def state_gradient(at: DateContext, tape: DateTape, mask: Tensor | None = None) -> Tensor:
    """``sum over units of mask dV/ds`` ``(state, path)``: every path's own value to its own state.

    ``mask`` is ``(unit, path)``, or None for ones.
    """
    gradient = torch.zeros_like(at.state)
    for part in tape.parts:
        part.add_state_gradient(gradient, mask)
    return gradient


def input_adjoint(tape: DateTape, mask: Tensor) -> dict[str, Tensor]:
    """``sum over paths of mask dV/d(tensor)`` of this date's rows of all parts' tensors, and the same without mask.

    Parameters
    ----------
    mask : Tensor
        ``(unit, path)``.

    Returns
    -------
    dict
        By the tensors' names; a leading axis of two (masked, all paths), then the shape of the date's slice of that
        tensor. Event scalars are not in here: see `event_gradients`.
    """
    found: dict[str, Tensor] = {}
    for part in tape.parts:
        found |= part.input_adjoint(mask)
    return found


def decisions(tape: DateTape) -> Iterator[Decision]:
    """Derivatives to the events that decided exercises; the boundaries have minus the same."""
    for part in tape.parts:
        yield from part.decisions()


def event_gradients(tape: DateTape, mask: Tensor) -> Iterator[EventGradient]:
    """Derivatives to what the date's terms remember of the path."""
    for part in tape.decided_last:
        yield from part.event_gradients(mask)
