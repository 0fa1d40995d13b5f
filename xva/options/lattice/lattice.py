"""A tree, turned so that calls and puts are exercised on the same side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import Tree


@final
@dataclass(frozen=True, eq=False)
class Lattice:
    """Trees of a batch, ``(option,)`` each: step i, place x has spot ``spot exp(x spread + i drift)``.

    Parameters
    ----------
    steps : int
    sign : Tensor
        1 calls, -1 puts.
    spot, strike : Tensor
    spread : Tensor
        Half the log distance of two neighbouring nodes; > 0 for puts, < 0 for calls: x runs away from exercise.
    drift : Tensor
        Log growth per step of the lattice's middle; 0 for CRR.
    discount : Tensor
        Log discount factor per step.
    probability : Tensor
        Of a move x -> x + 1; otherwise x - 1.
    """

    steps: int
    sign: Tensor
    spot: Tensor
    strike: Tensor
    spread: Tensor
    drift: Tensor
    discount: Tensor
    probability: Tensor

    @classmethod
    def of(cls, options: LatticeOptions, tree: Tree) -> Lattice:
        """Differentiable in options and tree."""
        call = options.sign > 0
        spread = -options.sign * 0.5 * (tree.log_up - tree.log_down)
        return cls(
            tree.steps,
            options.sign,
            options.spot,
            options.strike,
            spread,
            0.5 * (tree.log_up + tree.log_down),
            tree.log_discount,
            torch.where(call, 1.0 - tree.probability, tree.probability),
        )

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Spot, strike, spread, drift, discount, probability: what the value depends on smoothly."""
        return self.spot, self.strike, self.spread, self.drift, self.discount, self.probability

    def with_inputs(self, *inputs: Tensor) -> Lattice:
        """The same rights with other numbers, in the order of `inputs`."""
        return Lattice(self.steps, self.sign, *inputs)

    def take(self, which: Tensor) -> Lattice:
        """The trees at these positions ``(some,)``."""
        return Lattice(self.steps, self.sign[which], *(x[which] for x in self.inputs))
