"""A Chebyshev tensor train: the dense tensor as a product of small cores, differentiated analytically."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import torch
from torch import Tensor

from surrogates.chebyshev.box import Box, Order
from surrogates.chebyshev.compression import cores_of, round_cores
from surrogates.chebyshev.contraction import basis_tables, best_cut, contract_train
from surrogates.chebyshev.surrogate import ChebyshevSurrogate, Tensors, Work
from surrogates.chebyshev.tensor import TensorSurrogate, basis_at, padded
from xva.errors import DomainError

_ROWS_IN_CACHE = 1 << 18


@final
@dataclass(frozen=True, eq=False)
class TrainSurrogate(ChebyshevSurrogate):
    """``f(x) = C_1(x_1) C_2(x_2) … C_d(x_d)`` with matrices ``C_k(x) = sum over j of cores[k][:, j, :] T_j(x)``.

    Parameters
    ----------
    box : Box
    cores : tuple of Tensor
        ``(left, count, right)``, the first with left = 1, the last with right = 1.
    sequence : tuple of int, optional
        Axis of each core; by default in the order of the box.

    References
    ----------
    I. Oseledets, Tensor-train decomposition, SIAM J. Sci. Comput. 33 (2011).
    """

    box: Box
    cores: tuple[Tensor, ...]
    sequence: tuple[int, ...] = ()

    kind: ClassVar[str] = "train"

    def __post_init__(self) -> None:
        object.__setattr__(self, "cores", tuple(self.cores))
        object.__setattr__(self, "sequence", tuple(self.sequence) or tuple(range(len(self.box))))
        shapes = [tuple(core.shape) for core in self.cores]
        chained = all(len(s) == 3 for s in shapes) and (
            [1, *(s[2] for s in shapes)] == [*(s[0] for s in shapes), 1]
        )
        if not chained or sorted(self.sequence) != list(range(len(self.box))) or len(shapes) != len(self.box):
            raise DomainError(
                f"train: expected {len(self.box)} cores (left, count, right) that fit, got {shapes} for axes "
                f"{self.sequence}"
            )
        if not all(bool(torch.isfinite(core).all()) for core in self.cores):
            raise DomainError("cores: expected finite numbers, got a NaN or an infinity")

    @classmethod
    def compressed(cls, tensor: TensorSurrogate, tolerance: float) -> TrainSurrogate:
        """The train of a dense tensor, off by at most ``tolerance`` in relative Frobenius norm of the
        coefficients (`compression`)."""
        return cls(tensor.box, cores_of(tensor.coefficients, tolerance))

    @property
    def sample(self) -> Tensor:
        return self.cores[0]

    @property
    def ranks(self) -> tuple[int, ...]:
        """Sizes of the bonds between the cores."""
        return tuple(core.shape[2] for core in self.cores[:-1])

    @property
    def counts(self) -> tuple[int, ...]:
        """Polynomials per axis of the box."""
        return tuple(self.cores[self.sequence.index(k)].shape[1] for k in range(len(self.box)))

    @property
    def degrees(self) -> tuple[int, ...]:
        return tuple(count - 1 for count in self.counts)

    def dense(self) -> TensorSurrogate:
        """The dense tensor; as large as the product of the counts."""
        full = self.cores[0]
        for core in self.cores[1:]:
            full = torch.tensordot(full, core, dims=1)
        back = [self.sequence.index(k) for k in range(len(self.box))]
        return TensorSurrogate(self.box, full[0, ..., 0].permute(back).contiguous())

    def rounded(self, tolerance: float) -> Self:
        """The train with smaller cores, off by at most ``tolerance`` in relative Frobenius norm of the
        coefficients."""
        return type(self)(self.box, round_cores(self.cores, tolerance), self.sequence)

    def prepare(self, orders: Sequence[Order]) -> tuple[Work, int]:
        moved = [tuple(order[k] for k in self.sequence) for order in orders]
        cut = best_cut(self.cores, moved)
        ones = self.sample.new_ones(1, 1)

        def work(points: Tensor) -> Tensor:
            tables = basis_tables(self.box, points, self.counts, orders)
            arranged = [tables[k] for k in self.sequence]
            return contract_train(self.cores, cut, arranged, moved, ones.expand(1, len(points)))

        widest = max(core.shape[1] * max(core.shape[0], core.shape[2]) for core in self.cores)
        return work, max(256, _ROWS_IN_CACHE // widest)

    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        cores = tuple(core.to(dtype=dtype, device=device) for core in self.cores)
        return type(self)(self.box, cores, self.sequence)

    def scaled(self, factor: float) -> Self:
        return type(self)(self.box, (self.cores[0] * factor, *self.cores[1:]), self.sequence)

    def plus(self, other: Self) -> Self:
        """The sum; its ranks are added up, and `rounded` makes them small again."""
        self._require_same(other)
        if other.sequence != self.sequence:
            raise DomainError(
                f"a sum needs one order of axes: expected {self.sequence}, got {other.sequence}"
            )
        if len(self.cores) == 1:
            count = max(self.counts[0], other.counts[0])
            return type(self)(self.box, (_padded(self.cores[0], count) + _padded(other.cores[0], count),))
        last = len(self.cores) - 1
        cores = [_joined(a, b, k == 0, k == last) for k, (a, b) in enumerate(zip(self.cores, other.cores))]
        return type(self)(self.box, tuple(cores), self.sequence)

    def fix(self, **values: float) -> Self:
        self._require_fixable(values)
        kept: list[Tensor] = []
        pending = self.sample.new_ones(1, 1)
        for k, core in zip(self.sequence, self.cores):
            name = self.box.names[k]
            if name in values:
                weights = basis_at(self.box, k, values[name], core.shape[1], core)
                pending = pending @ torch.einsum("ajb,j->ab", core, weights)
            else:
                kept.append(torch.tensordot(pending, core, dims=1))
                pending = torch.eye(core.shape[2]).to(core)
        kept[-1] = torch.tensordot(kept[-1], pending, dims=1)
        left = [k for k in self.sequence if self.box.names[k] not in values]
        order = sorted(left)
        return type(self)(self.box.without(values), tuple(kept), tuple(order.index(k) for k in left))

    def payload(self) -> tuple[Tensors, dict[str, Any]]:
        cores = {f"core.{k}": core for k, core in enumerate(self.cores)}
        return cores, {"sequence": list(self.sequence)}

    @classmethod
    def from_payload(cls, box: Box, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        cores = tuple(tensors[f"core.{k}"] for k in range(len(box)))
        return cls(box, cores, tuple(int(k) for k in meta["sequence"]))


def _padded(core: Tensor, count: int) -> Tensor:
    return padded(core, (core.shape[0], count, core.shape[2]))


def _joined(a: Tensor, b: Tensor, first: bool, last: bool) -> Tensor:
    """Cores side by side: a row at the first, a column at the last, block diagonal between."""
    count = max(a.shape[1], b.shape[1])
    a, b = _padded(a, count), _padded(b, count)
    if first:
        return torch.cat([a, b], dim=2)
    if last:
        return torch.cat([a, b], dim=0)
    upper = torch.cat([a, a.new_zeros(a.shape[0], count, b.shape[2])], dim=2)
    return torch.cat([upper, torch.cat([b.new_zeros(b.shape[0], count, a.shape[2]), b], dim=2)], dim=0)
