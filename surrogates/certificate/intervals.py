"""Confidence intervals of what is averaged over outer states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from scipy.stats import t as student
from torch import Tensor

DRAWS = 2000
GROUPS = 200  # at most, of states left out together for the acceleration


@final
@dataclass(frozen=True)
class Interval:
    """An estimate and a two-sided confidence interval, which need not be symmetric."""

    estimate: float
    low: float
    high: float

    def root(self) -> Interval:
        """Square roots of a mean square whose noise has been taken off.

        Where that leaves less than nothing, the interval is moved up to start from 0: it is never too short.
        """
        lift = max(-self.estimate, 0.0)
        ends = (self.estimate + lift, self.low + lift, self.high + lift)
        return Interval(*(float(np.sqrt(max(x, 0.0))) for x in ends))

    def widened(self, reach: float) -> Interval:
        """With ``reach`` more on both sides."""
        return Interval(self.estimate, self.low - reach, self.high + reach)

    @property
    def half_width(self) -> float:
        return 0.5 * (self.high - self.low)


@final
class Bootstrap:
    """Bias-corrected accelerated bootstrap of means over states, Efron (1987): squared errors are far from normal.

    The same ``seed`` and number of states give the same draws, so means over states that belong together (one path on
    several dates) may be added draw by draw.
    """

    def __init__(self, states: int, seed: int, draws: int = DRAWS) -> None:
        counts = np.random.default_rng(seed).multinomial(states, np.full(states, 1.0 / states), size=draws)
        groups = np.arange(states) * min(states, GROUPS) // states
        kept = (groups[None] != np.arange(groups[-1] + 1)[:, None]).astype(np.float64)
        self._drawn = torch.from_numpy(counts / states)
        self._left_out = torch.from_numpy(kept / kept.sum(1, keepdims=True))

    def mean(self, values: Tensor) -> Spread:
        """The mean of ``(state,)`` on all states, on every draw and on the states without each group."""
        return Spread(values.mean(), self._drawn @ values, self._left_out @ values)


@final
@dataclass(frozen=True)
class Spread:
    """A mean ``()``, the same ``(draw,)`` of resampled states and ``(group,)`` of all but a group's."""

    full: Tensor
    drawn: Tensor
    left_out: Tensor

    def interval(self, level: float) -> Interval:
        """The interval of confidence ``level``."""
        found = np.asarray(self.drawn, dtype=np.float64)
        estimate = float(self.full)
        if found.max() - found.min() <= 1e-14 * max(abs(estimate), 1e-300):
            return Interval(estimate, estimate, estimate)
        below = np.mean(found < estimate) + 0.5 * np.mean(found == estimate)
        bias = ndtri(np.clip(below, 1.0 / len(found), 1.0 - 1.0 / len(found)))
        tail = ndtri(0.5 * (1.0 - level))
        shifted = bias + np.array([tail, -tail])
        acceleration = self._acceleration()
        share = ndtr(bias + shifted / np.maximum(1.0 - acceleration * shifted, 1e-3))
        low, high = np.quantile(found, share)
        return Interval(estimate, float(low), float(high))

    def _acceleration(self) -> float:
        gap = np.asarray(self.left_out.mean() - self.left_out, dtype=np.float64)
        largest = np.abs(gap).max()
        if largest == 0.0:
            return 0.0
        gap = gap / largest
        return float((gap**3).sum() / (6.0 * (gap**2).sum() ** 1.5))


def add(parts: Sequence[tuple[float, Spread]], paired: bool) -> Spread:
    """Weighted sum, draw by draw.

    Parameters
    ----------
    paired : bool
        Whether the states of all parts are one another's; else a group is left out of one part at a time.
    """
    full = torch.stack([w * s.full for w, s in parts]).sum(0)
    drawn = torch.stack([w * s.drawn for w, s in parts]).sum(0)
    moves = [w * (s.left_out - s.full) for w, s in parts]
    return Spread(full, drawn, full + (torch.stack(moves).sum(0) if paired else torch.cat(moves)))


def mean_interval(values: Tensor, level: float) -> Interval:
    """Student's interval of a mean ``(sample,)``; few samples will do."""
    mean = float(values.mean())
    error = float(values.std()) / np.sqrt(len(values))
    reach = float(student.ppf(0.5 * (1.0 + level), len(values) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)
