"""Where normals come from: scrambled Sobol points or pseudo-random numbers, ordered or not, mirrored or not.

Paths come in blocks, and blocks in batches that are independent randomisations of the same estimate: every number has a
standard error from the batches, whatever the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, final, get_args

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models import PathNoise
from xva.models.random import brownian_rotation
from xva.numerics.types import Floats

Points = Literal["sobol", "pseudo"]
Ordering = Literal["bridge", "components", "steps"]


@final
@dataclass(frozen=True)
class Sampling:
    """How many paths, and of which points.

    Parameters
    ----------
    paths : int
        Rounded up to whole blocks, as many for every batch.
    batches : int
        Independent scrambles of Sobol points, or groups of pseudo-random paths; at least 4.
    block_size : int
        Paths held in memory at once; an even number, a power of two for Sobol points.
    points : {"sobol", "pseudo"}
        Scrambled Sobol points, or Philox.
    ordering : {"bridge", "components", "steps"}
        What the leading coordinates of a point move: the Brownian bridge's coarse points, principal components of
        Brownian motion on the grid, or simply the first steps.
    antithetic : bool
        The second half of a block has the first half's normals with the other sign.
    seed : int
    """

    paths: int = 1 << 17
    batches: int = 32
    block_size: int = 4096
    points: Points = "sobol"
    ordering: Ordering = "bridge"
    antithetic: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for field, least in (("paths", 1), ("batches", 4), ("block_size", 2), ("seed", 0)):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise DomainError(
                    f"sampling: expected {field}, a whole number from {least} on, got {value!r}", [field]
                )
        for field, allowed in (("points", Points), ("ordering", Ordering)):
            if getattr(self, field) not in get_args(allowed):
                words = " or ".join(get_args(allowed))
                raise DomainError(
                    f"sampling: expected {field} {words}, got {getattr(self, field)!r}", [field]
                )
        odd = self.block_size % 2 if self.points == "pseudo" else self.block_size & (self.block_size - 1)
        if odd:
            what = "an even number" if self.points == "pseudo" else "a power of two for Sobol points"
            raise DomainError(
                f"sampling: expected a block_size that is {what}, got {self.block_size}", ["block_size"]
            )

    @property
    def n_blocks(self) -> int:
        """Of all batches; block ``b`` belongs to batch ``b mod batches``."""
        return -(-self.paths // (self.block_size * self.batches)) * self.batches

    @property
    def n_paths(self) -> int:
        """Paths simulated."""
        return self.n_blocks * self.block_size


@final
@dataclass(frozen=True)
class Normals:
    """Standard normals of every block for a grid, a function of (seed, block).

    Parameters
    ----------
    sampling : Sampling
    times : ndarray
        ``(time,)`` of the grid, the start included.
    width : int
        Normals per step.
    extra : int
        Rows of normals beyond the steps (for smoothing), independent of them.
    """

    sampling: Sampling
    times: Floats
    width: int
    extra: int = 0

    def block(self, number: int) -> Tensor:
        """``(step + extra, normal, path)``."""
        if self.sampling.antithetic:
            half = self._half(number)
            return torch.cat([half, -half], dim=2)
        return self._half(number)

    def _half(self, number: int) -> Tensor:
        if self.sampling.points == "sobol":
            return self._sobol.grid(number)
        rows = len(self._rotation)
        drawn = philox(self.sampling.seed, number, rows * self.width * self._drawn)
        return drawn.reshape(rows, self.width, self._drawn)

    @property
    def _drawn(self) -> int:
        return self.sampling.block_size // (2 if self.sampling.antithetic else 1)

    @cached_property
    def _sobol(self) -> PathNoise:
        return PathNoise(self.sampling.seed, self.sampling.batches, self._drawn, self._rotation, self.width)

    @cached_property
    def _rotation(self) -> Tensor:
        """``(row, row)``; the rows beyond the steps take the last coordinates of a point."""
        steps = self.times[1:] - self.times[0]
        if self.sampling.ordering == "bridge":
            rotation = brownian_bridge(steps)
        elif self.sampling.ordering == "components":
            rotation = brownian_rotation(steps)
        else:
            rotation = torch.eye(len(steps), dtype=torch.float64)
        count = len(steps)
        whole = torch.eye(count + self.extra, dtype=torch.float64)
        whole[:count, :count] = rotation
        return whole


def philox(seed: int, block: int, count: int) -> Tensor:
    """``(count,)`` standard normals: Philox keyed by seed and block, 53 bits never 0, through the inverse normal."""
    generator = np.random.Philox(key=np.array([seed, block], dtype=np.uint64))
    uniform = ((generator.random_raw(count) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    normals: Tensor = torch.special.ndtri(torch.from_numpy(uniform))
    return normals


def brownian_bridge(times: Floats) -> Tensor:
    """Orthogonal ``(date, date)`` matrix taking a Brownian bridge's variates to standardised increments.

    The first variate sets the motion on the last of ``times`` ``(date,)`` > 0, each further one a date halfway between
    two that are set, given them (P. Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 3.1).
    """
    count = len(times)
    moment = np.concatenate([[0.0], times])
    motion = np.zeros((count + 1, count))  # of each date, by variate
    motion[count, 0] = np.sqrt(moment[count])
    gaps, used = [(0, count)], 1
    while gaps:
        left, right = gaps.pop(0)
        if right - left < 2:
            continue
        middle = (left + right) // 2
        share = (moment[middle] - moment[left]) / (moment[right] - moment[left])
        motion[middle] = (1.0 - share) * motion[left] + share * motion[right]
        motion[middle, used] = np.sqrt(share * (moment[right] - moment[middle]))
        used += 1
        gaps += [(left, middle), (middle, right)]
    return torch.from_numpy(np.diff(motion, axis=0) / np.sqrt(np.diff(moment))[:, None])
