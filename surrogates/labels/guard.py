"""Are gradient labels unbiased? A comparison with something that decisions cannot fool.

At a jump a pathwise derivative, and a small bump on the same normals, miss the same thing. Two numbers do
not: the change of the unsmoothed value over a bump large enough to move paths across, and a likelihood ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor

from surrogates.labels.likelihood_ratio import LikelihoodRatio
from surrogates.labels.problem import LabelProblem, Origin
from surrogates.labels.strategy import LabelStrategy, Pathwise
from surrogates.regression import Samples
from xva.errors import DomainError

SMALLEST_BUMP = 0.02


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
        Of the guard's own paths, plain pseudo-random: their standard error can be read off one set.
    method : {"bump", "likelihood_ratio"}
    size : float
        Of the bump in units of the state, at least 0.02: 5 % of a log price. It has to move paths across decisions.
    limit : float
        In standard errors.
    tolerance : float
        Allowed beside it, in units of the mean absolute gradient label: for smoothed labels, whose bias is known and small.
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
        shape = (len(problem.times) - 1, problem.model.n_normals, self.n_paths)
        before, after = (_independent_normals(shape, self.seed, stream) for stream in (0, 1))
        with torch.no_grad():
            history = problem.walk(before, problem.origin(self.n_paths, start)).states
        found: list[Verdict] = []
        for day, place in zip(problem.report, problem.places, strict=True):
            if place == len(problem.times) - 1:
                continue  # nothing comes after
            one = problem.on(day)
            origin = Origin(tuple(s.detach() for s in history[: place + 1]))
            compare = self._bumped if self.method == "bump" else self._ratio
            for column, name in enumerate(problem.states):
                labels, other = compare(one, strategy, origin, after, column)
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


@final
@dataclass(frozen=True)
class GuardedLabels:
    """Labels that passed, and what became of those that did not.

    Parameters
    ----------
    samples : tuple of Samples
        One per report date.
    verdicts : tuple of Verdict
    made_by : tuple of str
        Per report date: ``"strategy"``, or on refused dates ``"values"`` (no gradients) or ``"fallback"``.
    """

    samples: tuple[Samples, ...]
    verdicts: tuple[Verdict, ...]
    made_by: tuple[str, ...]

    @property
    def refused(self) -> tuple[np.datetime64, ...]:
        """Dates on which the strategy's gradients were refused."""
        return tuple(sorted({v.day for v in self.verdicts if not v.passed}))


def guarded_labels(
    problem: LabelProblem,
    strategy: LabelStrategy,
    normals: Tensor,
    origin: Origin,
    guard: Guard,
    fallback: LabelStrategy | None = None,
) -> GuardedLabels:
    """Labels by ``strategy``; on dates that the guard refuses by ``fallback``, or values without gradients."""
    verdicts = guard.check(problem, strategy)
    refused = {v.day for v in verdicts if not v.passed}
    samples = strategy.labels(problem, normals, origin)
    if not refused:
        return GuardedLabels(samples, verdicts, ("strategy",) * len(samples))
    other = None if fallback is None else fallback.labels(problem, normals, origin)
    chosen, made_by = [], []
    for k, day in enumerate(problem.report):
        if day not in refused:
            chosen.append(samples[k])
            made_by.append("strategy")
        else:
            chosen.append(samples[k].without_gradients() if other is None else other[k])
            made_by.append("values" if other is None else "fallback")
    return GuardedLabels(tuple(chosen), verdicts, tuple(made_by))


def _column(samples: Samples, column: int) -> Tensor:
    if samples.gradients is None:
        raise DomainError("guard: the strategy gives no gradient labels, so there is nothing to check")
    return samples.gradients[:, column]


def _independent_normals(shape: tuple[int, int, int], seed: int, stream: int) -> Tensor:
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, stream], dtype=np.uint64)))
    uniform = torch.from_numpy(generator.random(shape)).clamp(2.0**-53, 1.0 - 2.0**-53)
    normals: Tensor = torch.special.ndtri(uniform)
    return normals
