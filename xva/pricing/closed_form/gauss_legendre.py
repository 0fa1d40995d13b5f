"""Gauss-Legendre rules on [0, 1], in the dtype and on the device of what they integrate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class UnitRule:
    """Nodes and weights; numbers, not tensors, so that a compiled function takes them in as constants."""

    nodes: tuple[float, ...]
    weights: tuple[float, ...]

    def like(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes and weights ``(node,)`` to go with ``tensor``."""
        return (
            torch.tensor(self.nodes, dtype=tensor.dtype, device=tensor.device),
            torch.tensor(self.weights, dtype=tensor.dtype, device=tensor.device),
        )


def unit_rule(count: int) -> UnitRule:
    """The rule of ``count`` nodes."""
    node, weight = np.polynomial.legendre.leggauss(count)
    return UnitRule(tuple((0.5 * (node + 1.0)).tolist()), tuple((0.5 * weight).tolist()))
