"""Values on a tree, differentiable: European ones as a binomial sum, American ones by rollback."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from xva.options.lattice.lattice import Lattice
from xva.options.lattice.rollback import roll

_TERMS = 2_000_000  # of a block of binomial sums


def european(lattice: Lattice, place: int = 0) -> Tensor:
    """European options ``(option,)``: the expectation over the last step's binomial distribution, no rollback.

    Differentiable to any order as a function of the lattice (with a kink where a node crosses the strike). Float64
    inside whatever the dtype, because the logarithms of the weights cancel.

    Parameters
    ----------
    place : int
        Even; the value today at this place of the tree instead of the root.
    """
    count = max(1, _TERMS // lattice.steps)
    blocks = torch.split(torch.arange(len(lattice.spot), device=lattice.spot.device), count)
    return torch.cat([_binomial_sum(lattice.take(block), place) for block in blocks]).to(lattice.spot.dtype)


def _binomial_sum(lattice: Lattice, place: int) -> Tensor:
    n = lattice.steps
    spot, strike, spread, drift, discount, p = (x.double()[:, None] for x in lattice.inputs)
    away = torch.arange(n + 1, dtype=torch.float64, device=spot.device)
    ways = (
        torch.lgamma(torch.full_like(away, n + 1.0)) - torch.lgamma(away + 1.0) - torch.lgamma(n + 1.0 - away)
    )
    weight = torch.exp(ways + away * torch.log(p) + (n - away) * torch.log1p(-p) + n * discount)
    asset = spot * torch.exp((2.0 * away - n + place) * spread + n * drift)
    payoff = torch.relu(lattice.sign.double()[:, None] * (asset - strike))
    return (weight * payoff).sum(1)


def american(lattice: Lattice) -> tuple[Tensor, Tensor, Tensor]:
    """American options at the root, and at places -2 and 2, ``(option,)`` each.

    The first is differentiable once, at the exercise region found (see `rollback`); the others are not.
    """
    value, near, far = _American.apply(lattice, *lattice.inputs)  # type: ignore[no-untyped-call]
    return value, near, far


@final
class _American(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lattice: Lattice, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rolled = roll(lattice.with_inputs(*(x.detach() for x in inputs)), slopes=any(ctx.needs_input_grad))
        ctx.save_for_backward(*(rolled.slopes or ()))
        ctx.mark_non_differentiable(rolled.near, rolled.far)
        return rolled.value, rolled.near, rolled.far

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *(grads[0] * slope for slope in ctx.saved_tensors))
