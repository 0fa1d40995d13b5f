"""A dense Chebyshev tensor: every product of polynomials up to a degree per axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import torch
from torch import Tensor

from surrogates.chebyshev.box import Box, Order
from surrogates.chebyshev.contraction import DenseSplit, basis_tables, contract_dense
from surrogates.chebyshev.surrogate import ChebyshevSurrogate, Tensors, Work
from xva.errors import DomainError
from xva.numerics import chebyshev

_ROWS_IN_CACHE = 1 << 19  # numbers of one intermediate array that a chunk of points may fill


@final
@dataclass(frozen=True, eq=False)
class TensorSurrogate(ChebyshevSurrogate):
    """``f(x) = sum over j of coefficients[j] T_{j_1}(x_1) … T_{j_d}(x_d)``.

    Parameters
    ----------
    box : Box
    coefficients : Tensor
        One dimension per axis, finite floats.
    """

    box: Box
    coefficients: Tensor

    kind: ClassVar[str] = "tensor"

    def __post_init__(self) -> None:
        if self.coefficients.ndim != len(self.box) or not self.coefficients.is_floating_point():
            raise DomainError(
                f"coefficients: expected floats with {len(self.box)} dimensions, got "
                f"{self.coefficients.dtype} {tuple(self.coefficients.shape)}"
            )
        if not bool(torch.isfinite(self.coefficients).all()):
            raise DomainError("coefficients: expected finite numbers, got a NaN or an infinity")

    @classmethod
    def from_values(cls, box: Box, values: Tensor) -> TensorSurrogate:
        """The interpolant of values at the Chebyshev points of the first kind, **ascending** on every axis.

        This is PyChebyshev's grid; ``values`` has one dimension per axis.
        """
        coefficients = values
        for k, count in enumerate(values.shape):
            matrix = chebyshev.coefficient_matrix(count).flip(1).to(values)
            coefficients = torch.tensordot(coefficients, matrix, dims=([k], [1])).movedim(-1, k)
        return cls(box, coefficients.contiguous())

    @property
    def sample(self) -> Tensor:
        return self.coefficients

    @property
    def counts(self) -> tuple[int, ...]:
        """Polynomials per axis."""
        return tuple(self.coefficients.shape)

    @property
    def degrees(self) -> tuple[int, ...]:
        return tuple(count - 1 for count in self.counts)

    def truncation(self) -> tuple[float, ...]:
        """Per axis the larger of the last two coefficients of the one-dimensional interpolants on the grid.

        Their sum estimates the largest error (Ruiz and Zeron, *Machine Learning for Risk Calculations* (2021),
        3.4, take the last one, which is 0 for a kink in the middle of an even number of nodes); no bound.
        """
        found = []
        for k in range(len(self.box)):
            last = self.coefficients.narrow(k, max(self.counts[k] - 2, 0), min(self.counts[k], 2))
            for axis, count in enumerate(self.counts):
                if axis != k:
                    grid = chebyshev.basis(chebyshev.nodes(count), count).to(last)
                    last = torch.tensordot(last, grid, dims=([axis], [0])).movedim(-1, axis)
            found.append(float(last.abs().max()))
        return tuple(found)

    def prepare(self, orders: Sequence[Order]) -> tuple[Work, int]:
        split = DenseSplit.best(self.counts, orders)
        arranged = self.coefficients.permute(split.sequence)
        matrix = arranged.reshape(*_sizes(arranged, split.left)).T.contiguous()
        ones = self.coefficients.new_ones(1, 1)

        def work(points: Tensor) -> Tensor:
            tables = basis_tables(self.box, points, self.counts, orders)
            return contract_dense(matrix, split, tables, orders, ones.expand(1, len(points)))

        return work, max(64, _ROWS_IN_CACHE // max(matrix.shape))

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        return type(self)(self.box, self.coefficients.to(dtype=dtype, device=device))

    def scaled(self, factor: float) -> Self:
        return type(self)(self.box, self.coefficients * factor)

    def plus(self, other: Self) -> Self:
        """The sum; the numbers of polynomials may differ."""
        self._require_same(other)
        counts = tuple(max(pair) for pair in zip(self.counts, other.counts))
        return type(self)(self.box, padded(self.coefficients, counts) + padded(other.coefficients, counts))

    def fix(self, **values: float) -> Self:
        self._require_fixable(values)
        coefficients = self.coefficients
        for name in sorted(values, key=self.box.index, reverse=True):
            k = self.box.index(name)
            weights = basis_at(self.box, k, values[name], self.counts[k], coefficients)
            coefficients = torch.tensordot(coefficients, weights, dims=([k], [0]))
        return type(self)(self.box.without(values), coefficients)

    def payload(self) -> tuple[Tensors, dict[str, Any]]:
        return {"coefficients": self.coefficients}, {}

    @classmethod
    def from_payload(cls, box: Box, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        return cls(box, tensors["coefficients"])


def basis_at(box: Box, k: int, value: float, count: int, like: Tensor) -> Tensor:
    """The ``(count,)`` polynomials of axis ``k`` at one value of it."""
    scaled = Box((box.axes[k],)).scaled(like.new_tensor([[value]]))
    return chebyshev.basis(scaled[0], count)[:, 0]


def padded(coefficients: Tensor, counts: Sequence[int]) -> Tensor:
    """Coefficients with zeros for further polynomials."""
    pads = [p for have, want in zip(reversed(coefficients.shape), reversed(counts)) for p in (0, want - have)]
    return torch.nn.functional.pad(coefficients, pads)


def _sizes(arranged: Tensor, left: int) -> tuple[int, int]:
    first = arranged.shape[:left].numel()
    return first, arranged.numel() // first
