"""Learning a netting set of trades under a model, on all report dates: labels, fit, hedged labels, fit.

A sum of surrogates of trades is one of the netting set. A trade looks at few states and bends along few directions, so
trade by trade closed-form fits need far fewer features (*measured*, `benchmarks/equity_book.py`, 24 options on 8 equities, 40
dates, two passes: value error 1.3 % of the standard deviation in 18 s, against 3.3 % in 23 s for 512 features of the
whole; hold-out takes the trades on all dates). Where trades are many and states few it is the other way round; ``best``
lets samples that neither saw decide, date by date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogates.labels import LabelProblem, LabelStrategy, Pathwise, label_normals
from surrogates.regression import RidgeFeatures, Samples, Surrogate
from surrogates.regression.loss import gradient_weights, scores
from surrogates.regression.scaling import Scaling
from surrogates.regression.training import DatesFitter, Progress, Report, silent
from xva.errors import DomainError
from xva.market.factors import equity_of
from xva.models import PathModel
from xva.trades import PathTrade

from .hedged_labels import Hedged
from .sum_surrogate import Part, SumSurrogate

LEVELS = ("trade", "whole", "best")
_HELD = 0.2


@final
@dataclass(frozen=True)
class NettingSetTraining:
    """How a netting set is learned.

    Parameters
    ----------
    level : str
        ``trade``: each trade in the states it looks at, added up; ``whole``: all at once; ``best`` of the two by date.
    paths : int
        That label the first fit.
    hedged_paths : int
        Fresh ones, whose labels are hedged with the first fit (`Hedged`), for the second; 0 leaves it at the first.
    first, second : DatesFitter
        Of trades.
    whole : DatesFitter
        Of both passes over the whole.
    batch : int
        Paths labelled at once: what memory has to hold.
    seed : int
        All random numbers follow from it.

    Raises
    ------
    DomainError
        Numbers of paths that are not even, or no such level.
    """

    level: str = "trade"
    paths: int = 4096
    hedged_paths: int = 4096
    first: DatesFitter = field(default_factory=lambda: RidgeFeatures(48, widths=(0.5,)))
    second: DatesFitter = field(default_factory=lambda: RidgeFeatures(128, widths=(0.5,)))
    whole: DatesFitter = field(default_factory=lambda: RidgeFeatures(512, widths=(0.3,)))
    batch: int = 8192
    seed: int = 0

    def __post_init__(self) -> None:
        odd = self.paths % 2 or self.hedged_paths % 2
        if self.level not in LEVELS or self.paths < 2 or self.hedged_paths < 0 or odd or self.batch < 1:
            raise DomainError(
                f"netting set training: expected a level of {', '.join(LEVELS)} and even numbers of paths, got {self}"
            )

    def seeds(self, number: int) -> list[int]:
        """Three independent seeds of trade ``number`` (all trades together come after the last)."""
        source = np.random.SeedSequence(self.seed, spawn_key=(number,))
        return [int(word) for word in source.generate_state(3, np.uint32)]


@final
@dataclass(frozen=True)
class LearnedNettingSet:
    """A surrogate of the netting set per date.

    Parameters
    ----------
    days : ndarray
        ``(date,)`` datetime64[D].
    surrogates : tuple of Surrogate
        Of flows that become known after the date, deflated; features are the model's states and the trades' memory.
    levels : tuple of str
        ``trade`` or ``whole`` by date.
    held_out : tuple of (float, float)
        Errors of ``trade`` and ``whole`` on samples that neither saw, by date; empty where they were not compared.
    """

    days: NDArray[np.datetime64]
    surrogates: tuple[Surrogate, ...]
    levels: tuple[str, ...]
    held_out: tuple[tuple[float, float], ...] = ()


def learn_netting_set(
    problem: LabelProblem, training: NettingSetTraining, progress: Report = silent
) -> LearnedNettingSet:
    """Fit every report date of a problem with many trades.

    Raises
    ------
    DomainError
        A trade can be exercised (what is left of it depends on the path), or its flows jump (their pathwise derivatives are
        biased): those are learned one by one (`surrogates.training.trade_training`).
    """
    _refuse(problem)
    if training.level == "whole":
        found = _two_passes(problem, training, len(problem.trades), training.whole, training.whole)
        return _all_of("whole", problem, found)
    trades = _by_trade(problem, training, progress)
    if training.level == "trade":
        return _all_of("trade", problem, trades)
    return _compared(problem, training, trades)


def states_of(trade: PathTrade, model: PathModel) -> tuple[str, ...]:
    """A model's states that a trade's value can depend on: all but prices and variances of other equities.

    Each equity has to be Markov on its own, with the states that are not of equities.
    """
    own = {name for name, _ in trade.equities}
    return tuple(s for s in model.states if equity_of(s) in (None, *own))


def trade_problem(problem: LabelProblem, number: int) -> LabelProblem | None:
    """One trade in its own states, on the dates on which something of it is to come; None if there is none."""
    trade = problem.trades[number]
    ends = trade.observation_dates(problem.context)
    days = problem.report[problem.report < ends[-1]] if len(ends) else problem.report[:0]
    if not len(days):
        return None
    own = states_of(trade, problem.model)
    states = tuple(s for s in problem.states if s in own)
    knots = problem.knots[problem.knots < problem.context.time(ends[-1])]
    return replace(problem, trades=(trade,), report=days, states=states, knots=knots)


def make_labels(
    problem: LabelProblem, strategy: LabelStrategy, paths: int, seed: int, batch: int
) -> tuple[Samples, ...]:
    """Samples of every report date, ``batch`` paths of one Sobol set at a time."""
    normals = label_normals(problem.model, problem.times, paths, seed)
    lots = [strategy.labels(problem, n, problem.origin(n.shape[2])) for n in torch.split(normals, batch, 2)]
    return tuple(_joined(one) for one in zip(*lots, strict=True))


def _by_trade(problem: LabelProblem, training: NettingSetTraining, progress: Report) -> list[Surrogate]:
    names = _names(problem)
    parts: list[list[Part]] = [[] for _ in problem.report]
    for number, trade in enumerate(problem.trades):
        own = trade_problem(problem, number)
        if own is not None:
            found = _two_passes(own, training, number, training.first, training.second)
            for at, one in zip(parts, found):
                remembered = one.names[len(own.states) :]
                prefix = f"{trade.trade_id}/" if len(problem.trades) > 1 else ""
                wanted = (*own.states, *(prefix + name for name in remembered))
                at.append(Part(tuple(names.index(name) for name in wanted), one))
        progress(Progress("NettingSetTraining", number + 1, len(problem.trades)))
    return [SumSurrogate(names, tuple(at)) for at in parts]


def _two_passes(
    problem: LabelProblem, training: NettingSetTraining, number: int, first: DatesFitter, second: DatesFitter
) -> list[Surrogate]:
    seeds = training.seeds(number)
    plain = make_labels(problem, Pathwise(), training.paths, seeds[0], training.batch)
    found = first.fit_many(plain)
    if training.hedged_paths == 0:
        return found
    hedged = Hedged(tuple(found))
    return second.fit_many(make_labels(problem, hedged, training.hedged_paths, seeds[1], training.batch))


def _compared(
    problem: LabelProblem, training: NettingSetTraining, trades: list[Surrogate]
) -> LearnedNettingSet:
    """The whole is fitted to labels hedged with the sum of trades, some of which are held out to judge both."""
    paths = max(training.hedged_paths, training.paths)
    seed = training.seeds(len(problem.trades))[2]
    labels = make_labels(problem, Hedged(tuple(trades)), paths, seed, training.batch)
    draw = torch.Generator().manual_seed(seed)
    held, seen = torch.randperm(paths, generator=draw).tensor_split([round(_HELD * paths)])
    whole = training.whole.fit_many([s.rows(seen) for s in labels])
    pairs = zip(labels, trades, whole, strict=True)
    errors = [(_error(s.rows(held), t), _error(s.rows(held), w)) for s, t, w in pairs]
    better = [w < t for t, w in errors]
    chosen = [w if b else t for t, w, b in zip(trades, whole, better, strict=True)]
    levels = tuple("whole" if b else "trade" for b in better)
    return LearnedNettingSet(problem.report, tuple(chosen), levels, tuple(errors))


def _error(held: Samples, surrogate: Surrogate) -> float:
    """Mean squares of values and gradients over the labels' own, the labels' noise in them."""
    scaling = Scaling.of(held)
    values, gradients = surrogate.value_and_gradient(held.features)
    labels = scaling.scaled(held)
    found = scaling.scaled(Samples(held.names, held.features, values, gradients, held.known_columns))
    return sum(scores(labels, found.values, found.gradients, gradient_weights(labels.gradients)))


def _names(problem: LabelProblem) -> tuple[str, ...]:
    """Of the features: states and all that the trades remember."""
    with torch.no_grad():
        few: Tensor = label_normals(problem.model, problem.times, 2, 0)
        names, _ = problem.memory(problem.paths(problem.walk(few, problem.origin(2))))
    return (*problem.states, *names)


def _joined(lots: Sequence[Samples]) -> Samples:
    first = lots[0]
    slopes = [s.gradients for s in lots if s.gradients is not None]
    return Samples(
        first.names,
        torch.cat([s.features for s in lots]),
        torch.cat([s.values for s in lots]),
        torch.cat(slopes) if slopes else None,
        first.known,
    )


def _all_of(level: str, problem: LabelProblem, surrogates: Sequence[Surrogate]) -> LearnedNettingSet:
    return LearnedNettingSet(problem.report, tuple(surrogates), (level,) * len(surrogates))


def _refuse(problem: LabelProblem) -> None:
    for trade in problem.trades:
        if trade.jumps or len(trade.exercise_dates(problem.context)):
            what = "jumps" if trade.jumps else "can be exercised"
            raise DomainError(
                f"netting set training: trade {trade.trade_id} {what}, expected neither jumps nor exercise; learn it on its "
                f"own with surrogates.training.trade_training",
                [trade.trade_id],
            )
