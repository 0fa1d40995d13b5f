"""Stages: the pure functions of inputs and noise that a computation is a chain of.

A stage writes its forward only; `sweep` makes values, reverse passes, Hessian-vector products and bumps of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xva.exposure.block import ExposureData
from xva.exposure.block.data import BlockNoise, block_noise, date_view, noise_paths
from xva.exposure.parts.kernel import date_values
from xva.exposure.parts.netting_set import NettingSetInputs
from xva.exposure.state.state import EventState, GridState
from xva.numerics.smoothing import positive_part


class Stage(ABC):
    """One differentiable function of small inputs, summed over blocks of paths.

    A stage carries what does not depend on the market; it travels to whoever computes a block.
    """

    @property
    @abstractmethod
    def n_blocks(self) -> int: ...

    @abstractmethod
    def sums(self, inputs: Any, block: int) -> Tensor:
        """Sums over the block's paths, float64, in differentiable torch operations of the ``inputs``' tensors.

        ``inputs`` is a tree (`xva.numerics.tree`) through which alone the market comes in; the noise is the block's own
        and carries no parameter.
        """


@dataclass(frozen=True)
class ExposureInputs:
    """What paths and values of netting sets are made of."""

    grid: GridState
    events: EventState
    sets: tuple[NettingSetInputs, ...]


@dataclass(frozen=True)
class ExposureStage(Stage):
    """Profiles of netting sets: ``(side, netting_set, time)``, EPE and ENE, with soft exercise.

    Parameters
    ----------
    data : ExposureData
        Of the base run; its own grid, events and sets are replaced by the inputs'.
    kink : Tensor, optional
        ``(unit, time)`` standard deviations of a Gaussian that ``max(V, 0)`` is smoothed by, units of all netting sets in
        order (see `kink_widths`); exact where 0 or omitted.
    """

    data: ExposureData
    kink: Tensor | None = None

    @property
    def n_blocks(self) -> int:
        return self.data.n_blocks

    def sums(self, inputs: ExposureInputs, block: int) -> Tensor:
        return self.profiles(inputs, block_noise(self.data, block), 1)[0]

    def profiles(self, inputs: ExposureInputs, noise: BlockNoise, groups: int) -> Tensor:
        """Sums over each of ``groups`` equal consecutive shares of the paths, ``(group, side, netting_set, time)``."""
        values = unit_values(self.data, inputs, noise)
        columns = []
        for t, per_set in enumerate(values):
            first = 0
            rows = []
            for value in per_set:
                units = slice(first, first + len(value))
                first = units.stop
                width = 0.0 if self.kink is None else self.kink[units, t, None]
                sided = torch.stack([positive_part(value, width), positive_part(-value, width)])
                rows.append(sided.reshape(2, len(value), groups, -1).sum((1, 3)))
            columns.append(torch.stack(rows))
        return torch.stack(columns).permute(3, 2, 1, 0)


@dataclass(frozen=True)
class MomentStage(Stage):
    """First and second moments of every unit's value: ``(moment, unit, time)``."""

    data: ExposureData

    @property
    def n_blocks(self) -> int:
        return self.data.n_blocks

    def sums(self, inputs: ExposureInputs, block: int) -> Tensor:
        values = unit_values(self.data, inputs, block_noise(self.data, block))
        columns = [torch.cat(per_set) for per_set in values]
        return torch.stack([torch.stack([v.sum(-1), (v * v).sum(-1)]) for v in columns], dim=-1)


def unit_values(data: ExposureData, inputs: ExposureInputs, noise: BlockNoise) -> list[list[Tensor]]:
    """Values ``(unit, path)`` by date and netting set, exercise soft."""
    held = replace(data, grid=inputs.grid, events=inputs.events, sets=inputs.sets)
    states, events = noise_paths(held, noise)
    views = (date_view(held, t, states, events) for t in range(len(data.days)))
    return [[date_values(s, at).value for s in inputs.sets] for at in views]


def join_noise(parts: Sequence[BlockNoise]) -> BlockNoise:
    """The paths of several blocks side by side."""
    residuals = zip(*(p.residuals for p in parts))
    return BlockNoise(
        torch.cat([p.normals for p in parts], dim=-1),
        tuple(torch.cat(interval, dim=-1) for interval in residuals),
    )


def kink_widths(moments: Tensor, paths: int, share: float) -> Tensor:
    """``share`` of each unit's standard deviation ``(unit, time)``, from `MomentStage`'s sums; 0 where it has none."""
    mean, square = moments[0] / paths, moments[1] / paths
    rounding = 64 * np.finfo(np.float64).eps * square
    variance = square - mean * mean
    return share * torch.sqrt(torch.where(variance > rounding, variance, torch.zeros_like(variance)))
