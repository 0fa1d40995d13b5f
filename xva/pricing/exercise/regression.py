"""How an exercise policy is fitted: constants of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from xva.errors import DomainError
from xva.numerics.least_squares import RIDGE


@final
@dataclass(frozen=True)
class Regression:
    """How a policy is fitted.

    Parameters
    ----------
    degree : int
        Total degree of the polynomials in the features, lowered while there would be more than ``terms`` of them.
    softness : float
        Width of decisions as a share of the gap's standard deviation.
    focus : float
        Paths count in the regression as far as exercising pays, fully from about this many standard deviations of the
        exercise value on (`ExercisePolicy.weight`); ``inf`` weights all alike.
    ridge : float
        Relative, see `solve_moments`.
    terms : int
    """

    degree: int = 5
    softness: float = 0.03
    focus: float = 0.25
    ridge: float = RIDGE
    terms: int = 64

    def __post_init__(self) -> None:
        if (
            self.degree < 1
            or self.terms < 1
            or not (self.softness > 0.0 and self.focus > 0.0 and self.ridge >= 0.0)
        ):
            raise DomainError(
                f"regression: expected degree and terms >= 1, softness and focus > 0 and ridge >= 0, got {self}"
            )
