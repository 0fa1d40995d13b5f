"""A sum of surrogates, each of some of the features: a netting set learned trade by trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surrogates.regression.kinds import from_parameters
from surrogates.regression.surrogate import Surrogate
from xva.errors import DomainError


@final
@dataclass(frozen=True)
class Part:
    """A surrogate and the columns of its features among the sum's."""

    columns: tuple[int, ...]
    surrogate: Surrogate


@final
@dataclass(frozen=True)
class SumSurrogate(Surrogate):
    """The sum of its parts; 0 without any.

    Parameters
    ----------
    feature_names : tuple of str
    parts : tuple of Part

    Raises
    ------
    DomainError
        A part's columns are not all there, or not as many as its features.
    """

    kind: ClassVar[str] = "sum"

    feature_names: tuple[str, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            columns, width = part.columns, len(self.feature_names)
            if len(columns) != len(part.surrogate.names) or not all(0 <= c < width for c in columns):
                raise DomainError(
                    f"sum of surrogates: expected {len(part.surrogate.names)} columns below {width}, got {columns}",
                    part.surrogate.names,
                )

    @property
    def names(self) -> tuple[str, ...]:
        return self.feature_names

    def parameters(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors: dict[str, Tensor] = {}
        parts = []
        for k, part in enumerate(self.parts):
            own, meta = part.surrogate.parameters()
            tensors |= {f"part/{k}/{name}": value for name, value in own.items()}
            parts.append({"kind": part.surrogate.kind, "columns": list(part.columns), "meta": meta})
        return tensors, {"names": list(self.feature_names), "parts": parts}

    @classmethod
    def from_parameters(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> SumSurrogate:
        parts = []
        for k, stored in enumerate(meta["parts"]):
            head = f"part/{k}/"
            own = {name[len(head) :]: value for name, value in tensors.items() if name.startswith(head)}
            found = from_parameters(stored["kind"], own, stored["meta"])
            parts.append(Part(tuple(stored["columns"]), found))
        return cls(tuple(meta["names"]), tuple(parts))

    def _value(self, features: Tensor) -> Tensor:
        total = features.new_zeros(len(features))
        for part in self.parts:
            total += part.surrogate.value(features[:, list(part.columns)])
        return total

    def _value_and_gradient(self, features: Tensor) -> tuple[Tensor, Tensor]:
        total, slopes = features.new_zeros(len(features)), torch.zeros_like(features)
        for part in self.parts:
            columns = list(part.columns)
            value, slope = part.surrogate.value_and_gradient(features[:, columns])
            total += value
            slopes[:, columns] += slope
        return total, slopes
