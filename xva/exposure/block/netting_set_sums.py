"""Adjoints of one netting set's profiles, summed over paths: by what they are derivatives to, and as arrays to store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.netting_set import NettingSetInputs
from xva.exposure.state.state import EventState, GridState

Sums = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class NettingSetSums:
    """Sums, or means, over paths.

    ``inputs`` are derivatives of each side (EPE, ENE) to the parts' dated tensors, by name with a leading side axis. All
    else is of each measure, with its weights, on a leading axis: ``grid`` to the state's increments (rows of active states
    only), ``events`` to the scalars that the set depends on (in the order of `NettingSetInputs.events`), ``boundaries`` to
    those of exercises; None and nothing where it depends on no event.
    """

    inputs: Mapping[str, Tensor]
    grid: GridState
    events: EventState | None
    boundaries: Mapping[str, Tensor]

    def arrays(self, number: int) -> dict[str, NDArray[np.float64]]:
        """As float64 arrays, by the names under which a block's sums of netting set ``number`` are stored."""
        state = _of_fields("grid", self.grid)
        if self.events is not None:
            state |= _of_fields("events", self.events)
        found = {**state, **self.inputs, **self.boundaries}
        return {_key(number, name): value.double().cpu().numpy() for name, value in found.items()}

    @classmethod
    def read(cls, sums: Sums, number: int, inputs: NettingSetInputs) -> NettingSetSums:
        """What `arrays` gave, of a netting set with these inputs; names that are missing are zero."""

        def known(names: Mapping[str, Any]) -> dict[str, Tensor]:
            return {n: torch.from_numpy(sums[_key(number, n)]) for n in names if _key(number, n) in sums}

        grid = GridState(*(torch.from_numpy(sums[_key(number, n)]) for n in _names("grid", GridState)))
        names = _names("events", EventState)
        events = None
        if has_events(sums, number):
            events = EventState(*(torch.from_numpy(sums[_key(number, n)]) for n in names))
        boundaries = {name: value for part in inputs.parts for name, value in part.boundaries.items()}
        return cls(known(inputs.tensors()), grid, events, known(boundaries) if events is not None else {})


def has_events(sums: Sums, number: int) -> bool:
    """Whether a netting set's sums have derivatives to events."""
    return _key(number, _names("events", EventState)[0]) in sums


def _key(number: int, name: str) -> str:
    return f"adjoint/{number}/{name}"


def _names(part: str, kind: type[GridState] | type[EventState]) -> list[str]:
    return [f"{part}.{f.name}" for f in fields(kind)]


def _of_fields(part: str, state: GridState | EventState) -> dict[str, Tensor]:
    names = _names(part, type(state))
    return {n: getattr(state, f.name) for n, f in zip(names, fields(state), strict=True)}
