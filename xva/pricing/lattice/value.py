"""Values on a tree, differentiable: European ones as a binomial sum, American ones by rollback."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from xva.pricing.lattice.lattice import Lattice
from xva.pricing.lattice.rollback import roll

_TERMS = 2_000_000  # of a block of binomial sums


def european(lattice: Lattice, shift: int = 0) -> Tensor:
    """European options ``(option,)``: the expectation over the last step's binomial distribution, no rollback.

    Differentiable to any order as a function of the lattice (where nodes cross the strike, a kink). In float64 inside
    whatever the dtype, because the weights' logarithms cancel.

    Parameters
    ----------
    shift : int
        Value of the node at this even place today instead of the root.
    """
    count = max(1, _TERMS // lattice.steps)
    pieces = torch.arange(len(lattice.spot), device=lattice.spot.device).split(count)
    return torch.cat([_binomial_sum(lattice.take(piece), shift) for piece in pieces]).to(lattice.spot.dtype)


def _binomial_sum(lattice: Lattice, shift: int) -> Tensor:
    n = lattice.steps
    spot, strike, spread, drift, discount, p = (x.double()[:, None] for x in lattice.inputs)
    away = torch.arange(n + 1, dtype=torch.float64, device=spot.device)
    ways = (
        torch.lgamma(torch.full_like(away, n + 1.0)) - torch.lgamma(away + 1.0) - torch.lgamma(n + 1.0 - away)
    )
    weight = torch.exp(ways + away * torch.log(p) + (n - away) * torch.log1p(-p) + n * discount)
    asset = spot * torch.exp((2.0 * away - n + shift) * spread + n * drift)
    payoff = torch.relu(lattice.sign.double()[:, None] * (asset - strike))
    return (weight * payoff).sum(1)


def american(lattice: Lattice) -> Tensor:
    """American options ``(option,)``; differentiable once, at the exercise region found (see `rollback`)."""
    value: Tensor = _American.apply(lattice, *lattice.inputs)  # type: ignore[no-untyped-call]
    return value


@final
class _American(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, lattice: Lattice, *inputs: Tensor) -> Tensor:
        detached = lattice.with_inputs(*(x.detach() for x in inputs))
        rolled = roll(detached, slopes=any(ctx.needs_input_grad))  # type: ignore[attr-defined]
        ctx.save_for_backward(*(rolled.slopes or ()))
        return rolled.value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *(grad * slope for slope in ctx.saved_tensors))


def values(lattice: Lattice, exercisable: Tensor) -> Tensor:
    """A mixed batch ``(option,)``, differentiable where `european` and `american` are."""
    if not bool(exercisable.any()):
        return european(lattice)
    if bool(exercisable.all()):
        return american(lattice)
    early, late = exercisable.nonzero()[:, 0], (~exercisable).nonzero()[:, 0]
    both = torch.cat([american(lattice.take(early)), european(lattice.take(late))])
    return both[torch.argsort(torch.cat([early, late]))]
