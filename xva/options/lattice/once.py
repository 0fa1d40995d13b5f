"""A mark on tensors: what is computed from them may be differentiated once by them, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Never, final

import torch
from torch import Tensor

from xva.errors import DomainError


def once_differentiable(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same numbers; gradients that come back through any cannot be differentiated by any (DomainError)."""
    moving = [x for x in tensors if x.requires_grad]
    if not moving:
        return list(tensors)
    marked = iter(_Once.apply(*moving))  # type: ignore[no-untyped-call]
    return [next(marked) if x.requires_grad else x for x in tensors]


@final
class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*tensors)
        return tuple(x.view_as(x) for x in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        refused = _Refused.apply(*ctx.saved_tensors)  # type: ignore[no-untyped-call]
        return tuple(grad + refused for grad in grads)


@final
class _Refused(torch.autograd.Function):
    """Nought, tied to the tensors by which nothing may be differentiated any more."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        return tensors[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Never:
        raise DomainError(
            "tree price: a second derivative by AD would be false here (exactly 0 for the gamma of a CRR tree; without "
            "the moving exercise boundary for an American option) -> xva.options.lattice.greeks.greeks has gamma, "
            "vanna and volga by other means; European options have all by AD on scheme='leisen_reimer'"
        )
