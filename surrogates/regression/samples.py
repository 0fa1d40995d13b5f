"""Labelled samples of a value function on one date: what surrogates are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from xva.errors import DomainError


@dataclass(frozen=True)
class Samples:
    """States, payoffs seen from them and, where paths give them, the payoffs' derivatives.

    Parameters
    ----------
    names : tuple of str
        Of the features: a model's states, a trade's memory, market parameters.
    features : Tensor
        ``(sample, feature)``.
    values : Tensor
        ``(sample,)`` deflated cash flows after the date, in reporting currency; unbiased for the value at the state.
    gradients : Tensor, optional
        ``(sample, feature)`` pathwise derivatives of ``values``, the other features held fixed; None without any.
    known : Tensor, optional
        ``(feature,)`` bool, which columns of ``gradients`` are labels; the others are not looked at. All by default.
    """

    names: tuple[str, ...]
    features: Tensor
    values: Tensor
    gradients: Tensor | None = None
    known: Tensor | None = None

    def __post_init__(self) -> None:
        count, width = self.features.shape
        if len(self.names) != width or self.values.shape != (count,):
            raise DomainError(
                f"samples: expected one name per feature and one value per row, got {len(self.names)} names, "
                f"features {tuple(self.features.shape)}, values {tuple(self.values.shape)}"
            )
        if self.gradients is not None and self.gradients.shape != self.features.shape:
            raise DomainError(
                f"samples: expected gradients {tuple(self.features.shape)}, got {tuple(self.gradients.shape)}"
            )
        if not bool(torch.isfinite(self.features).all() & torch.isfinite(self.values).all()):
            raise DomainError("samples: expected finite features and values, got NaN or infinity")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def known_columns(self) -> Tensor:
        """``(feature,)`` bool of the features with gradient labels."""
        if self.gradients is None:
            return torch.zeros(len(self.names), dtype=torch.bool)
        return torch.ones(len(self.names), dtype=torch.bool) if self.known is None else self.known

    def at_weight(self, gradient_weight: float) -> Samples:
        """The labels that a fit with this weight of gradients looks at: at 0 the values alone."""
        return self if gradient_weight > 0.0 else self.without_gradients()

    def without_gradients(self) -> Samples:
        """The same for value-only training (lambda = 0)."""
        return Samples(self.names, self.features, self.values)

    def rows(self, which: slice | Tensor) -> Samples:
        """Some of the samples."""
        gradients = None if self.gradients is None else self.gradients[which]
        return Samples(self.names, self.features[which], self.values[which], gradients, self.known)
