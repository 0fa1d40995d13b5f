"""Random numbers that are addressed, not drawn: a path is a function of (seed, path index).

Grid dates: scrambled Sobol (Matousek 1998; Joe & Kuo 2008 direction numbers), ordered by the principal components of
Brownian motion on the grid. A component's numbers do not depend on how many there are, so two days' grids share theirs.
Block ``b`` takes scramble ``b mod R`` and points ``(b // R) B ...``, so blocks never cross a scramble and every sum has a
standard error from the R scrambles. Event dates: Philox (Salmon et al. 2011) keyed by (seed, date, factor) and advanced to
the path.
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
from xva.numerics.types import Floats

MAX_DIMENSION: int = SobolEngine.MAXDIM
_SOBOL: Any = SobolEngine  # torch leaves it untyped
_BITS: int = SobolEngine.MAXBIT
_SCRAMBLE = 1  # tells the scrambles' generator from others of the same seed
_NO_PIVOT = 1e-100  # in place of one that is exactly nought, of either sign


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
        seeds = np.random.SeedSequence(self.seed, spawn_key=(block % self.scrambles,))
        scramble_seed = int(seeds.generate_state(1, np.uint32)[0])
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
    """Points ``first`` to ``first + count`` of a scrambled Sobol sequence, ``(count, dimension)`` in [0, 1).

    Torch's direction numbers under a random linear scramble and a digital shift (Matousek 1998), as torch's own engine has
    them; but here those of a coordinate depend on the seed and its number alone, whereas torch draws them for all at once.
    So grids with more or fewer dates share the numbers that they have in common, and no bit hangs on torch's default dtype.
    """
    direction, shift = _scrambled_directions(dimension, seed)
    bits = (count - 1).bit_length()
    size = 1 << bits
    # points in Gray code order: a half is the other one mirrored
    head = np.zeros((1, dimension), dtype=np.uint32)
    for bit in range(bits):
        head = np.concatenate([head, head[::-1] ^ direction[:, bit]])
    parts = []
    for base in range(first // size * size, first + count, size):
        gray, start = base ^ (base >> 1), shift.copy()
        for bit in range(gray.bit_length()):
            if gray >> bit & 1:
                start ^= direction[:, bit]
        parts.append(head[max(first - base, 0) : first + count - base] ^ start)
    return torch.from_numpy(np.concatenate(parts) * 2.0**-_BITS)


def _scrambled_directions(dimension: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Direction numbers ``(coordinate, bit)`` and shifts ``(coordinate,)``, as integers of 30 bits."""
    plain = _SOBOL(dimension, scramble=False).sobolstate.numpy().astype(np.uint32)
    generator = np.random.Philox(key=np.array([seed, _SCRAMBLE], dtype=np.uint64))
    raw = generator.random_raw(dimension * (_BITS + 1)).reshape(dimension, _BITS + 1)
    random = (raw >> np.uint64(64 - _BITS)).astype(np.uint32)
    direction = np.zeros_like(plain)
    for digit in range(_BITS):  # a digit changes itself and, at random, the finer ones
        place = np.uint32(1 << (_BITS - 1 - digit))
        column = place | (random[:, digit] & (place - np.uint32(1)))
        direction ^= np.where(plain & place, column[:, None], np.uint32(0))
    return direction, random[:, _BITS]


def brownian_rotation(times: Floats) -> Tensor:
    """Orthogonal matrix taking principal components of Brownian motion to standardised increments.

    ``times`` ``(date,)`` > 0; column j belongs to the j-th largest eigenvalue of ``min(t_i, t_k)``. Every component starts
    upwards. The first entry of one is never zero (the inverse of the covariance is tridiagonal), so that grids that differ by
    a day have the same signs and share their random numbers.
    """
    t = torch.from_numpy(np.asarray(times, dtype=np.float64))
    eigenvalue, vector = torch.linalg.eigh(torch.minimum(t[:, None], t[None, :]))
    eigenvalue, vector = eigenvalue.flip(0), vector.flip(1)
    vector = vector * torch.from_numpy(_starting_signs(t.numpy(), eigenvalue.numpy(), vector.numpy()))
    component = vector * torch.sqrt(eigenvalue)
    increment = torch.diff(component, dim=0, prepend=torch.zeros_like(component[:1]))
    return increment / torch.sqrt(torch.diff(t, prepend=t.new_zeros(1)))[:, None]


def _starting_signs(times: Floats, eigenvalue: Floats, vector: Floats) -> Floats:
    """Sign ``(component,)`` of every component's first entry, which may be too small to have one in floating point.

    Read off its largest entry and the number of sign changes on the way there. The ratios of neighbouring entries are the
    pivots of the tridiagonal inverse less the inverse eigenvalue, whose signs are stable (Sturm sequence; Parlett, The
    symmetric eigenvalue problem, 1998, ch. 3 and 7).
    """
    rate = 1.0 / np.diff(times, prepend=0.0)
    largest = np.abs(vector).argmax(0)
    signs: Floats = np.sign(vector[largest, np.arange(len(times))])
    pivot = np.full(len(times), np.inf)
    for row in range(len(times) - 1):
        coupling = rate[row] ** 2 / pivot if row else 0.0
        pivot = rate[row] + rate[row + 1] - 1.0 / eigenvalue - coupling
        pivot = np.where(pivot == 0.0, _NO_PIVOT, pivot)
        signs = np.where(largest > row, signs * np.sign(pivot), signs)
    return signs


def merged_rotation(rotation: Tensor, times: Floats, passed: int) -> Tensor:
    """``(date - passed, component)``: the rotation once the first ``passed`` of its ``times`` ``(date,)`` have gone by.

    Later increments keep their numbers. The first one left takes those of the path up to its date: in the paths of another
    day, everything else being equal, what differs is the length of that step and nothing else.
    """
    steps = np.diff(times[: passed + 1], prepend=0.0)
    share = torch.from_numpy(np.sqrt(steps / times[passed]))
    return torch.cat([share[None, :] @ rotation[: passed + 1], rotation[passed + 1 :]])
