"""Volatility quotes between their pillars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import MarketDataError
from xva.market.curves import Times, check_pillars, segments


@dataclass(frozen=True)
class ShortRateVols:
    """Stated Hull-White volatilities of one currency, absolute and per square root of a year.

    ``vols[k]`` ``(pillar,)`` holds up to ``times[k]`` years from the pillar before, the last one beyond.
    """

    times: NDArray[np.float64]
    vols: Tensor

    def __post_init__(self) -> None:
        check_pillars("short-rate volatilities", self.times, self.vols)


@dataclass(frozen=True)
class VolCurve:
    """At-the-money lognormal volatilities of one underlying.

    Total variance is linear between expiries; the volatility is flat before the first and after the last.

    Parameters
    ----------
    times : ndarray
        ``(expiry,)`` years, > 0, increasing.
    vols : Tensor
        ``(expiry,)`` annualised, > 0.
    """

    times: NDArray[np.float64]
    vols: Tensor

    def __post_init__(self) -> None:
        check_pillars("volatility curve", self.times, self.vols)

    def vol(self, t: Times) -> Tensor:
        """Volatility to expiry ``t`` (years, >= 0), same shape."""
        at = np.clip(np.asarray(t, dtype=np.float64), self.times[0], self.times[-1])
        left, weight = segments(self.times, at.ravel())
        times = torch.as_tensor(self.times, dtype=self.vols.dtype, device=self.vols.device)
        variance = torch.cat([self.vols.new_zeros(1), self.vols**2 * times])
        low, w = _tensors(left, weight, self.vols)
        total = variance.index_select(0, low) * (1.0 - w) + variance.index_select(0, low + 1) * w
        years = torch.as_tensor(at.ravel(), dtype=self.vols.dtype, device=self.vols.device)
        return torch.sqrt(total / years).reshape(np.shape(t))


@dataclass(frozen=True)
class CapVols:
    """At-the-money flat normal volatilities of caps by maturity, linear between, flat beyond.

    Parameters
    ----------
    times : ndarray
        ``(maturity,)`` years, > 0, increasing.
    vols : Tensor
        ``(maturity,)`` per year (0.01 is 100 bp), > 0.
    """

    times: NDArray[np.float64]
    vols: Tensor

    def __post_init__(self) -> None:
        check_pillars("cap volatilities", self.times, self.vols)

    def vol(self, maturity: Times) -> Tensor:
        """Flat volatility of a cap that ends at ``maturity`` (years), same shape."""
        low, high, w = _bracket(self.times, np.asarray(maturity, dtype=np.float64).ravel(), self.vols)
        found = self.vols.index_select(0, low) * (1.0 - w) + self.vols.index_select(0, high) * w
        return found.reshape(np.shape(maturity))


@dataclass(frozen=True)
class SwaptionVols:
    """At-the-money normal swaption volatilities, bilinear in expiry and swap length, flat outside.

    Parameters
    ----------
    expiries : ndarray
        ``(expiry,)`` years, > 0, increasing.
    tenors : ndarray
        ``(tenor,)`` years of the underlying swap, > 0, increasing.
    vols : Tensor
        ``(expiry, tenor)`` per year (0.01 is 100 bp), > 0.
    """

    expiries: NDArray[np.float64]
    tenors: NDArray[np.float64]
    vols: Tensor

    def __post_init__(self) -> None:
        if self.vols.shape != (len(self.expiries), len(self.tenors)):
            raise MarketDataError(
                f"swaption volatilities: expected ({len(self.expiries)}, {len(self.tenors)}) values, "
                f"got {tuple(self.vols.shape)}"
            )
        check_pillars("swaption expiries", self.expiries, self.vols[:, 0])
        check_pillars("swaption tenors", self.tenors, self.vols[0, :])

    def vol(self, expiry: Times, tenor: Times) -> Tensor:
        """Volatility at ``expiry`` for swaps of length ``tenor`` (years), shaped as the two broadcast."""
        a, b = np.broadcast_arrays(np.asarray(expiry, np.float64), np.asarray(tenor, np.float64))
        low, high, w = _bracket(self.expiries, a.ravel(), self.vols)
        left, right, v = _bracket(self.tenors, b.ravel(), self.vols)
        width = len(self.tenors)
        flat = self.vols.reshape(-1)

        def along(row: Tensor) -> Tensor:
            start = flat.index_select(0, row * width + left)
            return start * (1.0 - v) + flat.index_select(0, row * width + right) * v

        return (along(low) * (1.0 - w) + along(high) * w).reshape(a.shape)


def _tensors(index: NDArray[np.int64], weight: NDArray[np.float64], like: Tensor) -> tuple[Tensor, Tensor]:
    return (
        torch.as_tensor(index, device=like.device),
        torch.as_tensor(weight, dtype=like.dtype, device=like.device),
    )


def _bracket(
    pillars: NDArray[np.float64], at: NDArray[np.float64], like: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the pillars around each point and the weight of the upper one; flat outside."""
    inside = np.clip(at, pillars[0], pillars[-1])
    high = np.minimum(np.searchsorted(pillars, inside, side="left"), len(pillars) - 1)
    low = np.maximum(high - 1, 0)
    width = np.where(high > low, pillars[high] - pillars[low], 1.0)
    below, w = _tensors(low, (inside - pillars[low]) / width, like)
    return below, torch.as_tensor(high, device=like.device), w
