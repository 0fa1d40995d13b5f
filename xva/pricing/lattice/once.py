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
        (x,) = ctx.saved_tensors
        refused: Tensor = _Refused.apply(x)  # type: ignore[no-untyped-call]
        return grads[0] + refused


@final
class _Refused(torch.autograd.Function):
    """Nought, tied to the tensor whose second derivatives are refused and to no other."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Never:
        raise DomainError(
            "tree price: a second derivative by AD would be false here (exactly 0 for the gamma of a CRR tree; without "
            "the moving exercise boundary for an American option) -> xva.pricing.lattice.greeks.greeks has gamma, "
            "vanna and volga by other means; European options have all by AD on scheme='leisen_reimer'"
        )
