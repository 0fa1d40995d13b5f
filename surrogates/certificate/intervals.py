"""Confidence intervals of what is averaged over outer states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from scipy.special import ndtr, ndtri
from scipy.stats import t as student
from torch import Tensor

DRAWS = 2000
GROUPS = 200  # at most as many evaluations of a statistic for its acceleration

Statistic = Callable[[Tensor], Tensor]
"""``(draw,)`` values at weights ``(draw, state)`` that sum to one in each row."""


@final
@dataclass(frozen=True)
class Interval:
    """An estimate and a two-sided confidence interval, which need not be symmetric."""

    estimate: float
    low: float
    high: float

    def root(self) -> Interval:
        """Square roots of a mean square whose noise has been taken off, and may be negative."""
        return Interval(*(float(np.sqrt(max(x, 0.0))) for x in (self.estimate, self.low, self.high)))

    @property
    def half_width(self) -> float:
        return 0.5 * (self.high - self.low)


@final
class Bootstrap:
    """Bias-corrected accelerated bootstrap over states, Efron (1987): squared errors are far from normal.

    The same ``seed`` and number of states give the same draws, so statistics of states that belong together (one path on
    several dates) may be added draw by draw.
    """

    def __init__(self, states: int, seed: int, draws: int = DRAWS) -> None:
        counts = np.random.default_rng(seed).multinomial(states, np.full(states, 1.0 / states), size=draws)
        groups = np.arange(states) * min(states, GROUPS) // states
        kept = (groups[None] != np.arange(groups[-1] + 1)[:, None]).astype(np.float64)
        self.all = torch.full((1, states), 1.0 / states, dtype=torch.float64)
        self.drawn = torch.from_numpy(counts / states)
        self.left_out = torch.from_numpy(kept / kept.sum(1, keepdims=True))

    def spread(self, statistic: Statistic) -> Spread:
        """A statistic on all states, on every draw and on the states without each group."""
        return Spread(*(statistic(w) for w in (self.all, self.drawn, self.left_out)))


@final
@dataclass(frozen=True)
class Spread:
    """Values of a statistic ``(1,)``, ``(draw,)`` and ``(group,)``."""

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
        square = float((gap**2).sum())
        return float((gap**3).sum()) / (6.0 * square**1.5) if square > 0.0 else 0.0


def add(parts: list[tuple[float, Spread]]) -> Spread:
    """Weighted sum of statistics, draw by draw.

    The acceleration of a sum of independent parts is taken from all their groups side by side.
    """
    full = torch.stack([w * s.full for w, s in parts]).sum(0)
    drawn = torch.stack([w * s.drawn for w, s in parts]).sum(0)
    left_out = torch.cat([w * (s.left_out - s.full) for w, s in parts])
    return Spread(full, drawn, full + left_out)


def mean_interval(values: Tensor, level: float) -> Interval:
    """Student's interval of a mean ``(sample,)``; few samples will do."""
    mean = float(values.mean())
    error = float(values.std()) / np.sqrt(len(values))
    reach = float(student.ppf(0.5 * (1.0 + level), len(values) - 1)) * error
    return Interval(mean, mean - reach, mean + reach)
