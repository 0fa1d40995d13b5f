"""From a residual's adjoints by block to tensors of the world: market tensors directly, exercise through its regressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xva.exposure import World
from xva.exposure.block.conditional_adjoint import market_key, policy_key
from xva.exposure.parts.conditional import Residual
from xva.models.cross_asset_paths import PathMarket
from xva.numerics import tree
from xva.sensitivities.reverse_pass import Pulled, Sums, batched

PolicyPull = Callable[[PathMarket, Tensor], Sequence[Tensor]]
"""Cotangents of the exercise coefficients ``(batch, exercise, basis)`` to those of the market's tensors, ``(batch, ...)``."""


@dataclass(frozen=True)
class ResidualPullback:
    """`reverse_pass.ResidualGraph` of a plan with residuals.

    Parameters
    ----------
    residuals : mapping
        By netting set number, as the plan's.
    select : callable
        The part of a world that a trade (netting set, number) looks at, as when its `ResidualTrade.market` was made.
    policies : mapping
        Of trades with decisions: how their policy follows from the market it was trained on.
    """

    residuals: Mapping[int, Residual]
    select: Callable[[World, int, int], PathMarket]
    policies: Mapping[tuple[int, int], PolicyPull]

    def __call__(self, world: World, number: int, means: Sequence[Sums]) -> Pulled:
        outputs: list[Tensor] = []
        cotangents: list[Tensor] = []
        trades = self.residuals[number].trades if number in self.residuals else ()
        for j, item in enumerate(trades):
            market = self.select(world, number, j)
            mine = tree.tensors(market)
            bars = [_stacked(means, market_key(number, j, k)) for k in range(len(mine))]
            if item.policy is not None:
                by_policy = self.policies[number, j](item.market, _stacked(means, policy_key(number, j)))
                bars = [a + b for a, b in zip(bars, by_policy, strict=True)]
            outputs += mine
            cotangents += bars
        return outputs, cotangents


def _stacked(means: Sequence[Sums], key: str) -> Tensor:
    return batched([torch.from_numpy(mean[key]) for mean in means])
