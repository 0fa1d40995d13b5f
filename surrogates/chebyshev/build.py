"""Builds: from a function to a surrogate.

A function takes all nodes of a grid at once, so whoever gives it decides where they are computed. Everything here is
float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pychebyshev import ChebyshevTT

from surrogates.chebyshev.between import Between, evenly
from surrogates.chebyshev.box import Box
from surrogates.chebyshev.conversion import train_of
from surrogates.chebyshev.nodes import Function, grid, values_at
from surrogates.chebyshev.slider import SliderSurrogate, check_groups
from surrogates.chebyshev.spline import Side, SplineSurrogate, cells
from surrogates.chebyshev.tensor import TensorSurrogate
from surrogates.chebyshev.train import TrainSurrogate
from xva.errors import DomainError

_UNSEEN = 500  # nodes per axis at which a train is compared with its function
_FIRST_COUNT = 3  # PyChebyshev's schedule: from 3 nodes, doubling the axis with the largest last coefficient


def build_tensor(function: Function, box: Box, counts: Sequence[int]) -> TensorSurrogate:
    """Dense interpolant on ``counts`` nodes per axis.

    Parameters
    ----------
    function : callable
        ``(point, axis) -> (point,)``, float64 numpy arrays.

    Raises
    ------
    DomainError
        Wrong counts, or values that are not finite.
    """
    values = values_at(function, box, grid(box, counts))
    return TensorSurrogate.from_values(box, values.reshape(*counts))


def build_to_threshold(
    function: Function,
    box: Box,
    threshold: float,
    counts: Sequence[int | None] | None = None,
    max_count: int = 64,
) -> TensorSurrogate:
    """Dense interpolant with as many nodes as two estimates of its error ask for.

    PyChebyshev's schedule, one call of ``function`` per round: the axis with the largest last coefficients is
    doubled until the sum over axes (`TensorSurrogate.truncation`) is at most the threshold. It looks at the last
    two coefficients where PyChebyshev looks at one, which alone misses kinks. Coefficients know the function at
    the nodes only, so what lies between them is looked at too (`Between`): an interpolant is accepted that is within
    the threshold at two rounds of new points, none of them a node, and at all of earlier rounds.

    Parameters
    ----------
    threshold : float
        Largest error, in the function's units, as estimated and as measured at 50 points an axis and more; no bound:
        a feature narrower than that can still be missed.
    counts : sequence of int or None
        A number keeps the axis as it is, None lets it grow; by default all grow.
    max_count : int
        Most nodes of an axis.

    Raises
    ------
    DomainError
        The threshold is not reached.
    """
    wanted = list(counts) if counts is not None else [None] * len(box)
    if not threshold > 0.0 or max_count < _FIRST_COUNT or len(wanted) != len(box):
        raise DomainError(
            f"threshold build: expected a threshold > 0, max_count >= {_FIRST_COUNT} and {len(box)} counts, "
            f"got {threshold}, {max_count} and {len(wanted)}"
        )
    current, between = [_FIRST_COUNT if n is None else n for n in wanted], Between(function, box)
    while True:
        found = build_tensor(function, box, current)
        errors = found.truncation()
        seen = sum(errors) > threshold
        if not seen and between.agrees(found, threshold):
            return found
        growing = [k for k, n in enumerate(wanted) if n is None and current[k] < max_count]
        if not growing:
            raise _not_reached(found, threshold, None if seen else between)
        if not seen:
            errors = between.by_axis(found)
        worst = max(growing, key=lambda k: errors[k])
        current[worst] = min(2 * current[worst], max_count)


def _not_reached(found: TensorSurrogate, threshold: float, between: Between | None) -> DomainError:
    advice = "raise max_count, accept a larger error, or put knots where the function has kinks"
    names, nodes = found.box.names, f"{list(found.counts)} nodes"
    if between is None:
        errors = found.truncation()
        worst = names[int(np.argmax(errors))]
        return DomainError(
            f"threshold build: expected an estimated error <= {threshold:.2e}, got {sum(errors):.2e} with "
            f"{nodes}, most of it from {worst} -> {advice}",
            [worst],
        )
    place = ", ".join(f"{name} {x:.6g}" for name, x in between.worst(found).items())
    return DomainError(
        f"threshold build: expected an error <= {threshold:.2e} between the nodes, got "
        f"{between.largest_error(found):.2e} at {place} with {nodes} -> {advice}",
        names,
    )


def build_spline(
    function: Function,
    box: Box,
    counts: Sequence[int],
    knots: Sequence[Sequence[float]],
    at_knot: Side = "raise",
) -> SplineSurrogate:
    """One dense interpolant on ``counts`` nodes per axis for each cell between knots; one call of the function.

    Nodes lie inside the cells, never on a knot. Raises DomainError as `build_tensor` and `SplineSurrogate`.
    """
    boxes = cells(box, knots)
    points = [grid(cell, counts) for cell in boxes]
    values = torch.split(values_at(function, box, np.concatenate(points)), [len(p) for p in points])
    pieces = [TensorSurrogate.from_values(cell, v.reshape(*counts)) for cell, v in zip(boxes, values)]
    return SplineSurrogate(box, tuple(tuple(k) for k in knots), tuple(pieces), at_knot)


def build_slider(
    function: Function,
    box: Box,
    counts: Sequence[int],
    groups: Sequence[Sequence[str]],
    pivot: Sequence[float],
) -> SliderSurrogate:
    """A sum of dense interpolants, one per group of axes, through the pivot; one call of the function.

    Parameters
    ----------
    groups : sequence of sequence of str
        Names of axes; together every axis once.
    pivot : sequence of float
        A point of the box, in the box's order.
    """
    indices = tuple(tuple(box.index(name) for name in group) for group in groups)
    check_groups(box, indices)
    middle = torch.tensor(pivot, dtype=torch.float64).reshape(1, -1)
    if middle.shape[1] != len(box):
        raise DomainError(f"pivot: expected {len(box)} coordinates, got {middle.shape[1]}")
    box.require(middle)
    if len(counts) != len(box):
        raise DomainError(f"counts: expected one for each of {list(box.names)}, got {len(counts)}")
    sizes = [[counts[k] for k in group] for group in indices]
    points = [middle.numpy()]
    for group, size in zip(indices, sizes):
        inner = grid(box.select(group), size)
        full = np.repeat(middle.numpy(), len(inner), axis=0)
        full[:, list(group)] = inner
        points.append(full)
    found = values_at(function, box, np.concatenate(points))
    base, *values = torch.split(found, [len(p) for p in points])
    slides = [
        TensorSurrogate.from_values(box.select(group), v.reshape(*size))
        for group, size, v in zip(indices, sizes, values)
    ]
    return SliderSurrogate(box, indices, tuple(slides), float(base) * (1 - len(slides)))


def build_train(
    function: Function,
    box: Box,
    counts: Sequence[int],
    *,
    max_rank: int = 10,
    tolerance: float = 1e-6,
    max_sweeps: int = 10,
    seed: int = 0,
    refuse: float = 0.01,
) -> TrainSurrogate:
    """Tensor train by PyChebyshev's cross approximation: nodes are chosen as it goes, one after the other.

    For more axes than a dense grid allows. Where a dense grid is affordable, `build_tensor` and
    `TrainSurrogate.compressed` are faster and their error is known.

    Parameters
    ----------
    max_rank, tolerance, max_sweeps
        As `pychebyshev.ChebyshevTT` takes them: largest rank, relative error at random nodes, sweeps.
    seed : int
        Of the cross approximation's first nodes.
    refuse : float
        Largest error at 500 nodes an axis that were not chosen, over the largest value there. The cross approximation
        can pass by what is narrow in several axes, and its own estimate with it; so can these nodes.

    Raises
    ------
    DomainError
        Wrong counts, values that are not finite, or an error beyond ``refuse``.
    """
    grid_free = [(axis.lower, axis.upper) for axis in box.axes]

    def one(point: Sequence[float], _: object) -> float:
        row: NDArray[np.float64] = np.array([point], dtype=np.float64)
        return float(values_at(function, box, row)[0])

    if len(counts) != len(box) or any(n < 2 for n in counts):
        raise DomainError(f"counts: expected numbers >= 2 for each of {list(box.names)}, got {list(counts)}")
    built = ChebyshevTT(one, len(box), grid_free, list(counts), max_rank, tolerance, max_sweeps)
    built.build(verbose=False, seed=seed, method="cross")
    found = train_of(built, box)
    _require_close(found, function, counts, refuse)
    return found


def _require_close(found: TrainSurrogate, function: Function, counts: Sequence[int], refuse: float) -> None:
    box = found.box
    share = evenly(0, _UNSEEN * len(box), len(box))
    lines = [grid(Box((axis,)), [n])[:, 0] for axis, n in zip(box.axes, counts)]
    points = np.stack([line[(x * len(line)).astype(int)] for line, x in zip(lines, share.T)], 1)
    values = values_at(function, box, points)
    errors, size = (found(torch.from_numpy(points)) - values).abs(), float(values.abs().max())
    k = int(errors.argmax())
    if float(errors[k]) > refuse * size:
        place = ", ".join(f"{name} {x:.6g}" for name, x in zip(box.names, points[k]))
        raise DomainError(
            f"tensor train: expected an error <= {refuse:g} of the largest value {size:.3e} at nodes that were not "
            f"chosen, got {float(errors[k]):.3e} at {place} with ranks {found.ranks} -> raise max_rank, take another "
            "seed or a smaller box, or compress what build_tensor gives",
            box.names,
        )
