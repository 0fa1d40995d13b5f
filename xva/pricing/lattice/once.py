"""A mark on tensors: what is computed from here may be differentiated once, and no more."""

from __future__ import annotations

from typing import Any, Never, final

import torch
from torch import Tensor

from xva.errors import DomainError


def once_differentiable(x: Tensor) -> Tensor:
    """The same numbers; the gradient that comes back through them cannot be differentiated (DomainError)."""
    marked: Tensor = _Once.apply(x) if x.requires_grad else x  # type: ignore[no-untyped-call]
    return marked


@final
class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        slope: Tensor = _Refusal.apply(grads[0], *ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return slope


@final
class _Refusal(torch.autograd.Function):
    """The identity of its first argument, tied to the second so that no derivative passes it by."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor) -> Tensor:
        return grad.view_as(grad)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Never:
        raise DomainError(
            "tree price: a second derivative by AD would be false here (exactly 0 for the gamma of a CRR tree; without "
            "the moving exercise boundary for an American option) -> xva.pricing.lattice.greeks.greeks has gamma, "
            "vanna and volga by other means; European options have all by AD on scheme='leisen_reimer'"
        )
