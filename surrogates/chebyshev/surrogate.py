"""What every Chebyshev surrogate does: checked, batched, differentiable evaluation on its box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self, overload

import torch
from torch import Tensor

from surrogates.chebyshev.box import Box, Order
from xva.errors import DomainError

Tensors = dict[str, Tensor]
Work = Callable[[Tensor], Tensor]


class Flagged(NamedTuple):
    """Values, NaN where ``inside`` is False; ``inside`` has the shape of the batch of queries."""

    values: Tensor
    inside: Tensor


class ChebyshevSurrogate(ABC):
    """A polynomial (or pieces of some) in a box; torch-differentiable in the query points.

    Queries are ``(*batch, axis)`` in the box's order and units, of the surrogate's dtype and device. ``outside``
    says what a query outside the box gets, which is never an extrapolation:

    - ``"raise"``: `DomainError` with the axes, how many queries and the first of them;
    - ``"flag"``: a `Flagged` pair, NaN (values and gradients) and a mask; a NaN query still raises;
    - ``"nan"``: NaN without any check that depends on data, for `torch.func.vmap`.

    ``a + b``, ``a - b``, ``2.0 * a`` and ``-a`` work between surrogates of one kind on one box.
    """

    kind: ClassVar[str]
    box: Box

    @property
    @abstractmethod
    def sample(self) -> Tensor:
        """One of its tensors: its dtype and device are those of queries."""

    @property
    @abstractmethod
    def degrees(self) -> tuple[int, ...]:
        """Highest degree per axis; a derivative of higher order is refused."""

    @abstractmethod
    def prepare(self, orders: Sequence[Order]) -> tuple[Work, int]:
        """A function of ``(point, axis)`` inside the box that gives ``(order, point)``, and its chunk size."""

    @abstractmethod
    def to(self, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Self:
        """The same surrogate in another dtype or on another device."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The surrogate times a number."""

    @abstractmethod
    def plus(self, other: Self) -> Self:
        """The sum of two surrogates of one kind on one box; raises DomainError."""

    @abstractmethod
    def fix(self, **values: float) -> Self:
        """The slice where the named axes have these values; raises DomainError outside the box."""

    @abstractmethod
    def payload(self) -> tuple[Tensors, dict[str, Any]]:
        """Tensors and a JSON-clean dict from which `from_payload` rebuilds it bit for bit."""

    @classmethod
    @abstractmethod
    def from_payload(cls, box: Box, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Self:
        """Rebuild what `payload` gave."""

    @property
    def dtype(self) -> torch.dtype:
        return self.sample.dtype

    @property
    def device(self) -> torch.device:
        return self.sample.device

    @overload
    def __call__(self, points: Tensor, *, outside: Literal["raise", "nan"] = "raise") -> Tensor: ...
    @overload
    def __call__(self, points: Tensor, *, outside: Literal["flag"]) -> Flagged: ...
    def __call__(
        self, points: Tensor, *, outside: Literal["raise", "flag", "nan"] = "raise"
    ) -> Tensor | Flagged:
        """Values ``(*batch,)`` at ``(*batch, axis)``; raises DomainError."""
        found = self.value_and_derivatives(points, [self.box.order()], outside=outside)
        if isinstance(found, Flagged):
            return Flagged(found.values[..., 0], found.inside)
        return found[..., 0]

    @overload
    def value_and_derivatives(
        self, points: Tensor, orders: Sequence[Order], *, outside: Literal["raise", "nan"] = "raise"
    ) -> Tensor: ...
    @overload
    def value_and_derivatives(
        self, points: Tensor, orders: Sequence[Order], *, outside: Literal["flag"]
    ) -> Flagged: ...
    @overload
    def value_and_derivatives(
        self, points: Tensor, orders: Sequence[Order], *, outside: Literal["raise", "flag", "nan"]
    ) -> Tensor | Flagged: ...
    def value_and_derivatives(
        self,
        points: Tensor,
        orders: Sequence[Order],
        *,
        outside: Literal["raise", "flag", "nan"] = "raise",
    ) -> Tensor | Flagged:
        """Values and analytic derivatives in one pass, by the differentiated basis.

        Parameters
        ----------
        points : Tensor
            ``(*batch, axis)``.
        orders : sequence of tuple
            Order of differentiation per axis, as `Box.order` makes them; all zero is the value.

        Returns
        -------
        Tensor
            ``(*batch, order)``, per power of the axes' units; differentiable again. A `Flagged` pair with
            ``outside="flag"``.

        Raises
        ------
        DomainError
            A query is NaN or outside, has another dtype, device or width, or an order exceeds the degree.
        """
        self._check_orders(orders)
        flat = self._flat(points)
        if outside == "raise":
            self.box.require(flat)
            return self._evaluate(flat, orders).T.reshape(*points.shape[:-1], len(orders))
        if outside not in ("flag", "nan"):
            raise DomainError(f'outside: expected "raise", "flag" or "nan", got {outside!r}')
        if outside == "flag":
            self.box.refuse_nan(flat)
        inside = self.box.inside(flat)
        lower, upper = self.box.bounds(flat)
        safe = torch.where(inside[:, None], flat, 0.5 * (lower + upper))
        # a factor, not a second `where`: outside, gradients become NaN too, not 0
        factor = torch.where(inside, 1.0, torch.nan).to(flat.dtype)
        found = (self._evaluate(safe + 0.0 * (flat - flat.detach()), orders) * factor).T
        values = found.reshape(*points.shape[:-1], len(orders))
        return Flagged(values, inside.reshape(points.shape[:-1])) if outside == "flag" else values

    def __add__(self, other: Self) -> Self:
        return self.plus(other)

    def __sub__(self, other: Self) -> Self:
        return self.plus(other.scaled(-1.0))

    def __mul__(self, factor: float) -> Self:
        return self.scaled(factor)

    def __rmul__(self, factor: float) -> Self:
        return self.scaled(factor)

    def __neg__(self) -> Self:
        return self.scaled(-1.0)

    def refuse(self, points: Tensor, orders: Sequence[Order]) -> None:  # noqa: B027 (most kinds refuse nothing more)
        """Raise DomainError when an order does not exist at one of the points ``(point, axis)``."""

    def _evaluate(self, flat: Tensor, orders: Sequence[Order]) -> Tensor:
        self.refuse(flat, orders)
        work, chunk = self.prepare(orders)
        if len(flat) <= chunk:
            return work(flat)
        return torch.cat([work(part) for part in torch.split(flat, chunk)], dim=1)

    def _flat(self, points: Tensor) -> Tensor:
        if points.ndim < 1 or points.shape[-1] != len(self.box):
            raise DomainError(
                f"queries: expected (..., {len(self.box)}) for {list(self.box.names)}, "
                f"got {tuple(points.shape)}"
            )
        if points.dtype != self.dtype or points.device != self.device:
            raise DomainError(
                f"queries: expected {self.dtype} on {self.device}, got {points.dtype} on {points.device} "
                f"-> convert them, or the surrogate with .to(dtype=, device=)"
            )
        return points.reshape(-1, len(self.box))

    def _check_orders(self, orders: Sequence[Order]) -> None:
        if not orders:
            raise DomainError("orders: expected at least one")
        for order in orders:
            if len(order) != len(self.box) or any(not isinstance(m, int) or m < 0 for m in order):
                raise DomainError(
                    f"orders: expected {len(self.box)} whole numbers >= 0 for {list(self.box.names)}, "
                    f"got {order}"
                )
            for axis, m, degree in zip(self.box.axes, order, self.degrees):
                if m > degree:
                    raise DomainError(
                        f"order {m} in {axis.name}: expected at most {degree}, the degree of the polynomial, "
                        f"whose higher derivatives are 0 whatever the function's are",
                        [axis.name],
                    )

    def _require_same(self, other: ChebyshevSurrogate) -> None:
        if type(other) is not type(self) or other.box != self.box:
            raise DomainError(
                f"a sum needs one kind and one box: expected {self.kind} on {[str(a) for a in self.box.axes]}, "
                f"got {getattr(other, 'kind', type(other).__name__)} on "
                f"{[str(a) for a in getattr(other, 'box', self.box).axes]}"
            )

    def _require_fixable(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            axis = self.box.axes[self.box.index(name)]
            if not axis.lower <= value <= axis.upper:
                raise DomainError(f"slice: expected {axis}, got {value!r}", [name])
        if len(values) == len(self.box):
            raise DomainError("slice: every axis is fixed -> ask for the value at that point instead")
