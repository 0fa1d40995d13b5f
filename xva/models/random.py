"""Random numbers that are addressed, not drawn: a path is a function of (seed, path index).

Grid dates: scrambled Sobol (Owen 1998; Joe & Kuo 2008 direction numbers), ordered by the principal components of
Brownian motion on the grid. Block ``b`` takes scramble ``b mod R`` and points ``(b // R) B ...``, so blocks never cross
a scramble and every sum has a standard error from the R scrambles. Event dates: Philox (Salmon et al. 2011) keyed by
(seed, date, factor) and advanced to the path.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.quasirandom import SobolEngine

from xva.errors import DomainError

Floats = NDArray[np.float64]
MAX_DIMENSION: int = SobolEngine.MAXDIM
_SOBOL: Any = SobolEngine  # torch leaves it untyped


@dataclass(frozen=True)
class PathNoise:
    """Standard normals of every block.

    Parameters
    ----------
    seed : int
    scrambles : int
        R, independent randomisations; the number of blocks is a multiple of it.
    block_size : int
        Paths per block; a power of two keeps the points balanced.
    rotation : Tensor
        ``(date, component)`` orthonormal rows: `brownian_rotation`, or what `merged_rotation` has left of one.
    n_factors : int
    """

    seed: int
    scrambles: int
    block_size: int
    rotation: Tensor
    n_factors: int

    def __post_init__(self) -> None:
        dimension = self.rotation.shape[1] * self.n_factors
        if dimension > MAX_DIMENSION:
            raise DomainError(
                f"dates x factors: expected at most {MAX_DIMENSION} (Sobol's limit), got {self.rotation.shape[1]} x "
                f"{self.n_factors} = {dimension}; use fewer dates"
            )

    def grid(self, block: int) -> Tensor:
        """``(date, factor, path)`` independent standard normals of a block's increments."""
        n_dates, n_components = self.rotation.shape
        seeds = np.random.SeedSequence(self.seed).spawn(self.scrambles)
        scramble_seed = int(seeds[block % self.scrambles].generate_state(1, np.uint32)[0])
        first = (block // self.scrambles) * self.block_size
        uniform = scrambled_sobol(n_components * self.n_factors, scramble_seed, self.block_size, first)
        normal: Tensor = torch.special.ndtri(uniform.clamp(2.0**-31, 1.0 - 2.0**-31))
        components = normal.T.reshape(n_components, self.n_factors * self.block_size)
        return (self.rotation @ components).reshape(n_dates, self.n_factors, self.block_size)

    def event(self, block: int, day: int, factor: str) -> Tensor:
        """``(path,)`` standard normals of one factor on one event date (``day`` counted from 1970-01-01)."""
        label = zlib.crc32(factor.encode())
        generator = np.random.Philox(key=np.array([self.seed, (day << 32) | label], dtype=np.uint64))
        first = block * self.block_size
        generator.advance(first // 4)
        raw = generator.random_raw(self.block_size + first % 4)[first % 4 :]
        uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        normal: Tensor = torch.special.ndtri(torch.from_numpy(uniform))
        return normal


def scrambled_sobol(dimension: int, seed: int, count: int, first: int = 0) -> Tensor:
    """Points ``first`` to ``first + count`` of an Owen-scrambled Sobol sequence, ``(count, dimension)`` in [0, 1).

    Whatever dtype they are asked for in, torch (2.13) keeps the sequence's very first point in its default dtype, so that one
    path would differ between processes with other defaults; it is taken from the engine's integers here.
    """
    engine: Any = _SOBOL(dimension, scramble=True, seed=seed)
    if first:
        engine.fast_forward(first)
        points: Tensor = engine.draw(count, dtype=torch.float64)
        return points
    head = engine.quasi.to(torch.float64)[None] * 2.0**-engine.MAXBIT
    engine.fast_forward(1)
    return torch.cat([head, engine.draw(count - 1, dtype=torch.float64)]) if count > 1 else head


def brownian_rotation(times: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Tensor:
    """Orthogonal matrix taking principal components of Brownian motion to standardised increments.

    ``times`` ``(date,)`` > 0; column j belongs to the j-th largest eigenvalue of ``min(t_i, t_k)``.
    """
    t = torch.from_numpy(np.asarray(times, dtype=np.float64))
    eigenvalue, vector = torch.linalg.eigh(torch.minimum(t[:, None], t[None, :]))
    eigenvalue, vector = eigenvalue.flip(0), vector.flip(1)
    vector = vector * torch.sign(vector[-1]).masked_fill(vector[-1] == 0, 1.0)
    component = vector * torch.sqrt(eigenvalue)
    increment = torch.diff(component, dim=0, prepend=torch.zeros_like(component[:1]))
    return increment / torch.sqrt(torch.diff(t, prepend=t.new_zeros(1)))[:, None]


def merged_rotation(rotation: Tensor, times: Floats, passed: int) -> Tensor:
    """``(date - passed, component)``: the rotation once the first ``passed`` of its ``times`` ``(date,)`` have gone by.

    Later increments keep their numbers. The first one left takes those of the path up to its date: in the paths of another
    day, everything else being equal, what differs is the length of that step and nothing else.
    """
    steps = np.diff(times[: passed + 1], prepend=0.0)
    share = torch.from_numpy(np.sqrt(steps / times[passed]))
    return torch.cat([share[None, :] @ rotation[: passed + 1], rotation[passed + 1 :]])
