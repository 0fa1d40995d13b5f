"""Are gradient labels unbiased? A comparison with something that decisions cannot fool.

At a jump a pathwise derivative, and a small bump on the same normals, miss the same thing (DESIGN 4.5.7). Two numbers do
not: the change of the unsmoothed value over a bump large enough to move paths across, and a likelihood ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor

from surrogates.labels.likelihood_ratio import LikelihoodRatio
from surrogates.labels.problem import LabelProblem, MovedOrigin, Origin, label_normals
from surrogates.labels.strategy import LabelStrategy, Pathwise
from surrogates.samples import Samples
from xva.errors import DomainError, XvaError

SMALLEST_BUMP = 0.02


class BiasedLabelsError(XvaError):
    """Gradient labels differ from an independent estimate; training on them would not converge to the price."""


@final
@dataclass(frozen=True)
class Verdict:
    """On one date and feature.

    Parameters
    ----------
    labels, other : float
        Mean gradient label, and the independent estimate of the same mean.
    standard_error : float
        Of their difference.
    passed : bool
        Whether they differ by no more than the guard's limit.
    """

    day: np.datetime64
    feature: str
    labels: float
    other: float
    standard_error: float
    passed: bool

    @property
    def sigmas(self) -> float:
        """Their difference in standard errors."""
        gap = abs(self.labels - self.other)
        return gap / self.standard_error if self.standard_error > 0.0 else np.inf if gap > 0.0 else 0.0

    def __str__(self) -> str:
        word = "passed" if self.passed else "refused"
        return (
            f"{self.day} {self.feature}: labels {self.labels:.6g}, independent {self.other:.6g} +- "
            f"{self.standard_error:.2g} ({self.sigmas:.1f} s.e.): {word}"
        )


@final
@dataclass(frozen=True)
class Guard:
    """Compares a strategy's gradients with an independent estimate, per date and state.

    ``bump``: from every sampled state the value moves by ``+-size``; the strategy's gradient is taken at a uniformly
    drawn point between, so both have the same expectation whatever the size (no curvature error), and share normals.
    ``likelihood_ratio``: both at the states themselves.

    Parameters
    ----------
    n_paths, seed : int
        Of the guard's own paths.
    method : {"bump", "likelihood_ratio"}
    size : float
        Of the bump in units of the state, at least 0.02: 5 % of a log price. It has to move paths across decisions.
    limit : float
        In standard errors.
    tolerance : float
        Allowed beside it, in units of the mean absolute gradient label: for smoothed labels, whose bias is known and small.
    blocks : int
        Independently randomised sets of paths, from which the standard error comes.
    """

    n_paths: int = 16384
    seed: int = 1
    method: Literal["bump", "likelihood_ratio"] = "bump"
    size: float = 0.1
    limit: float = 3.0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.size < SMALLEST_BUMP:
            raise DomainError(
                f"guard: expected a bump of at least {SMALLEST_BUMP}, got {self.size}: a small bump repeats the mistake"
            )

    def check(
        self, problem: LabelProblem, strategy: LabelStrategy, start: Tensor | None = None
    ) -> tuple[Verdict, ...]:
        """Verdicts for all report dates and the states among the features.

        ``start`` ``(state, path)`` of ``n_paths`` columns spreads paths as in training.
        """
        seeds = np.random.SeedSequence(self.seed).generate_state(2, np.uint32)
        normals = [label_normals(problem.model, problem.times, self.n_paths, int(s), False) for s in seeds]
        with torch.no_grad():
            history = problem.walk(normals[0], problem.origin(self.n_paths, start)).states
        found: list[Verdict] = []
        for day, place in zip(problem.report, problem.places, strict=True):
            if place == len(problem.times) - 1:
                continue  # nothing comes after
            one = problem.on(day)
            origin = Origin(tuple(s.detach() for s in history[: place + 1]))
            compare = self._bumped if self.method == "bump" else self._ratio
            for column, name in enumerate(problem.states):
                labels, other = compare(one, strategy, origin, normals[1], column)
                found.append(self._verdict(day, name, labels, other))
        return tuple(found)

    def _bumped(
        self, problem: LabelProblem, strategy: LabelStrategy, origin: Origin, normals: Tensor, column: int
    ) -> tuple[Tensor, Tensor]:
        shape = (len(problem.model.states), 1)
        unit = torch.zeros(shape, dtype=torch.float64)
        unit[problem.rows[column]] = self.size
        draw = np.random.default_rng([self.seed, column]).uniform(-1.0, 1.0, self.n_paths)
        middle = strategy.labels(problem, normals, origin.moved(unit * torch.from_numpy(draw)))[0]
        plain = Pathwise(differentiate=False)
        up, down = (plain.labels(problem, normals, origin.moved(s * unit))[0].values for s in (1.0, -1.0))
        return _column(middle, column), (up - down) / (2.0 * self.size)

    def _ratio(
        self, problem: LabelProblem, strategy: LabelStrategy, origin: Origin, normals: Tensor, column: int
    ) -> tuple[Tensor, Tensor]:
        labels = strategy.labels(problem, normals, origin)[0]
        return _column(labels, column), _column(LikelihoodRatio().labels(problem, normals, origin)[0], column)

    def _verdict(self, day: np.datetime64, name: str, labels: Tensor, other: Tensor) -> Verdict:
        gap = labels - other
        error = float(gap.std()) / np.sqrt(len(gap))
        rounding = 1e-10 * float(labels.abs().mean() + other.abs().mean())
        allowed = self.limit * error + self.tolerance * float(labels.abs().mean()) + rounding
        return Verdict(
            day, name, float(labels.mean()), float(other.mean()), error, abs(float(gap.mean())) <= allowed
        )
