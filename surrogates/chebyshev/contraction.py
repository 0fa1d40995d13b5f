"""Sums of products of Chebyshev polynomials at many points, values and derivatives in one pass.

Points are the last axis of every array here. Several derivatives share their work: an order of
differentiation ``(o_1, …, o_d)`` is met in the middle, where features of the first axes, one set per distinct
``(o_1, …, o_m)``, multiply features of the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogates.chebyshev.box import Box, Order
from xva.numerics import chebyshev

Tables = Sequence[Mapping[int, Tensor]]

_PRODUCT_COST = 8  # an elementwise multiplication costs about as much as eight within a matrix product


def basis_tables(box: Box, points: Tensor, counts: Sequence[int], orders: Sequence[Order]) -> Tables:
    """Differentiated basis per axis and order: ``(count, point)``, in units of the axis.

    Parameters
    ----------
    points : Tensor
        ``(point, axis)`` in the box.
    counts : sequence of int
        Polynomials per axis.
    """
    scaled = box.scaled(points)
    tables: list[dict[int, Tensor]] = []
    for k, count in enumerate(counts):
        plain = chebyshev.basis(scaled[k], count)
        rate = 2.0 / box.axes[k].width
        wanted = sorted({order[k] for order in orders})
        tables.append({m: _differentiated(plain, m, rate) for m in wanted})
    return tables


def _differentiated(plain: Tensor, order: int, rate: float) -> Tensor:
    if order == 0:
        return plain
    matrix = torch.linalg.matrix_power(chebyshev.derivative_matrix(len(plain)), order) * rate**order
    found: Tensor = matrix.T.to(plain) @ plain
    return found


def khatri_rao(left: Tensor, right: Tensor) -> Tensor:
    """``(a, point)`` and ``(b, point)`` to all products ``(a b, point)``."""
    return (left[:, None] * right[None]).reshape(len(left) * len(right), left.shape[-1])


def features(tables: Tables, orders: Collection[Order], ones: Tensor) -> dict[Order, Tensor]:
    """Products over axes of the (differentiated) basis, one array per distinct order, prefixes shared.

    ``ones`` ``(1, point)`` is what no axis at all gives.
    """
    states: dict[Order, Tensor] = {(): ones}
    for k, table in enumerate(tables):
        wanted = sorted({order[: k + 1] for order in orders})
        if k == 0:
            states = {o: table[o[0]] for o in wanted}
        else:
            states = {o: khatri_rao(states[o[:-1]], table[o[-1]]) for o in wanted}
    return states


@dataclass(frozen=True)
class DenseSplit:
    """How a dense tensor is contracted for a set of orders: axes in ``sequence``, ``left`` of them at once."""

    sequence: tuple[int, ...]
    left: int

    @classmethod
    def best(cls, counts: Sequence[int], orders: Sequence[Order]) -> DenseSplit:
        """The cheapest split; axes that few orders differentiate go into the matrix product."""
        axes = sorted(range(len(counts)), key=lambda k: len({order[k] for order in orders}))
        moved = [tuple(order[k] for k in axes) for order in orders]
        sizes = [counts[k] for k in axes]

        def cost(left: int) -> float:
            first, second = math.prod(sizes[:left]), math.prod(sizes[left:])
            products = len({o[:left] for o in moved}) * first * second / _PRODUCT_COST
            widths = [math.prod(sizes[left : k + 1]) for k in range(left, len(sizes))]
            right = sum(len({o[left : left + j + 1] for o in moved}) * w for j, w in enumerate(widths))
            return products + right + first + len(set(moved)) * second

        return cls(tuple(axes), min(range(1, len(axes) + 1), key=cost))


def contract_dense(
    matrix: Tensor, split: DenseSplit, tables: Tables, orders: Sequence[Order], ones: Tensor
) -> Tensor:
    """Value or derivative per order, ``(order, point)``.

    Parameters
    ----------
    matrix : Tensor
        Coefficients ``(second group, first group)`` of the split.
    """
    moved = [tuple(order[k] for k in split.sequence) for order in orders]
    arranged = [tables[k] for k in split.sequence]
    first = features(arranged[: split.left], [o[: split.left] for o in moved], ones)
    inner = {o: matrix @ found for o, found in first.items()}
    second = features(arranged[split.left :], [o[split.left :] for o in moved], ones)
    return torch.stack([(inner[o[: split.left]] * second[o[split.left :]]).sum(0) for o in moved])


def best_cut(cores: Sequence[Tensor], orders: Sequence[Order]) -> int:
    """How many cores of a train to contract from the left, the others from the right."""

    def cost(cut: int) -> int:
        left = sum(len({o[: k + 1] for o in orders}) * cores[k].numel() for k in range(cut))
        return left + sum(len({o[k:] for o in orders}) * cores[k].numel() for k in range(cut, len(cores)))

    return min(range(len(cores) + 1), key=cost)


def contract_train(
    cores: Sequence[Tensor], cut: int, tables: Tables, orders: Sequence[Order], ones: Tensor
) -> Tensor:
    """Value or derivative per order, ``(order, point)``, of a tensor train with cores ``(left, count, right)``."""
    left: dict[Order, Tensor] = {(): ones}
    for k in range(cut):
        matrix = cores[k].reshape(-1, cores[k].shape[2]).T
        wanted = sorted({o[: k + 1] for o in orders})
        left = {o: matrix @ khatri_rao(left[o[:-1]], tables[k][o[-1]]) for o in wanted}
    right: dict[Order, Tensor] = {(): ones}
    for k in range(len(cores) - 1, cut - 1, -1):
        matrix = cores[k].reshape(cores[k].shape[0], -1)
        wanted = sorted({o[k:] for o in orders})
        right = {o: matrix @ khatri_rao(tables[k][o[0]], right[o[1:]]) for o in wanted}
    return torch.stack([(left[o[:cut]] * right[o[cut:]]).sum(0) for o in orders])
