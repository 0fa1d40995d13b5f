"""A slider: a sum of low-dimensional tensors through one pivot, for functions that are nearly additive."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import torch
from torch import Tensor

from surrogates.chebyshev.box import Box, Order
from surrogates.chebyshev.surrogate import ChebyshevSurrogate, Tensors, Work
from surrogates.chebyshev.tensor import TensorSurrogate
from xva.errors import DomainError


@final
@dataclass(frozen=True, eq=False)
class SliderSurrogate(ChebyshevSurrogate):
    """``f(x) = constant + sum over groups of slides[g](x_g)``.

    Built through a pivot ``p``, slide g is ``f`` with the other groups at ``p`` and the constant is
    ``(1 − groups) f(p)`` (Ruiz and Zeron, *Machine Learning for Risk Calculations* (2021), equation 7.5).
    Whatever couples two groups is lost. A mixed derivative across groups is refused in
    `value_and_derivatives`; by AD it is the slider's own, 0.

    Parameters
    ----------
    box : Box
    groups : tuple of tuple of int
        Axes of each slide; together every axis once.
    slides : tuple of TensorSurrogate
    constant : float
    """

    box: Box
    groups: tuple[tuple[int, ...], ...]
    slides: tuple[TensorSurrogate, ...]
    constant: float

    kind: ClassVar[str] = "slider"

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(tuple(g) for g in self.groups))
        object.__setattr__(self, "slides", tuple(self.slides))
        check_groups(self.box, self.groups)
        if [slide.box for slide in self.slides] != [self.box.select(group) for group in self.groups]:
            raise DomainError("slides: expected one on the axes of each group, in their order")
        if not torch.isfinite(torch.tensor(self.constant)):
            raise DomainError(f"slider: expected a finite constant, got {self.constant}")

    @property
    def sample(self) -> Tensor:
        return self.slides[0].coefficients

    @property
    def degrees(self) -> tuple[int, ...]:
        found = {k: d for group, slide in zip(self.groups, self.slides) for k, d in zip(group, slide.degrees)}
        return tuple(found[k] for k in range(len(self.box)))

    def prepare(self, orders: Sequence[Order]) -> tuple[Work, int]:
        for order in orders:
            self._refuse_mixed(order)
        parts = [[tuple(order[k] for k in group) for order in orders] for group in self.groups]
        works = [slide.prepare(part) for slide, part in zip(self.slides, parts)]
        counted = self.sample.new_tensor(
            [[float(not any(order)) or float(any(p)) for p, order in zip(part, orders)] for part in parts]
        )
        constant = self.sample.new_tensor([0.0 if any(order) else self.constant for order in orders])

        def work(points: Tensor) -> Tensor:
            total = constant[:, None].expand(-1, len(points))
            for group, (evaluate, _), weight in zip(self.groups, works, counted):
                total = total + weight[:, None] * evaluate(points[:, list(group)])
            return total

        return work, min(chunk for _, chunk in works)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        slides = tuple(slide.to(dtype=dtype, device=device) for slide in self.slides)
        return dataclasses.replace(self, slides=slides)

    def scaled(self, factor: float) -> Self:
        slides = tuple(slide.scaled(factor) for slide in self.slides)
        return dataclasses.replace(self, slides=slides, constant=self.constant * factor)

    def plus(self, other: Self) -> Self:
        self._require_same(other)
        if other.groups != self.groups:
            raise DomainError(f"a sum needs the same groups: expected {self.groups}, got {other.groups}")
        slides = tuple(a.plus(b) for a, b in zip(self.slides, other.slides))
        return dataclasses.replace(self, slides=slides, constant=self.constant + other.constant)

    def fix(self, **values: float) -> Self:
        self._require_fixable(values)
        left = [k for k, name in enumerate(self.box.names) if name not in values]
        groups, slides, constant = [], [], self.constant
        for group, slide in zip(self.groups, self.slides):
            fixed = {name: values[name] for name in slide.box.names if name in values}
            if len(fixed) == len(group):
                constant += float(slide(slide.sample.new_tensor([fixed[n] for n in slide.box.names])))
                continue
            groups.append(tuple(left.index(k) for k in group if k in left))
            slides.append(slide.fix(**fixed))
        return type(self)(self.box.without(values), tuple(groups), tuple(slides), constant)

    def payload(self) -> tuple[Tensors, dict[str, Any]]:
        tensors = {f"slide.{k}": slide.coefficients for k, slide in enumerate(self.slides)}
        return tensors, {"groups": [list(g) for g in self.groups], "constant": self.constant}

    @classmethod
    def from_payload(cls, box: Box, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        groups = tuple(tuple(int(k) for k in group) for group in meta["groups"])
        slides = [TensorSurrogate(box.select(g), tensors[f"slide.{k}"]) for k, g in enumerate(groups)]
        return cls(box, groups, tuple(slides), float(meta["constant"]))

    def _refuse_mixed(self, order: Order) -> None:
        touched = [group for group in self.groups if any(order[k] for k in group)]
        if len(touched) > 1:
            names = [self.box.names[k] for group in touched for k in group if order[k]]
            raise DomainError(
                f"mixed derivative in {names}: expected axes of one slide, got axes of {len(touched)}; a slider "
                f"has lost what couples them -> put them into one group",
                names,
            )


def check_groups(box: Box, groups: Sequence[Sequence[int]]) -> None:
    """Raise DomainError unless the groups hold every axis once."""
    if sorted(k for group in groups for k in group) != list(range(len(box))) or not all(groups):
        raise DomainError(f"groups: expected every axis 0 … {len(box) - 1} once, got {groups}")
