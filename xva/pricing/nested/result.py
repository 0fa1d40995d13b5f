"""Nested values with their standard errors and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from xva.errors import DomainError


@dataclass(frozen=True)
class NestedCost:
    """What nested values took: nested paths, path steps, seconds of this process."""

    paths: int
    steps: int
    seconds: float

    def __add__(self, other: NestedCost) -> NestedCost:
        return NestedCost(self.paths + other.paths, self.steps + other.steps, self.seconds + other.seconds)

    def __str__(self) -> str:
        return f"{self.paths:,} nested paths, {self.steps:,} path steps, {self.seconds:.1f} s"


@final
@dataclass(frozen=True)
class NestedValues:
    """Values of a book on one date's outer states, deflated, in reporting currency.

    Parameters
    ----------
    means : Tensor
        ``(scramble, state)`` independent unbiased estimates of what flows that become known after the date are worth.
    known : Tensor
        ``(state,)`` exact: flows known but not paid yet, and what exercise up to the date has left.
    alive : Tensor
        ``(trade, state)`` share not exercised up to the date.
    gradients : Tensor, optional
        ``(scramble, feature, state)`` independent estimates of the derivative of ``means`` to the model's states, history
        held fixed.
    cost : NestedCost
    """

    means: Tensor
    known: Tensor
    alive: Tensor
    gradients: Tensor | None
    cost: NestedCost

    @property
    def to_come(self) -> Tensor:
        """``(state,)`` ``alive * C``, the part that has to be estimated: the mean over scrambles."""
        return self.means.mean(0)

    @property
    def value(self) -> Tensor:
        """``(state,)`` of everything."""
        return self.to_come + self.known

    @property
    def error(self) -> Tensor:
        """``(state,)`` standard error of `value`, with scrambles - 1 degrees of freedom."""
        return _error(self.means)

    @property
    def gradient(self) -> Tensor:
        """``(feature, state)``; DomainError if it was not asked for."""
        return self._gradients.mean(0)

    @property
    def gradient_error(self) -> Tensor:
        """``(feature, state)`` standard error of `gradient`."""
        return _error(self._gradients)

    @property
    def _gradients(self) -> Tensor:
        if self.gradients is None:
            raise DomainError("nested values: expected gradients, got none; ask for them with gradient=True")
        return self.gradients


def _error(samples: Tensor) -> Tensor:
    spread: Tensor = samples.std(0, correction=1) / len(samples) ** 0.5
    return spread
