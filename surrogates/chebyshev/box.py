"""The box on which a surrogate is known to be right: named axes with bounds and units."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xva.errors import DomainError

Order = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """One input of a surrogate.

    Parameters
    ----------
    name : str
        What it is called in errors, slices and cards (``spot``).
    lower, upper : float
        Finite bounds; queries on them are inside.
    unit : str
        ``EUR``, ``year``, ``per year`` ….
    """

    name: str
    lower: float
    upper: float
    unit: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", float(self.lower))
        object.__setattr__(self, "upper", float(self.upper))
        if not self.name:
            raise DomainError("an axis needs a name")
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper):
            raise DomainError(
                f"axis {self.name}: expected finite bounds, lower < upper, got [{self.lower}, {self.upper}]",
                [self.name],
            )

    @property
    def width(self) -> float:
        return self.upper - self.lower

    def __str__(self) -> str:
        return f"{self.name} in [{self.lower:g}, {self.upper:g}]{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True)
class Box:
    """Axes in the order of the columns of a query.

    Raises
    ------
    DomainError
        No axis, or one name twice.
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        if not self.axes or len(set(self.names)) != len(self.axes):
            raise DomainError(f"a box needs axes with different names, got {list(self.names)}", self.names)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def index(self, name: str) -> int:
        """Column of an axis; raises DomainError when there is none of that name."""
        if name not in self.names:
            raise DomainError(f"expected an axis of {list(self.names)}, got {name!r}", [name])
        return self.names.index(name)

    def order(self, **orders: int) -> Order:
        """Orders of differentiation by axis name: ``box.order(spot=2)`` is gamma, ``box.order()`` the value."""
        found = [0] * len(self)
        for name, order in orders.items():
            found[self.index(name)] = order
        return tuple(found)

    def select(self, axes: Sequence[int]) -> Box:
        """The box of some of the axes."""
        return Box(tuple(self.axes[k] for k in axes))

    def without(self, names: Collection[str]) -> Box:
        """The box that is left when the named axes are fixed."""
        for name in names:
            self.index(name)
        return self.select([k for k, axis in enumerate(self.axes) if axis.name not in names])

    def bounds(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper bounds ``(axis,)``, rounded to the dtype of ``like`` as queries are."""
        lower = like.new_tensor([axis.lower for axis in self.axes])
        return lower, like.new_tensor([axis.upper for axis in self.axes])

    def inside(self, points: Tensor) -> Tensor:
        """Whether points ``(point, axis)`` are in the box, as ``(point,)`` bool; a NaN is not."""
        lower, upper = self.bounds(points)
        return ((points >= lower) & (points <= upper)).all(-1)

    def scaled(self, points: Tensor) -> Tensor:
        """Points ``(point, axis)`` as ``(axis, point)`` on [-1, 1]; differentiable."""
        lower, upper = self.bounds(points)
        return ((2.0 * points - (lower + upper)) / (upper - lower)).T

    def refuse_nan(self, points: Tensor) -> None:
        """Raise DomainError when a coordinate is NaN."""
        bad = torch.isnan(points)
        if bool(bad.any()):
            row, column = _first(bad)
            name = self.names[column]
            count = int(bad.any(-1).sum())
            raise DomainError(
                f"{count} of {len(points)} queries hold a NaN: first at row {row}, axis {name}", [name]
            )

    def require(self, points: Tensor) -> None:
        """Raise DomainError when a point is outside, naming the axes, how many, and the first row."""
        self.refuse_nan(points)
        lower, upper = self.bounds(points)
        bad = (points < lower) | (points > upper)
        if not bool(bad.any()):
            return
        row, _ = _first(bad)
        columns = [k for k in range(len(self)) if bool(bad[:, k].any())]
        parts = [f"{self.axes[k]} ({int(bad[:, k].sum())} rows)" for k in columns]
        got = ", ".join(f"{self.names[k]} = {float(points[row, k])!r}" for k in columns if bool(bad[row, k]))
        raise DomainError(
            f"{int(bad.any(-1).sum())} of {len(points)} queries are outside the box: expected "
            f"{'; '.join(parts)}, got first {got} at row {row} -> build on a wider box, or ask with "
            f'outside="flag"',
            [self.names[k] for k in columns],
        )


def _first(bad: Tensor) -> tuple[int, int]:
    row, column = torch.nonzero(bad)[0].tolist()
    return row, column
