"""What a function does between the nodes of its interpolant, where coefficients know nothing of it."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor

from surrogates.chebyshev.box import Box
from surrogates.chebyshev.nodes import Function, Points, grid, values_at
from surrogates.chebyshev.tensor import TensorSurrogate

_LOOKS = 50  # points per axis of a round
_SHARE = 8  # nodes per point of a round, where that is more


@final
class Between:
    """Points spread over the box that are no nodes, in rounds, each of new points; those of earlier rounds are kept."""

    def __init__(self, function: Function, box: Box) -> None:
        self._function, self._box = function, box
        self._points: Points = np.empty((0, len(box)))
        self._values = torch.empty(0, dtype=torch.float64)

    def agrees(self, found: TensorSurrogate, threshold: float) -> bool:
        """Whether it is within the threshold at all points of earlier rounds and at two rounds of new ones."""
        for fresh in (False, True, True):
            if fresh:
                self._look(max(_LOOKS * len(self._box), found.coefficients.numel() // _SHARE))
            if self.largest_error(found) > threshold:
                return False
        return True

    def largest_error(self, found: TensorSurrogate) -> float:
        errors = self._errors(found)
        return float(errors.max()) if len(errors) else 0.0

    def worst(self, found: TensorSurrogate) -> dict[str, float]:
        """The point of the largest error, by name of its axes."""
        point = self._points[int(self._errors(found).argmax())]
        return {name: float(x) for name, x in zip(self._box.names, point)}

    def by_axis(self, found: TensorSurrogate) -> tuple[float, ...]:
        """Error at the worst point of the one-dimensional interpolant along each axis through it."""
        k = int(self._errors(found).argmax())
        lines = [np.repeat(self._points[k : k + 1], count, axis=0) for count in found.counts]
        edges = [Box((axis,)) for axis in self._box.axes]
        for axis, (line, edge) in enumerate(zip(lines, edges)):
            line[:, axis] = grid(edge, [len(line)])[:, 0]
        values = torch.split(values_at(self._function, self._box, np.concatenate(lines)), list(found.counts))
        at = torch.from_numpy(self._points[k])
        along = [
            TensorSurrogate.from_values(edge, v)(x.reshape(1, 1)) for edge, v, x in zip(edges, values, at)
        ]
        return tuple(float((one - self._values[k]).abs()) for one in along)

    def _errors(self, found: TensorSurrogate) -> Tensor:
        if not len(self._values):
            return self._values
        return (found(torch.from_numpy(self._points)) - self._values).abs()

    def _look(self, count: int) -> None:
        """Another round."""
        share = evenly(len(self._points), count, len(self._box))
        lower, width = (np.array([getattr(axis, n) for axis in self._box.axes]) for n in ("lower", "width"))
        points = lower + width * share
        self._points = np.concatenate([self._points, points])
        self._values = torch.cat([self._values, values_at(self._function, self._box, points)])


def evenly(first: int, count: int, dimensions: int) -> Points:
    """``(point, axis)`` points number ``first`` and on of a sequence that fills the unit cube evenly.

    An additive recurrence on powers of the generalised golden ratio (M. Roberts, The unreasonable effectiveness of
    quasirandom sequences, 2018): irrational, so never on a node, and the same on every machine.
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    number = np.arange(first + 1, first + count + 1)[:, None]
    points: Points = (0.5 + number * ratio ** -np.arange(1.0, dimensions + 1)) % 1.0
    return points
