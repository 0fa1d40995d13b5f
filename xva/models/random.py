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
from torch import Tensor
from torch.quasirandom import SobolEngine

from xva.errors import DomainError

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
        ``(date, date)`` orthogonal matrix from `brownian_rotation`.
    n_factors : int
    """

    seed: int
    scrambles: int
    block_size: int
    rotation: Tensor
    n_factors: int

    def __post_init__(self) -> None:
        dimension = self.rotation.shape[0] * self.n_factors
        if dimension > MAX_DIMENSION:
            raise DomainError(
                f"dates x factors: expected at most {MAX_DIMENSION} (Sobol's limit), got {self.rotation.shape[0]} x "
                f"{self.n_factors} = {dimension}; use fewer dates"
            )

    def grid(self, block: int) -> Tensor:
        """``(date, factor, path)`` independent standard normals of a block's increments."""
        n_dates = self.rotation.shape[0]
        seeds = np.random.SeedSequence(self.seed).spawn(self.scrambles)
        scramble_seed = int(seeds[block % self.scrambles].generate_state(1, np.uint32)[0])
        engine: Any = _SOBOL(n_dates * self.n_factors, scramble=True, seed=scramble_seed)
        engine.fast_forward((block // self.scrambles) * self.block_size)
        uniform: Tensor = engine.draw(self.block_size, dtype=torch.float64)
        normal: Tensor = torch.special.ndtri(uniform.clamp(2.0**-31, 1.0 - 2.0**-31))
        components = normal.T.reshape(n_dates, self.n_factors * self.block_size)
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
