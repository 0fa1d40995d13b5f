"""Pieces between knots: one surrogate per cell of a grid, for functions with kinks or jumps at known places."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, final

import torch
from torch import Tensor
from torch.autograd import forward_ad

from surrogates.chebyshev.box import Axis, Box, Order
from surrogates.chebyshev.surrogate import ChebyshevSurrogate, Tensors, Work
from surrogates.chebyshev.tensor import TensorSurrogate
from xva.errors import DomainError

Knots = tuple[tuple[float, ...], ...]
Side = Literal["raise", "left", "right"]

_ON_KNOT = 1e-12  # of the axis' width: closer than this is on the knot
_CHUNK = 1 << 16


@final
@dataclass(frozen=True, eq=False)
class SplineSurrogate(ChebyshevSurrogate):
    """One tensor per cell.

    Parameters
    ----------
    box : Box
    knots : tuple of tuple of float
        Per axis, ascending, strictly inside; empty for an axis without.
    pieces : tuple of TensorSurrogate
        One per cell, the last axis running fastest.
    at_knot : {"raise", "left", "right"}
        What a derivative on a knot (within 1e-12 of the axis' width) is: refused, or that of one side. Gradients
        by AD are refused likewise. The value there is that of the right piece, of the left one with "left".
        The choice of a piece depends on data, so `torch.func.vmap` over queries is not possible.
    """

    box: Box
    knots: Knots
    pieces: tuple[TensorSurrogate, ...]
    at_knot: Side = "raise"

    kind: ClassVar[str] = "spline"

    def __post_init__(self) -> None:
        object.__setattr__(self, "knots", tuple(tuple(float(k) for k in knots) for knots in self.knots))
        object.__setattr__(self, "pieces", tuple(self.pieces))
        if self.at_knot not in ("raise", "left", "right"):
            raise DomainError(f'at_knot: expected "raise", "left" or "right", got {self.at_knot!r}')
        boxes = cells(self.box, self.knots)
        if [piece.box for piece in self.pieces] != boxes:
            raise DomainError(
                f"pieces: expected one for each of {len(boxes)} cells, the last axis running fastest, got "
                f"{len(self.pieces)} pieces or other boxes"
            )

    @property
    def sample(self) -> Tensor:
        return self.pieces[0].coefficients

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells per axis."""
        return tuple(len(knots) + 1 for knots in self.knots)

    @property
    def degrees(self) -> tuple[int, ...]:
        return tuple(min(d) for d in zip(*(piece.degrees for piece in self.pieces)))

    def sided(self, at_knot: Side) -> Self:
        """The same spline with another answer on knots."""
        return dataclasses.replace(self, at_knot=at_knot)

    def prepare(self, orders: Sequence[Order]) -> tuple[Work, int]:
        works = [piece.prepare(orders) for piece in self.pieces]

        def work(points: Tensor) -> Tensor:
            flat = self._cell(points.detach())
            rows = torch.argsort(flat, stable=True)
            counts = torch.bincount(flat, minlength=len(works)).tolist()
            found: list[Tensor] = []
            for (evaluate, chunk), part in zip(works, torch.split(points[rows], counts)):
                found.extend(evaluate(some) for some in torch.split(part, chunk))
            return torch.cat(found, dim=1)[:, torch.argsort(rows)]

        return work, _CHUNK

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        pieces = tuple(piece.to(dtype=dtype, device=device) for piece in self.pieces)
        return dataclasses.replace(self, pieces=pieces)

    def scaled(self, factor: float) -> Self:
        return dataclasses.replace(self, pieces=tuple(piece.scaled(factor) for piece in self.pieces))

    def plus(self, other: Self) -> Self:
        self._require_same(other)
        if other.knots != self.knots or other.at_knot != self.at_knot:
            raise DomainError(
                f"a sum needs the same knots and at_knot: expected {self.knots}, {self.at_knot}, got "
                f"{other.knots}, {other.at_knot}"
            )
        pieces = tuple(a.plus(b) for a, b in zip(self.pieces, other.pieces))
        return dataclasses.replace(self, pieces=pieces)

    def fix(self, **values: float) -> Self:
        """The slice; on a knot, of the right piece (of the left one with ``at_knot="left"``)."""
        self._require_fixable(values)
        wanted = {self.box.index(name): value for name, value in values.items()}
        grid = itertools.product(*(range(n) for n in self.shape))
        chosen = {k: _place(self.knots[k], value, self.at_knot) for k, value in wanted.items()}
        pieces = [
            piece.fix(**values)
            for cell, piece in zip(grid, self.pieces)
            if all(cell[k] == place for k, place in chosen.items())
        ]
        knots = tuple(self.knots[k] for k in range(len(self.box)) if k not in wanted)
        return type(self)(self.box.without(values), knots, tuple(pieces), self.at_knot)

    def payload(self) -> tuple[Tensors, dict[str, Any]]:
        tensors = {f"piece.{k}": piece.coefficients for k, piece in enumerate(self.pieces)}
        return tensors, {"knots": [list(k) for k in self.knots], "at_knot": self.at_knot}

    @classmethod
    def from_payload(cls, box: Box, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        knots = tuple(tuple(k) for k in meta["knots"])
        pieces = [TensorSurrogate(cell, tensors[f"piece.{k}"]) for k, cell in enumerate(cells(box, knots))]
        return cls(box, knots, tuple(pieces), meta["at_knot"])

    def _cell(self, points: Tensor) -> Tensor:
        flat = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        for k, knots in enumerate(self.knots):
            places = torch.zeros_like(flat)
            for knot in knots:
                places = places + _beyond(points[:, k], knot, self.at_knot)
            flat = flat * (len(knots) + 1) + places
        return flat

    def refuse(self, points: Tensor, orders: Sequence[Order]) -> None:
        """Raise DomainError for a derivative on a knot, unless a side was chosen."""
        if self.at_knot != "raise":
            return
        by_graph = _differentiated(points)
        rounding = torch.finfo(points.dtype).eps
        for k, axis in enumerate(self.box.axes):
            if not by_graph and all(order[k] == 0 for order in orders):
                continue
            near = max(_ON_KNOT * axis.width, rounding * max(abs(axis.lower), abs(axis.upper)))
            for knot in self.knots[k]:
                on = (points[:, k] - knot).abs() <= near
                if bool(on.any()):
                    raise DomainError(
                        f"derivative in {axis.name}: {int(on.sum())} queries are on the knot {knot!r}, first "
                        f"at row {int(torch.nonzero(on)[0])}, where left and right derivatives "
                        f'differ -> take a side with sided("left") or sided("right")',
                        [axis.name],
                    )


def cells(box: Box, knots: Sequence[Sequence[float]]) -> list[Box]:
    """Boxes between knots, the last axis running fastest; raises DomainError for knots out of order."""
    if len(knots) != len(box):
        raise DomainError(f"knots: expected one list for each of {list(box.names)}, got {len(knots)}")
    per_axis = []
    for axis, inner in zip(box.axes, knots):
        edges = [axis.lower, *(float(k) for k in inner), axis.upper]
        if not all(math.isfinite(a) and a < b for a, b in itertools.pairwise(edges)):
            raise DomainError(
                f"knots of {axis.name}: expected ascending and strictly inside {axis}, got {list(inner)}",
                [axis.name],
            )
        per_axis.append([Axis(axis.name, a, b, axis.unit) for a, b in itertools.pairwise(edges)])
    return [Box(cell) for cell in itertools.product(*per_axis)]


def _beyond(values: Tensor, knot: float, at_knot: Side) -> Tensor:
    return values > knot if at_knot == "left" else values >= knot


def _place(knots: Sequence[float], value: float, at_knot: Side) -> int:
    return sum(value > knot if at_knot == "left" else value >= knot for knot in knots)


def _differentiated(points: Tensor) -> bool:
    """Whether a gradient will be asked of the points, in reverse or forward mode."""
    if torch.is_grad_enabled() and points.requires_grad:
        return True
    return forward_ad.unpack_dual(points).tangent is not None  # type: ignore[no-untyped-call]
