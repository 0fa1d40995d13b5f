"""Where a surrogate has been trained, and who asks beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError

ROUNDING = 1e-9  # of a feature's range


@final
@dataclass(frozen=True)
class Domain:
    """The box that training states filled, ``low`` and ``high`` ``(feature,)``."""

    names: tuple[str, ...]
    low: Tensor
    high: Tensor

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        if self.low.shape != shape or self.high.shape != shape or not bool((self.low <= self.high).all()):
            raise DomainError(f"domain: expected {shape} bounds, low <= high, got {self.low}, {self.high}")

    @classmethod
    def of(cls, names: tuple[str, ...], features: Tensor) -> Domain:
        """The box of training ``features`` ``(sample, feature)``."""
        return cls(names, features.amin(0), features.amax(0))

    def outside(self, features: Tensor) -> Tensor:
        """``(sample,)`` bool, whether any of ``(sample, feature)`` lies beyond the box; NaN does."""
        slack = ROUNDING * (1.0 + self.high - self.low)
        within = (features >= self.low - slack) & (features <= self.high + slack)
        return ~within.all(1)

    def nearest(self, features: Tensor) -> Tensor:
        """The same with what lies beyond moved to the box's edge."""
        return torch.minimum(torch.maximum(features, self.low), self.high)

    def check(self, features: Tensor) -> None:
        """Raise where anything is asked outside.

        Raises
        ------
        DomainError
            With the number of rows, and the first one's features.
        """
        beyond = self.outside(features)
        if not bool(beyond.any()):
            return
        first = features[int(beyond.nonzero()[0])]
        told = [
            f"{name} = {float(x):.6g} not in [{float(low):.6g}, {float(high):.6g}]"
            for name, x, low, high in zip(self.names, first, self.low, self.high, strict=True)
            if not float(low) <= float(x) <= float(high)
        ]
        raise DomainError(
            f"{int(beyond.sum())} of {len(features)} states lie outside the surrogate's domain, the first with "
            f"{', '.join(told)}; train on a wider range",
            self.names,
        )
