"""A compiled netting set on a calibrated market: the small tensors that its values on paths are made of.

Everything that depends on the market is here, differentiable; the kernel (`kernel`) sees these tensors and states only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.part import DatedTensor, NettingSetSource, ValuePart
from xva.exposure.parts.registry import Parts, parts_of
from xva.exposure.state.frame import Frame
from xva.exposure.state.state import EventLayout
from xva.numerics.types import Floats

P = TypeVar("P", bound=ValuePart)


@dataclass(frozen=True)
class NettingSetInputs:
    """All inputs of one netting set: its exposure units, and the parts that its value is the sum of."""

    units: tuple[str, ...]
    parts: Parts

    def part(self, kind: type[P]) -> P:
        """Its part of a kind."""
        (found,) = (part for part in self.parts if isinstance(part, kind))
        return found

    def tensors(self) -> dict[str, DatedTensor]:
        """Of all parts, by their stored names."""
        return {name: dated for part in self.parts for name, dated in part.tensors().items()}

    def highest_degree(self, date: int, rates_row: int) -> int:
        """Chebyshev polynomials that the set needs of one rates state."""
        return max(part.degree(date, rates_row) for part in self.parts)

    @property
    def bound(self) -> Floats:
        """``(date,)`` how far off interpolated values are at most where paths are, in the reporting currency.

        0 where numbers of nodes were held.
        """
        bounds = [part.bound for part in self.parts if part.bound is not None]
        return np.asarray(sum(bounds[1:], bounds[0]))

    def events(self, layout: EventLayout) -> NDArray[np.int64]:
        """Sorted numbers of the events that values depend on, and of those that these go on from."""
        found = {event for part in self.parts for event in part.events().tolist()}
        chain = list(found)
        while chain:
            before = int(layout.base[chain.pop()])
            if before >= 0 and before not in found:
                found.add(before)
                chain.append(before)
        return np.array(sorted(found), dtype=np.int64)

    @property
    def has_events(self) -> bool:
        """Whether values depend on anything but the states of their date."""
        return any(len(part.events()) for part in self.parts)

    def floats_per_path(self, n_states: int) -> int:
        """Numbers kept for every path while a date is computed, at most."""
        return sum(part.floats_per_path(n_states) for part in self.parts)


def netting_set_inputs(
    compiled: CompiledSet, frame: Frame, exercise_width: float, held: NettingSetInputs | None = None
) -> NettingSetInputs:
    """Build the inputs of one netting set.

    Parameters
    ----------
    exercise_width : float
        The exercise's width in standard deviations of the state.
    held : NettingSetInputs, optional
        The same set's in a run on the same dates: its numbers of nodes and widths of exercises are kept. By default they
        are decided here.
    """
    source = NettingSetSource(compiled, frame, exercise_width)
    return NettingSetInputs(compiled.units, parts_of(source, held.parts if held else None))
