"""Gauss-Legendre rules: composite on fixed times, as constant weights on a set of points; and on [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


@dataclass(frozen=True)
class CompositeRule:
    """Points and weights for integrals over consecutive intervals ``[knots[k], knots[k+1]]``.

    ``points``, ``weights`` and ``owner`` (the interval's number) are ``(point,)``, ``order`` of them on every piece.
    Intervals are split at ``breaks`` and every ``longest`` years, so that exponentials with piecewise constant factors are
    integrated to machine precision.
    """

    knots: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    owner: NDArray[np.int64]
    order: int

    def integrate(self, values: Tensor) -> Tensor:
        """Integrals ``(interval, ...)`` of a function given at the points ``(point, ...)``."""
        weight = torch.from_numpy(self.weights).reshape(-1, *(1,) * (values.ndim - 1))
        total = values.new_zeros(len(self.knots) - 1, *values.shape[1:])
        return total.index_add(0, torch.from_numpy(self.owner), weight * values)

    def integrate_outer(self, values: Tensor) -> Tensor:
        """Integrals ``(interval, f, f)`` of the outer products of functions given at the points ``(point, f)``.

        Products are summed piece by piece, so that neither they nor their adjoints are ever held by point.
        """
        each = values.reshape(-1, self.order, values.shape[-1])
        weight = torch.from_numpy(self.weights).reshape(-1, self.order, 1)
        pieces = (weight * each).transpose(1, 2) @ each
        owner = self.owner[:: self.order]
        if len(owner) == len(self.knots) - 1:
            return pieces
        total = values.new_zeros(len(self.knots) - 1, *pieces.shape[1:])
        return total.index_add(0, torch.from_numpy(owner), pieces)


def composite_rule(
    knots: ArrayLike, breaks: ArrayLike = (), order: int = 3, longest: float = 0.5
) -> CompositeRule:
    """Gauss-Legendre rule of ``order`` points per piece for the intervals between sorted ``knots``."""
    edges = np.asarray(knots, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2 or np.any(np.diff(edges) <= 0):
        raise ValueError("quadrature knots must be increasing and at least two")
    inner = np.unique(np.concatenate([edges, np.asarray(breaks, dtype=np.float64)]))
    inner = inner[(inner >= edges[0]) & (inner <= edges[-1])]
    pieces = np.ceil(np.diff(inner) / longest).astype(int)
    fine = np.concatenate(
        [np.linspace(a, b, n + 1)[:-1] for a, b, n in zip(inner[:-1], inner[1:], pieces)] + [inner[-1:]]
    )
    node, weight = np.polynomial.legendre.leggauss(order)
    half = 0.5 * np.diff(fine)
    middle = 0.5 * (fine[:-1] + fine[1:])
    points = (middle[:, None] + half[:, None] * node).ravel()
    flat = (half[:, None] * weight).ravel()
    owner = np.searchsorted(edges, points, side="right") - 1
    return CompositeRule(edges, points, flat, owner, order)


@dataclass(frozen=True)
class UnitRule:
    """Nodes and weights on [0, 1]; numbers, not tensors, so that a compiled function takes them in as constants."""

    nodes: tuple[float, ...]
    weights: tuple[float, ...]

    def like(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        """Nodes and weights ``(node,)`` to go with ``tensor``."""
        return (
            torch.tensor(self.nodes, dtype=tensor.dtype, device=tensor.device),
            torch.tensor(self.weights, dtype=tensor.dtype, device=tensor.device),
        )


def unit_rule(count: int) -> UnitRule:
    """The Gauss-Legendre rule of ``count`` nodes on [0, 1]."""
    node, weight = np.polynomial.legendre.leggauss(count)
    return UnitRule(tuple((0.5 * (node + 1.0)).tolist()), tuple((0.5 * weight).tolist()))
