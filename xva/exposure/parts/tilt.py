"""A bond taken out of what is interpolated, where a date's bonds differ too much for doubles.

A deflated bond is ``exp(-H x - H^2 zeta/2)``. Over the interval of a state it may run through more powers of ten than a
double has digits, and a polynomial's rounding is as large everywhere as where the function is largest. Divided by a bond in
the middle of those that a date has, what is left runs through half as many, or hardly any where all of them lie far from the
horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.exposure.state.frame import Frame
from xva.numerics.types import Floats, Ints

MOST_REACH = 15.0
"""Exponent of a bond on the interval up to which nothing is taken out: e^15 of a double's 2e-16 is 1e-9."""


@dataclass(frozen=True)
class Tilt:
    """``exp(-slope x - offset)`` of the currencies' states, by which functions of them are divided.

    ``slope``, ``offset`` ``(date, rates factor)``, constants of a run; 0 where nothing is taken out. The offset is
    ``slope^2 zeta/2``, so that it has mean 1 on paths of the currency's own measure, which deflated FX rates lead to: an error
    of what is left counts in a mean exposure as it is.
    """

    slope: Floats
    offset: Floats

    @classmethod
    def of(cls, frame: Frame) -> Tilt:
        spread = frame.spread
        slope = np.where(spread.reach.numpy() > MOST_REACH, spread.middle.numpy(), 0.0)
        return cls(slope, 0.5 * (slope * spread.deviation.numpy()) ** 2)

    def times(self, factor: Tensor, date: int, row: int, state: Tensor) -> Tensor:
        """A factor ``(path,)`` times the tilt on a date, at states ``(path,)``."""
        slope = float(self.slope[date, row])
        if slope == 0.0:
            return factor
        return factor * torch.exp(-slope * state - float(self.offset[date, row]))

    def divided(self, value: Tensor, dates: Ints, row: int, x: Tensor) -> Tensor:
        """Values ``(date, node)`` at states ``x`` on some dates, divided by the tilt."""
        slope, offset = self.slope[dates, row], self.offset[dates, row]
        if not slope.any():
            return value
        return value * torch.exp(torch.from_numpy(slope)[:, None] * x + torch.from_numpy(offset)[:, None])

    def seen_from(self, mean: Tensor, deviation: Tensor, dates: Ints, row: int) -> Tensor:
        """Where the states' law times the tilt has its mean ``(date,)``; ``mean`` where nothing is taken out."""
        slope = torch.from_numpy(self.slope[dates, row])
        return torch.where(slope == 0.0, mean, -slope * deviation**2)
