"""Survival curves with piecewise flat hazard rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.market.curves import Times, check_pillars, through_zero


@dataclass(frozen=True)
class SurvivalCurve:
    """Survival probabilities of one name.

    Parameters
    ----------
    name : str
    times : ndarray
        ``(pillar,)`` years, > 0, increasing: right ends of the intervals of constant hazard.
    hazards : Tensor
        ``(pillar,)`` hazard rate per year on each interval; the last goes on for ever.
    """

    name: str
    times: NDArray[np.float64]
    hazards: Tensor

    def __post_init__(self) -> None:
        check_pillars(f"survival curve {self.name}", self.times, self.hazards)

    @classmethod
    def flat(cls, name: str, hazard: float | Tensor) -> SurvivalCurve:
        """A constant hazard rate."""
        value = torch.as_tensor(hazard, dtype=torch.float64)
        return cls(name, np.array([1.0]), value.reshape(1))

    def log_survival(self, t: Times) -> Tensor:
        """``ln S(t)``, same shape as ``t`` (years, >= 0)."""
        widths = torch.as_tensor(
            np.diff(self.times, prepend=0.0), dtype=self.hazards.dtype, device=self.hazards.device
        )
        return -through_zero(self.times, torch.cumsum(self.hazards * widths, 0), t)

    def survival(self, t: Times) -> Tensor:
        """``S(t)``, same shape as ``t`` (years, >= 0)."""
        return torch.exp(self.log_survival(t))
