"""What a certificate is made of: learned values beside fresh nested ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.numerics.normal import normal_cdf, normal_density

FEWEST = 8
NEAR = 0.1  # of the value's standard deviation
_CLOSEST = 3


@final
@dataclass(frozen=True)
class Comparison:
    """Learned numbers, an unbiased nested estimate of the truth and that one's standard error, all of one shape.

    The errors of different rows are taken as independent: give every state its own inner noise.
    """

    learned: Tensor
    nested: Tensor
    error: Tensor

    def __post_init__(self) -> None:
        shapes = {tuple(x.shape) for x in (self.learned, self.nested, self.error)}
        if len(shapes) > 1:
            raise DomainError(f"comparison: expected learned, nested and error of one shape, got {shapes}")
        parts = (self.learned, self.nested, self.error)
        if not all(x.dtype == torch.float64 and bool(torch.isfinite(x).all()) for x in parts):
            raise DomainError("comparison: expected finite numbers in float64, got others, NaN or infinity")
        if bool((self.error < 0).any()):
            raise DomainError("comparison: expected standard errors >= 0")

    def __len__(self) -> int:
        return len(self.learned)

    @classmethod
    def none(cls) -> Comparison:
        """Nothing to compare."""
        empty = torch.zeros(0, dtype=torch.float64)
        return cls(empty, empty, empty)

    def rows(self, which: Tensor) -> Comparison:
        """Some of the rows."""
        return Comparison(self.learned[which], self.nested[which], self.error[which])

    @property
    def square(self) -> Tensor:
        """Unbiased squared errors of what is learned: those against the nested estimate less its variance."""
        return (self.learned - self.nested) ** 2 - self.error**2


@final
@dataclass(frozen=True)
class Evidence:
    """One date's.

    Parameters
    ----------
    day : str
        ISO date.
    values : Comparison
        ``(state,)`` deflated values in reporting currency, on states drawn as the exposure's paths are.
    outside, drawn : int
        How many of ``drawn`` fresh states lie outside the surrogate's domain.
    near : Comparison, optional
        ``(state,)`` values on states drawn among those whose learned value is within ±0.1 sd of zero; picked from
        ``values`` where left empty.
    near_share : float, optional
        Share of all drawn states that are near zero in this sense.
    gradients : Comparison, optional
        ``(state, feature)`` derivatives to the features times each feature's standard deviation (`scaled`).
    drawn_epe, drawn_ene : float, optional
        Mean positive and negative part of the learned value on all drawn states; of ``values`` where left out.

    Raises
    ------
    DomainError
        Fewer than 8 states, or parts that do not fit each other.
    """

    day: str
    values: Comparison
    outside: int
    drawn: int
    near: Comparison = field(default_factory=Comparison.none)
    near_share: float | None = None
    gradients: Comparison = field(default_factory=Comparison.none)
    drawn_epe: float | None = None
    drawn_ene: float | None = None

    def __post_init__(self) -> None:
        if self.values.learned.ndim != 1 or len(self.values) < FEWEST:
            raise DomainError(
                f"evidence on {self.day}: expected values on at least {FEWEST} states, got "
                f"{tuple(self.values.learned.shape)}; use more outer states"
            )
        if not 0 <= self.outside <= self.drawn:
            raise DomainError(
                f"evidence on {self.day}: {self.outside} of {self.drawn} states cannot be outside"
            )
        if len(self.gradients) not in (0, len(self.values)):
            raise DomainError(
                f"evidence on {self.day}: {len(self.gradients)} gradients for {len(self.values)} states"
            )

    @property
    def deviation(self) -> float:
        """Standard deviation of the true value: the nested one's without its noise; 0 where noise is all there is."""
        variance = self.values.nested.var() - (self.values.error**2).mean()
        return float(variance.clamp_min(0.0).sqrt())

    def near_zero(self, band: float) -> Comparison:
        """What is known of states within ``band`` of zero, by their learned value; empty below three states."""
        found = self.near
        if not len(found):
            found = self.values.rows(self.values.learned.abs() <= band)
        return found if len(found) >= _CLOSEST else Comparison.none()


def scaled(gradients: Comparison, features: Tensor) -> Comparison:
    """Derivatives times the standard deviation of their features ``(state, feature)``: comparable, in currency."""
    spread = features.std(0)
    return Comparison(gradients.learned * spread, gradients.nested * spread, gradients.error * spread)


def positive_part(values: Comparison, side: float = 1.0) -> Tensor:
    """``(state,)`` whose mean is that of the true values' positive part, to second order in the nested noise.

    The positive part of a noisy value is too large by ``e (phi(x) - x Phi(-x))``, x = |V|/e; taken at the noisy value
    this has the right mean for any density that is flat over the noise.
    """
    ratio = (values.nested.abs() / values.error.clamp_min(1e-300)).clamp_max(40.0)
    density = normal_density(ratio)
    excess = values.error * (density - ratio * normal_cdf(-ratio))
    corrected: Tensor = torch.relu(side * values.nested) - excess
    return corrected
