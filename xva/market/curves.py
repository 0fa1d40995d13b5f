"""Discount and projection curves: log-linear in the discount factor, flat forward beyond the last pillar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import DomainError, MarketDataError

Times: TypeAlias = float | NDArray[np.float64]


@dataclass(frozen=True)
class DiscountCurve:
    """Discount factors of one curve.

    Parameters
    ----------
    name : str
    times : ndarray
        ``(pillar,)`` Actual/365 (Fixed) years from the valuation date, > 0, increasing; the discount factor
        is 1 at time 0.
    log_discounts : Tensor
        ``(pillar,)`` float64, connected to the quotes.
    """

    name: str
    times: NDArray[np.float64]
    log_discounts: Tensor

    def __post_init__(self) -> None:
        check_pillars(f"curve {self.name}", self.times, self.log_discounts)

    @classmethod
    def flat(cls, name: str, rate: float | Tensor) -> DiscountCurve:
        """A flat continuously compounded rate."""
        value = torch.as_tensor(rate, dtype=torch.float64)
        return cls(name, np.array([1.0]), -value.reshape(1))

    def log_discount(self, t: Times) -> Tensor:
        """``ln P(0, t)``, same shape as ``t`` (years, >= 0)."""
        return through_zero(self.times, self.log_discounts, t)

    def discount(self, t: Times) -> Tensor:
        """``P(0, t)``, same shape as ``t`` (years, >= 0)."""
        return torch.exp(self.log_discount(t))


def check_pillars(what: str, times: NDArray[np.float64], values: Tensor) -> None:
    """MarketDataError unless ``times`` are increasing, > 0 and have one value each."""
    if times.ndim != 1 or times.size == 0 or values.shape != times.shape:
        raise MarketDataError(
            f"{what}: expected one value per pillar, got {times.shape} times, {tuple(values.shape)} values",
            [what],
        )
    if not (times[0] > 0 and np.all(np.diff(times) > 0)):
        raise MarketDataError(f"{what}: expected increasing times > 0, got {times.tolist()}", [what])


def segments(times: NDArray[np.float64], t: Times) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where ``t`` lies among the knots 0, times[0], times[1] …

    Returns
    -------
    left : ndarray
        Index of the knot at the left end of the segment of each ``t``; the last segment goes on for ever.
    weight : ndarray
        Weight of the knot at its right end, > 1 beyond the last knot.
    """
    at = np.asarray(t, dtype=np.float64)
    if at.size and not float(at.min()) >= 0.0:
        raise DomainError(f"a curve was asked for a time of {float(at.min())}; expected years >= 0")
    left = np.minimum(np.searchsorted(times, at, side="left"), len(times) - 1)
    knots = np.concatenate([[0.0], times])
    weight = (at - knots[left]) / (knots[left + 1] - knots[left])
    return left, weight


def through_zero(times: NDArray[np.float64], values: Tensor, t: Times) -> Tensor:
    """Piecewise linear through (0, 0) and (times, values), the last slope going on; same shape as ``t``."""
    left, weight = segments(times, t)
    knots = torch.cat([values.new_zeros(1), values])
    index = torch.as_tensor(left.ravel(), device=values.device)
    w = torch.as_tensor(weight.ravel(), dtype=values.dtype, device=values.device)
    found = knots.index_select(0, index) * (1.0 - w) + knots.index_select(0, index + 1) * w
    return found.reshape(np.shape(t))


def interpolation_matrix(times: NDArray[np.float64], t: NDArray[np.float64]) -> Tensor:
    """``(len(t), pillar)`` float64 matrix of `through_zero`: value at t = matrix @ values."""
    left, weight = segments(times, t)
    matrix = np.zeros((len(t), len(times) + 1))
    rows = np.arange(len(t))
    matrix[rows, left] = 1.0 - weight
    matrix[rows, left + 1] = weight
    return torch.from_numpy(np.ascontiguousarray(matrix[:, 1:]))


def add_spread(name: str, base: DiscountCurve, spread: DiscountCurve) -> DiscountCurve:
    """The curve whose discount factor is the product of the two, exact at every time."""
    times = np.union1d(base.times, spread.times)
    return DiscountCurve(name, times, base.log_discount(times) + spread.log_discount(times))
