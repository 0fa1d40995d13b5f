"""How labels are made: one interface, chosen trade by trade."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from surrogates.labels.problem import LabelProblem, Origin
from surrogates.regression import Samples
from xva.errors import DomainError
from xva.models.path_model import Walk


class LabelStrategy(ABC):
    """Makes labelled samples of all report dates from one set of paths."""

    @abstractmethod
    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        """One `Samples` per report date, all of which are on or after the start of the paths.

        Parameters
        ----------
        normals : Tensor
            ``(step, normal, path)`` from the start on (or from earlier on: the last steps are taken).
        """

    def history(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Tensor, ...]:
        """States ``(state, path)`` on all knots of the paths that the labels stand on, without a graph."""
        with torch.no_grad():
            return tuple(s.detach() for s in problem.walk(normals, origin).states)


@final
@dataclass(frozen=True)
class Pathwise(LabelStrategy):
    """Derivatives along the path: one forward and one backward sweep for all dates.

    Parameters
    ----------
    width : float
        0: for flows that are continuous in the paths. Else decisions are smoothed over this width of the log price in the
        gradients (bias O(width^2), noise O(1/width)), while values stay unsmoothed; at most 0.05.
    differentiate : bool
        Whether there are gradients at all.
    """

    width: float = 0.0
    differentiate: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.width <= 0.05:
            raise DomainError(f"labels: expected a smoothing width in [0, 0.05], got {self.width}")

    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        with torch.set_grad_enabled(self.differentiate):
            walk = problem.walk(normals, origin)
            paths = problem.paths(walk, self.width)
            values = problem.to_come(paths)
            slopes = derivatives(problem, walk, values) if self.differentiate else []
        gradients: list[Tensor | None] = [*slopes] if slopes else [None] * len(values)
        with torch.no_grad():
            sharp = problem.paths(walk)
            memory = problem.memory(sharp)
            hard = problem.to_come(sharp) if self.width > 0.0 else values
        parts = zip(hard, gradients, strict=True)
        return tuple(problem.samples(k, walk, memory, value, slope) for k, (value, slope) in enumerate(parts))


def derivatives(problem: LabelProblem, walk: Walk, values: list[Tensor]) -> list[Tensor]:
    """``(state, path)`` derivatives of each report date's value to the state on it, history held fixed.

    One sweep: what is known by a date does not depend on what is carried on from it, so the total's derivative is the
    later flows'. Values that are not parts of one total (between two exercise dates, given that the first was passed)
    take a sweep per total.
    """
    found: list[Tensor] = []
    for first, last in _totals(problem):
        at = [walk.carries[problem.places[k]] for k in range(first, last)]
        total = values[first].sum()
        slopes: tuple[Tensor | None, ...] = (None,) * len(at)
        if total.requires_grad:
            slopes = torch.autograd.grad(total, at, retain_graph=True, allow_unused=True)
        found += [torch.zeros_like(c) if s is None else s for c, s in zip(at, slopes, strict=True)]
    return found


def _totals(problem: LabelProblem) -> list[tuple[int, int]]:
    """Runs of report dates without an exercise between them."""
    cuts = {0, len(problem.report)}
    for trade in problem.trades:
        passed = problem.report.searchsorted(trade.exercise_dates(problem.context))
        cuts |= set(passed.tolist())
    order = sorted(cuts)
    return list(zip(order[:-1], order[1:], strict=True))
