"""The one interface of learned prices of one date, and of what fits them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

from torch import Tensor

from surrogates.regression.samples import Samples
from xva.errors import DomainError, XvaError


class FrozenSurrogateError(XvaError):
    """A derivative to the market was asked for through a fitted surrogate."""


class Surrogate(ABC):
    """A fitted value function: features of one date to deflated value in reporting currency.

    It knows how the value depends on the state, not how it depends on the market it was fitted on, so a derivative to
    quotes through it is wrong (*measured*: -35 % to -101 %). Tensors that carry a graph are refused;
    `value_and_gradient` gives the derivatives to the features.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the features, in the order of their columns."""

    @final
    def value(self, features: Tensor) -> Tensor:
        """``(sample,)`` values at ``(sample, feature)``.

        Raises
        ------
        FrozenSurrogateError
            ``features`` carry a graph.
        """
        return self._value(self._checked(features))

    @final
    def value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(sample,)`` values and ``(sample, feature)`` derivatives to the features."""
        return self._value_and_gradient(self._checked(features))

    @abstractmethod
    def parameters(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and a JSON-clean dict from which `from_parameters` makes the same surrogate."""

    @classmethod
    @abstractmethod
    def from_parameters(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Surrogate: ...

    @abstractmethod
    def _value(self, features: Tensor) -> Tensor: ...

    @abstractmethod
    def _value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]: ...

    def _checked(self, features: Tensor) -> Tensor:
        if features.requires_grad:
            raise FrozenSurrogateError(
                "a surrogate does not know how the price depends on the market: a derivative through it is wrong; "
                "use the engine's sensitivities, or value_and_gradient for derivatives to its features"
            )
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise DomainError(
                f"surrogate: expected features (sample, {len(self.names)}) for {', '.join(self.names)}, got "
                f"{tuple(features.shape)}",
                self.names,
            )
        return features


class Fitter(ABC):
    """Makes surrogates from samples."""

    @abstractmethod
    def fit(self, samples: Samples) -> Surrogate:
        """Fit one date; with gradient labels differentially, without them to values alone."""
