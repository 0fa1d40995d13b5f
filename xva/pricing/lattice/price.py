"""Tree values as a differentiable function of the market, and a refusal where a derivative would be false."""

from __future__ import annotations

from typing import Any, Never, final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.pricing.lattice.lattice import Lattice
from xva.pricing.lattice.options import LatticeOptions
from xva.pricing.lattice.parameters import Scheme, build_tree
from xva.pricing.lattice.value import american, european


def price(options: LatticeOptions, steps: int, scheme: Scheme = "crr") -> Tensor:
    """Value today of each option on its tree, to the holder.

    First derivatives by AD are the tree's own (what an infinitely small bump gives). Second derivatives by AD are right
    for European options on Leisen-Reimer trees only: on a CRR tree the value is piecewise linear in the spot, so gamma
    would be exactly 0 and vanna and volga miss the same kink; with early exercise they miss the moving boundary. There,
    asking for them is an error, and `greeks` has the right ones by other means. On a CRR tree it also has first
    derivatives without the odd-even jumps that AD's carry (up to 2 % at 1,000 steps).

    Parameters
    ----------
    options : LatticeOptions
    steps : int
        At least 2, odd for ``"leisen_reimer"``.
    scheme : {"crr", "crr_textbook", "leisen_reimer"}
        See `build_tree`.

    Returns
    -------
    Tensor
        ``(option,)``, error of order 1/steps (European Leisen-Reimer 1/steps^2). Nodes that change the value by less
        than about 1e-13 of the strike are left out.

    Raises
    ------
    DomainError
        No such tree; or, from a second backward pass, a second derivative that would be false.
    """
    early, late = options.american.nonzero()[:, 0], (~options.american).nonzero()[:, 0]
    parts = []
    if len(early):
        some = _once_differentiable(options.take(early))
        parts.append(american(Lattice.of(some, build_tree(some, steps, scheme)))[0])
    if len(late):
        some = options.take(late)
        some = some if scheme == "leisen_reimer" else _once_differentiable(some)
        parts.append(european(Lattice.of(some, build_tree(some, steps, scheme))))
    return torch.cat(parts)[torch.argsort(torch.cat([early, late]))]


def _once_differentiable(options: LatticeOptions) -> LatticeOptions:
    if not torch.is_grad_enabled():
        return options
    market = (_Once.apply(x) if x.requires_grad else x for x in options.market)  # type: ignore[no-untyped-call]
    return options.with_market(*market)


@final
class _Once(torch.autograd.Function):
    """The identity; its gradient, too, until that is differentiated."""

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
    """The identity of its first argument, tied to the second so that no derivative passes by."""

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
