"""Which nodes of a tree can matter to its root: a few standard deviations of a thousand steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.options.lattice.lattice import Lattice

_REACH = (
    8.0  # standard deviations; a path leaves them with probability below 1e-14, which is the relative error
)
_NEWTON = 6  # steps from the power of a continuous walk
_MARGIN = 8  # nodes between the continuous perpetual exercise boundary and where the tree is cut


@final
@dataclass(frozen=True)
class Band:
    """Even places ``low`` to ``high`` are rolled back; only ``low`` to ``top`` (odd) can have an intrinsic value."""

    low: int
    high: int
    top: int


@final
@dataclass(frozen=True, eq=False)
class Extent:
    """The band of every option, ``(option,)`` each, in places."""

    low: Tensor
    high: Tensor
    top: Tensor

    @property
    def width(self) -> Tensor:
        """Nodes of one parity."""
        return (self.high - self.low) / 2.0 + 1.0

    def around(self, which: Tensor) -> Band:
        """The smallest band that holds those of these options."""
        low = 2 * int(torch.floor(self.low[which].min() / 2.0))
        high = 2 * int(torch.ceil(self.high[which].max() / 2.0))
        top = int(torch.ceil(self.top[which].max().clamp(low + 1, high - 1)))
        return Band(low, high, top if (top - low) % 2 else top + 1)


def band_of(lattice: Lattice) -> Extent:
    """Places outside which nothing changes the values at places -2, 0 and 2 by more than rounding.

    Away from exercise: a path that gets there and comes back into the money travels twice the way, so half the reach
    is enough (reflection principle). Towards exercise: below the boundary of the perpetual option every node is
    exercised. Both sides are cut at the reach, in the measures of cash and of the asset, and at the tree's own edge.
    """
    n = lattice.steps
    tilted = torch.sigmoid(torch.logit(lattice.probability) + 2.0 * lattice.spread)
    lean = torch.maximum((2.0 * lattice.probability - 1.0).abs(), (2.0 * tilted - 1.0).abs())
    reach = _REACH * n**0.5 + n * lean
    strike = _place(lattice, lattice.strike, torch.maximum)
    boundary = _place(lattice, _perpetual(lattice), torch.minimum) - _MARGIN
    low = torch.maximum(-reach, torch.nan_to_num(boundary, nan=-float("inf")))
    high = torch.minimum(reach, 0.5 * (reach + strike) + _MARGIN)
    edge = float(n + 2)
    return Extent(low.clamp(-edge, -2.0), high.clamp(2.0, edge), strike)


def _place(lattice: Lattice, level: Tensor, worst: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Where the asset is at this level, the worse of today and expiry."""
    today = torch.log(level / lattice.spot) / lattice.spread
    return worst(today, today - lattice.steps * lattice.drift / lattice.spread)


def _perpetual(lattice: Lattice) -> Tensor:
    """Exercise boundary of the option that never expires (McKean 1965); NaN where it is never exercised.

    Its value is a power of the spot, the one that a step of this very tree keeps, discounted: on the skewed steps of a
    Leisen-Reimer tree, variance and mean would give a boundary for a call that is never exercised.
    """
    p, spread = lattice.probability, lattice.spread
    variance = 4.0 * p * (1.0 - p) * spread**2
    mean = lattice.drift + spread * (2.0 * p - 1.0)
    power = (lattice.sign * torch.sqrt(mean * mean - 2.0 * variance * lattice.discount) - mean) / variance
    for _ in range(_NEWTON):  # on a convex function
        up, down = p * torch.exp(power * spread), (1.0 - p) * torch.exp(-power * spread)
        excess = torch.log(up + down) + power * lattice.drift + lattice.discount
        power = power - excess / (spread * (up - down) / (up + down) + lattice.drift)
    exercised = (lattice.discount < 0.0) & torch.where(lattice.sign > 0, power > 1.0, power < 0.0)
    return torch.where(exercised, lattice.strike * power / (power - 1.0), torch.full_like(power, torch.nan))
