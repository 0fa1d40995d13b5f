"""What a block of paths is given: the run's constants, its own noise, and the paths made of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.date_context import DateContext, date_context
from xva.exposure.parts.netting_set import NettingSetInputs
from xva.exposure.state.state import (
    EventLayout,
    EventState,
    GridState,
    event_paths,
    state_paths,
)
from xva.models import PathNoise
from xva.models.state_layout import StateLayout

PROFILES = ("epe", "ene", "value", "epe_soft", "ene_soft", "epe_half", "ene_half")
PLUG_IN = (
    "epe_plugin",
    "ene_plugin",
    "value_plugin",
    "outside",
)  # where part of a netting set is a surrogate


@dataclass(frozen=True)
class ExposureData:
    """All that a block needs; every tensor is a constant here.

    Parameters
    ----------
    noise : PathNoise
    n_blocks : int
    days : ndarray
        ``(time,)`` int64 days from 1970-01-01, the first one being ``as_of``; ``times`` their year fractions.
    netting_sets, counterparties, factors : tuple of str
    currency : str
        Reporting currency.
    grid, events, layout
        The state (`state`).
    centre, scale : Tensor
        ``(time, currency)`` Chebyshev intervals.
    sets : tuple of NettingSetInputs
        One per netting set.
    active : tuple of ndarray
        States that each netting set's value depends on.
    weights : Tensor
        ``(measure, netting_set, time)`` weights of the adjustments (`registry.MEASURES`).
    adjoint : bool
        Whether to accumulate derivatives.
    dtype, device : str
        Of the path part.
    measure : str
        Under which paths are; for people.
    """

    noise: PathNoise
    n_blocks: int
    days: NDArray[np.int64]
    times: NDArray[np.float64]
    netting_sets: tuple[str, ...]
    counterparties: tuple[str, ...]
    factors: tuple[str, ...]
    currency: str
    grid: GridState
    events: EventState
    layout: EventLayout
    centre: Tensor
    scale: Tensor
    sets: tuple[NettingSetInputs, ...]
    active: tuple[NDArray[np.int64], ...]
    weights: Tensor
    adjoint: bool
    dtype: str = "float64"
    device: str = "cpu"
    measure: str = ""

    def __repr__(self) -> str:
        paths = self.n_blocks * self.noise.block_size
        return f"ExposureData({paths:,} paths, {len(self.days)} dates, netting sets {', '.join(self.netting_sets)})"

    @property
    def netted(self) -> tuple[bool, ...]:
        """Whether a netting set's exposure is the positive part of its value: it is one unit, of its own name."""
        return tuple(s.units == (name,) for s, name in zip(self.sets, self.netting_sets))

    @cached_property
    def states(self) -> StateLayout:
        """Where everything is in the state."""
        return StateLayout.of(self.factors)

    def only(self, numbers: Sequence[int]) -> ExposureData:
        """The same market and paths with some of the netting sets."""
        return replace(
            self,
            netting_sets=tuple(self.netting_sets[i] for i in numbers),
            counterparties=tuple(self.counterparties[i] for i in numbers),
            sets=tuple(self.sets[i] for i in numbers),
            active=tuple(self.active[i] for i in numbers),
            weights=self.weights[:, list(numbers)],
        )


@dataclass(frozen=True)
class BlockNoise:
    """A block's standard normals: ``normals`` ``(step, state, path)``, ``residuals[k]`` ``(noise, path)`` of interval k."""

    normals: Tensor
    residuals: tuple[Tensor, ...]


def block_noise(data: ExposureData, block: int) -> BlockNoise:
    """Draw what a block is made of; it depends on no market."""
    like = data.grid.initial
    names = (*data.factors, *(f"ACCRUAL:{c}" for c in data.layout.accruals))
    residuals = tuple(
        torch.stack([data.noise.event(block, day, names[s]) for day, s in noise]).to(like)
        if noise
        else like.new_zeros(0, data.noise.block_size)
        for noise in data.layout.noises
    )
    return BlockNoise(data.noise.grid(block).to(like), residuals)


def noise_paths(data: ExposureData, noise: BlockNoise) -> tuple[Tensor, Tensor]:
    """States ``(time, state, path)`` and event scalars ``(event, path)``."""
    states = state_paths(data.grid, noise.normals)
    return states, event_paths(data.events, data.layout, states, noise.normals, noise.residuals)


def date_view(data: ExposureData, t: int, states: Tensor, events: Tensor) -> DateContext:
    """What the netting sets see of date ``t``."""
    layout = data.states
    degrees = [max(s.highest_degree(t, row) for s in data.sets) for row in range(layout.n_rates)]
    return date_context(t, states[t], layout, data.centre[t], data.scale[t], events, degrees)
