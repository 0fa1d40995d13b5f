"""Derivatives of a residual's profiles within a block: adjoints of the state's increments, of market tensors, of policies.

Given on which side of zero the netting set is, EPE and ENE are sums of the paths' own cash flows, so one backward per
measure through simulated flows and soft decisions is all there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.registry import MEASURES, SIDES
from xva.exposure.block.data import BlockNoise
from xva.exposure.parts.conditional import PathStates, Residual, positions
from xva.exposure.state.state import GridState
from xva.numerics import tree

Arrays = dict[str, NDArray[np.float64]]


def market_key(netting_set: int, trade: int, tensor: int) -> str:
    """Key of the adjoint ``(measure, ...)`` of a tensor of a residual trade's `PathMarket`."""
    return f"residual/{netting_set}/{trade}/{tensor}"


def policy_key(netting_set: int, trade: int) -> str:
    """Key of the adjoint ``(measure, exercise, basis)`` of a residual trade's exercise coefficients."""
    return f"policy/{netting_set}/{trade}"


class ResidualAdjoint:
    """Collects one netting set's masks date by date, then pulls back once.

    Parameters
    ----------
    number : int
        Of the netting set.
    weights : Tensor
        ``(measure, time)``.
    """

    def __init__(self, number: int, residual: Residual, at: PathStates, weights: Tensor) -> None:
        self.number, self.residual, self.at, self.weights = number, residual, at, weights
        self.positive = torch.zeros(len(at.days), residual.units, at.n_paths, dtype=torch.float64)

    def date(self, t: int, positive: Tensor) -> None:
        """Where the netting set's soft value is positive on date ``t``, ``(unit, path)`` of ones and zeros."""
        self.positive[t] = positive

    def pull(self) -> tuple[Tensor, Arrays]:
        """Adjoints ``(measure, time, state, path)`` of the states, and sums keyed for the pull-back."""
        states = self.at.states
        total = torch.zeros(len(MEASURES), *states.shape, dtype=torch.float64)
        sums: Arrays = {}
        for j in range(len(self.residual.trades)):
            by_state, mine = self._trade(j)
            total += by_state
            sums.update(mine)
        return total, sums

    def _trade(self, j: int) -> tuple[Tensor, Arrays]:
        item = self.residual.trades[j]
        market, leaves, _ = tree.cut(item.market)
        policy = item.policy
        extra: list[Tensor] = []
        if policy is not None:
            extra = [policy.coefficients.detach().clone().requires_grad_(True)]
            policy = replace(policy, coefficients=extra[0])
        states = self.at.states.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            found = positions(
                replace(item, market=market, policy=policy),
                self.residual.context,
                replace(self.at, states=states),
                1.0,
            )
        inputs = [states, *leaves, *extra]
        by_state, *rest = (
            torch.stack(column) for column in zip(*self._rows(found.realised, inputs, item.unit))
        )
        sums = {market_key(self.number, j, k): g.numpy() for k, g in enumerate(rest[: len(leaves)])}
        if extra:
            sums[policy_key(self.number, j)] = rest[-1].numpy()
        return by_state, sums

    def _rows(self, realised: Tensor, inputs: Sequence[Tensor], unit: int) -> Iterator[Sequence[Tensor]]:
        """Per measure the derivatives to the inputs; zeros where nothing is left to pay (called, knocked out)."""
        for m in range(len(MEASURES)):
            if not realised.requires_grad:
                yield [torch.zeros_like(x) for x in inputs]
                continue
            yield torch.autograd.grad(
                realised,
                inputs,
                self._cotangent(m, unit),
                retain_graph=m + 1 < len(MEASURES),
                allow_unused=True,
                materialize_grads=True,
            )

    def _cotangent(self, measure: int, unit: int) -> Tensor:
        """``(time, path)``: d EPE = 1{V > 0} dV and d ENE = -1{V <= 0} dV, times the measure's weight on the date."""
        return self.weights[measure][:, None] * (self.positive[:, unit] - float(SIDES[measure]))


def increments(acc: Tensor, noise: BlockNoise) -> GridState:
    """From adjoints of the states ``(measure, time, state, path)`` to those of initial state, drifts and factors.

    A state is the sum of all increments before it, so an increment's adjoint is the sum over the later dates.
    """
    later = acc.flip(1).cumsum(1).flip(1)
    drift = later[:, 1:].sum(-1)
    factor = torch.einsum("mksp,knp->mksn", later[:, 1:], noise.normals)
    return GridState(later[:, 0].sum(-1), drift, factor)
