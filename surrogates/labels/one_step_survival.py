"""Labels of trades that a price ends or changes by crossing a level on given dates: one-step survival.

The normals of each step into such a date are drawn given that nothing is crossed, and the path is weighted by the
probability of it, a smooth function of the state before. Labels are unbiased, Lipschitz in the state, and so are their
derivatives along the path: Glasserman & Staum, Operations Research 49 (2001); Alm, Harrach, Harrach & Keller, Journal of
Computational Finance 17 (2013). What crossing brings is added by branches: at each date one that crosses there, with its
own probability, and goes on freely. A digital is the case of one date, the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, final

import numpy as np
import torch
from torch import Tensor

from surrogates.labels.gaussian_step import LogStep, log_step
from surrogates.labels.problem import Dates, LabelProblem, Origin
from surrogates.labels.strategy import LabelStrategy, derivatives
from surrogates.samples import Samples
from xva.errors import DomainError
from xva.models.path_model import Walk, place

_TINY = 1e-280
_ONE = 1.0 - 2.0**-53


@final
@dataclass(frozen=True)
class Crossing:
    """A level that matters on dates, as long as it has not been crossed on one of them.

    Parameters
    ----------
    name : str
        An equity, or ``FX/BASE/QUOTE``.
    days : ndarray
        ``(date,)`` datetime64[D], sorted; those before the labels' start are taken to have passed without a crossing.
    levels : tuple of float
        One per date, > 0.
    up : bool
        Whether it is crossed from below: to a price above the level.
    then : {"nothing", "settled", "lives"}
        What the trade pays after a crossing: nothing at all, only flows that are known on the date, or any.
    """

    name: str
    days: Dates
    levels: tuple[float, ...]
    up: bool
    then: Literal["nothing", "settled", "lives"] = "lives"

    def __post_init__(self) -> None:
        if len(self.days) != len(self.levels) or not all(level > 0.0 for level in self.levels):
            raise DomainError(f"crossing of {self.name}: expected one positive level per date", [self.name])
        if bool((np.diff(self.days) <= np.timedelta64(0, "D")).any()):
            raise DomainError(f"crossing of {self.name}: expected increasing dates", [self.name])


@dataclass(frozen=True)
class _Branch:
    """Paths that cross into ``knot``: the share of those alive at the origin that does, and their states there."""

    knot: int
    weight: Tensor
    state: Tensor


@final
@dataclass(frozen=True)
class OneStepSurvival(LabelStrategy):
    """Labels at states where ``crossing`` has not happened; for any trade that depends on it, sharp decisions included.

    Asks for a log price that is Gaussian given the state one step before: exact lognormal and cross-asset models.
    Decisions of the trade on anything else are differentiated as they are: the guard looks after them.
    """

    crossing: Crossing

    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        draws = normals[normals.shape[0] - (len(problem.times) - 1 - origin.number) :]
        walk, shares, branches = self._survive(problem, draws, origin)
        values = [w * v for w, v in zip(self._rest(shares), self._flows(problem, walk), strict=True)]
        return self._collect(problem, walk, shares, branches, draws, values)
