"""Nested Monte Carlo: the value of trades on given outer states, and its derivative to them, by fresh paths from each.

The oracle for everything learned. Composite paths (the outer history up to the date, repeated, then nested paths) go
through `PathTrade.cashflows`: whatever a trade remembers is in its history, so its `state` is not asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch

from xva.models.path_model import Walk
from xva.pricing.nested.book import NestedBook
from xva.pricing.nested.noise import InnerPaths
from xva.pricing.nested.result import NestedCost, NestedValues
from xva.pricing.nested.simulation import Nest


def nested_values(
    book: NestedBook,
    outer: Walk,
    day: np.datetime64,
    inner: InnerPaths,
    *,
    gradient: bool = False,
    first: int = 0,
) -> NestedValues:
    """Values of a book on each outer path's state of ``day``.

    Parameters
    ----------
    outer : Walk
        On a grid with ``day`` and the book's `times` up to it.
    inner : InnerPaths
    gradient : bool
        Also derivatives to the model's states: pathwise, by likelihood ratio where a trade jumps.
    first : int
        Number of the first outer path, where they are part of a larger set: it addresses the noise. However a set is cut,
        the bits are the same.

    Raises
    ------
    DomainError
        ``day`` or one of the book's dates up to it is not on the outer grid, or a derivative that cannot be had.
    """
    started = time.perf_counter()
    nest = Nest(book, outer, day, inner, gradient, first)
    states, scrambles = outer.states[0].shape[-1], inner.scrambles
    means = torch.empty(scrambles, states, dtype=torch.float64)
    shape = (scrambles, len(book.model.states), states)
    gradients = torch.empty(shape, dtype=torch.float64) if gradient else None
    known, alive = (
        torch.empty(states, dtype=torch.float64),
        torch.empty(len(book.trades), states, dtype=torch.float64),
    )
    rows, group = nest.chunks()
    for r in _aligned(0, scrambles, group):
        digits = inner.digits(r, nest.dimension) if nest.dimension else None
        for p in _aligned(first, first + states, rows):
            part = nest.part(p.start // rows * rows, rows, r, digits)
            here, taken = (
                slice(p.start - first, p.stop - first),
                slice(p.start % rows, (p.stop - 1) % rows + 1),
            )
            means[r, here], known[here] = part.means[:, taken], part.known[taken]
            alive[:, here] = part.alive[:, taken]
            if gradients is not None and part.gradients is not None:
                gradients[r, :, here] = part.gradients[:, :, taken]
    paths = states * inner.n_paths if nest.dimension else 0
    cost = NestedCost(paths, paths * (len(nest.knots) - 1), time.perf_counter() - started)
    return NestedValues(means, known, alive, gradients, cost)


def _aligned(start: int, stop: int, size: int) -> Iterator[slice]:
    """``[start, stop)`` cut at the multiples of ``size``."""
    edges = [start, *range((start // size + 1) * size, stop, size), stop]
    return (slice(a, b) for a, b in pairwise(edges))
