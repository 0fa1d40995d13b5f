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

from surrogates.labels.gaussian_step import asset, log_step
from surrogates.labels.problem import LabelProblem, Origin, Share
from surrogates.labels.strategy import LabelStrategy, Pathwise, derivatives
from surrogates.regression import Samples
from xva.dates import SAME_TIME
from xva.errors import DomainError
from xva.models.path_model import Walk, place
from xva.numerics.types import Dates
from xva.pricing.estimators import crossing_normals, surviving_normals
from xva.trades import BarrierOption


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


@final
@dataclass(frozen=True)
class OneStepSurvival(LabelStrategy):
    """Labels at states where ``crossing`` has not happened; for any trade that depends on it, sharp decisions included.

    Asks for a log price that is Gaussian given the state one step before: exact lognormal and cross-asset models.
    Decisions of the trade on anything else are differentiated as they are: the guard looks after them.
    """

    crossing: Crossing

    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        trunk = _Trunk(problem, self.crossing, normals, origin)
        walk = trunk.walk
        total = problem.to_come(problem.paths(walk), trunk.share)
        for day, weight, branch in trunk.branches():
            settled = self.crossing.then == "settled"
            extra = problem.to_come(problem.paths(branch), _after_crossing(day, weight, settled))
            crossed_later = (problem.report < day).tolist()
            total = [a + b if k else a for a, b, k in zip(total, extra, crossed_later, strict=True)]
        slopes = derivatives(problem, walk, total)
        with torch.no_grad():
            memory = problem.memory(problem.paths(walk))
        found = []
        for k, (value, slope) in enumerate(zip(total, slopes, strict=True)):
            alive = trunk.weights[problem.places[k]].detach()
            found.append(problem.samples(k, walk, memory, value / alive, slope / alive))
        return tuple(found)

    def history(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Tensor, ...]:
        with torch.no_grad():
            trunk = _Trunk(problem, self.crossing, normals, origin)
            return tuple(s.detach() for s in trunk.walk.states)


def _after_crossing(day: np.datetime64, weight: Tensor, settled: bool) -> Share:
    """A branch's share of flows known from its crossing on."""

    def share(observed: np.datetime64) -> Tensor | None:
        return weight if observed == day or (observed > day and not settled) else None

    return share


def crossing_of(trade: BarrierOption) -> Crossing:
    """The crossing that a barrier option watched on dates depends on.

    Raises
    ------
    DomainError
        It is watched continuously: its flows are continuous in the paths, and pathwise labels are right.
    """
    if not trade.monitoring_dates:
        raise DomainError(
            f"trade {trade.trade_id}: watched continuously, nothing jumps -> use pathwise labels",
            [trade.trade_id],
        )
    dead = trade.barrier_type.endswith("out") and trade.rebate == 0.0
    return Crossing(
        trade.underlying.removeprefix("EQ/"),
        np.array(trade.monitoring_dates, dtype="datetime64[D]"),
        (trade.barrier,) * len(trade.monitoring_dates),
        trade.barrier_type.startswith("up"),
        "nothing" if dead else "lives",
    )


def crossed_labels(
    problem: LabelProblem, crossing: Crossing, normals: Tensor, origin: Origin
) -> tuple[Samples, ...]:
    """Pathwise labels at states where ``crossing`` has happened since the start; possibly none on a date.

    What `OneStepSurvival` leaves out. It is another function of the state: fit it apart where it is not 0.
    """
    with torch.no_grad():
        walk = problem.walk(normals, origin)
        observer = problem.model.observe(problem.times, walk.states)
    side = 1.0 if crossing.up else -1.0
    crossed = torch.zeros(walk.states[-1].shape[-1], dtype=torch.bool)
    by_knot = {origin.number: crossed}
    levels = _levels(problem, crossing, origin.number)
    for knot in range(origin.number + 1, len(problem.times)):
        if knot in levels:
            price = asset(observer, crossing.name, float(problem.times[knot]))
            crossed = crossed | (side * (price - levels[knot][1]) >= 0.0)
        by_knot[knot] = crossed
    labels = Pathwise().labels(problem, normals, origin)
    return tuple(s.rows(by_knot[place]) for s, place in zip(labels, problem.places, strict=True))


class _Trunk:
    """Paths that never cross: ``walk``, and by knot the share of all paths from the origin that they stand for."""

    def __init__(self, problem: LabelProblem, crossing: Crossing, normals: Tensor, origin: Origin) -> None:
        self._problem, self._crossing = problem, crossing
        times, first = problem.times, origin.number
        self._draws = normals[normals.shape[0] - (len(times) - 1 - first) :]
        self._first = first
        self._transition = problem.model.transition(times[first:])
        self._levels = _levels(problem, crossing, first)
        self.weights: list[Tensor] = [torch.ones(origin.start.shape[-1], dtype=torch.float64)] * (first + 1)
        self._crossed: list[tuple[int, Tensor, Tensor]] = []
        carry = origin.start.detach().clone().requires_grad_(True)
        states, carries = [*origin.states], [*origin.states[:-1], carry]
        for knot in range(first + 1, len(times)):
            states.append(self._step(knot, carries[-1]))
            carries.append(states[-1].clone())
        self.walk = Walk(times, tuple(states), tuple(carries))

    def share(self, observed: np.datetime64) -> Tensor:
        """Of the origin's paths, alive after ``observed``."""
        time = self._problem.context.time(observed)
        return self.weights[int(np.searchsorted(self._problem.times, time + SAME_TIME)) - 1]

    def branches(self) -> Iterator[tuple[np.datetime64, Tensor, Walk]]:
        """Day of crossing, share of the origin's paths that cross then, and their states on all knots."""
        for knot, weight, state in self._crossed:
            states = [*self.walk.states[:knot], state]
            for later in range(knot, len(self._problem.times) - 1):
                if self._crossing.then == "settled":
                    states.append(self.walk.states[later + 1])  # not looked at
                else:
                    states.append(self._move(later, states[-1], self._draws[later - self._first]))
            yield self._levels[knot][0], weight, Walk(self.walk.times, tuple(states), tuple(states))

    def _move(self, knot: int, state: Tensor, normals: Tensor) -> Tensor:
        return self._transition.step(knot - self._first, state, normals)

    def _step(self, knot: int, carry: Tensor) -> Tensor:
        """State at ``knot``, and the weight and the branch that belong to it."""
        normals = self._draws[knot - 1 - self._first]
        if knot not in self._levels:
            self.weights.append(self.weights[-1])
            return self._move(knot - 1, carry, normals)
        knots, step = self._problem.times[self._first :], knot - 1 - self._first
        law = log_step(self._problem.model, self._transition, step, knots, carry, self._crossing.name)
        side = 1.0 if self._crossing.up else -1.0
        bound = side * (float(np.log(self._levels[knot][1])) - law.mean) / law.deviation
        before = self.weights[-1]
        inside, kept = surviving_normals(normals, law.direction, bound, side)
        self.weights.append(before * kept)
        if self._crossing.then != "nothing":
            outside, lost = crossing_normals(normals, law.direction, bound, side)
            self._crossed.append((knot, before * lost, self._move(knot - 1, carry, outside)))
        return self._move(knot - 1, carry, inside)


def _levels(problem: LabelProblem, crossing: Crossing, first: int) -> dict[int, tuple[np.datetime64, float]]:
    """Day and level by knot, after the start."""
    found: dict[int, tuple[np.datetime64, float]] = {}
    for day, level in zip(crossing.days, crossing.levels, strict=True):
        time = problem.context.time(day)
        if time > problem.times[first] + SAME_TIME:
            try:
                found[place(problem.times, time)] = (day, level)
            except KeyError:
                raise DomainError(
                    f"crossing of {crossing.name}: {day} is not an observation date of the trade",
                    [crossing.name],
                ) from None
    return found
