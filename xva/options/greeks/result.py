"""A price and its derivatives under their names."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, final

import pandas as pd
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.options.greeks.naming import Component, Label

_SHOWN = 8


@final
@dataclass(frozen=True, repr=False, eq=False)
class Greeks:
    """A value and its derivatives with their names.

    Parameters
    ----------
    labels : tuple of Label
        One per row of ``data``: the value, the first, then the distinct second derivatives.
    data : Tensor
        ``(label, *batch)``, detached.
    components : tuple of Component
        What was differentiated by, in order.
    """

    labels: tuple[Label, ...]
    data: Tensor
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        if self.data.shape[:1] != (len(self.labels),):
            raise DomainError(
                f"Greeks: expected one row per label, {len(self.labels)}, got data of shape {tuple(self.data.shape)}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all rows."""
        return tuple(label.name for label in self.labels)

    @property
    def value(self) -> Tensor:
        """The price, ``(*batch)``."""
        return self.data[0]

    def __getitem__(self, name: str) -> Tensor:
        """A row by its name, ``(*batch)``."""
        if name not in self.names:
            raise DomainError(f"Greek {name!r}: expected one of {', '.join(self.names)}", [name])
        return self.data[self.names.index(name)]

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def derivative(self, *by: str) -> Tensor:
        """The plain derivative by one or two arguments (``"spot"``, ``"spot[2]"``), whatever its name: ``(*batch)``."""
        wanted = sorted(by)
        for label, row in zip(self.labels, self.data):
            if sorted(str(c) for c in label.by) == wanted:
                plain: Tensor = label.sign * row
                return plain
        raise DomainError(
            f"derivative by {', '.join(by) or 'nothing'}: expected one or two of "
            f"{', '.join(str(c) for c in self.components)} within the order asked",
            by,
        )

    def gradient(self) -> Tensor:
        """All first derivatives, plain: ``(*batch, component)``."""
        return torch.stack([self.derivative(str(c)) for c in self.components], -1)

    def hessian(self) -> Tensor:
        """All second derivatives, plain: ``(*batch, component, component)``."""
        names = [str(c) for c in self.components]
        return torch.stack([torch.stack([self.derivative(a, b) for b in names], -1) for a in names], -2)

    def to_frame(self) -> pd.DataFrame:
        """One row per option, one column per label."""
        batch = tuple(self.data.shape[1:])
        cells = self.data.reshape(len(self.labels), -1).T.cpu().numpy()
        if len(batch) > 1:
            levels = list(itertools.product(*(range(n) for n in batch)))
            index: pd.Index[Any] = pd.MultiIndex.from_tuples(
                levels, names=[f"option_{k}" for k in range(len(batch))]
            )
        else:
            index = pd.RangeIndex(cells.shape[0], name="option")
        return pd.DataFrame(cells, index=index, columns=list(self.names))

    def __repr__(self) -> str:
        batch = tuple(self.data.shape[1:])
        kind = str(self.data.dtype).removeprefix("torch.")
        if not batch:
            width = max(map(len, self.names))
            lines = [f"  {name:<{width}}  {float(x): .10g}" for name, x in zip(self.names, self.data)]
            return "\n".join([f"Greeks of one option, {kind}:", *lines])
        head = f"Greeks of {self.data[0].numel()} options {batch}, {kind}:"
        return f"{head}\n{self.to_frame().head(_SHOWN).T.to_string()}"

    def _repr_html_(self) -> str:
        frame = self.to_frame()
        return str((frame.T if len(frame) == 1 else frame.head(_SHOWN)).to_html())
