"""Learning one trade of an exposure job: exercise policy, labels, fits on every date.

All is a function of the request: the same request gives the same bits, on whatever worker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from surrogates.domain import Domain
from surrogates.labels.problem import LabelProblem, label_normals
from surrogates.labels.strategy import Pathwise
from surrogates.pricer import SurrogatePricer
from surrogates.samples import Samples
from surrogates.surrogate import Fitter
from xva.models.cross_asset_paths import CrossAssetPathModel, PathMarket
from xva.pricing.exercise.features import exercise_features
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import Regression, train_policy
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

Dates = NDArray[np.datetime64]


@final
@dataclass(frozen=True)
class TrainingSettings:
    """How trades are learned; part of a surrogate's identity.

    Parameters
    ----------
    paths, policy_paths : int
        That label the fits, and that train exercise decisions.
    seed : int
        All random numbers of the training follow from it.
    exercise_width : float
        Softness of exercise decisions as a share of the gap's standard deviation.
    jump_width : float
        Softness of jumps in gradient labels and in derivatives, of the log price.
    """

    paths: int = 8192
    policy_paths: int = 16384
    seed: int = 7
    exercise_width: float = 0.05
    jump_width: float = 0.02


@final
@dataclass(frozen=True)
class TrainingRequest:
    """A trade to learn on a market, on exposure ``days`` ``(date,)`` from the valuation date on."""

    trade: PathTrade
    context: TradeContext
    market: PathMarket
    days: Dates
    settings: TrainingSettings

    @property
    def model(self) -> CrossAssetPathModel:
        """What the trade's paths are simulated with."""
        return CrossAssetPathModel(self.market)

    @property
    def learned_days(self) -> Dates:
        """The exposure dates before the trade's last observation: after it nothing is left to learn."""
        last = self.trade.observation_dates(self.context).max(initial=self.context.as_of)
        return self.days[self.days < last]

    def seeds(self) -> list[int]:
        """Independent seeds of policy, labels and certificate."""
        words = np.random.SeedSequence(self.settings.seed).generate_state(3, np.uint32)
        return [int(word) for word in words]


@final
@dataclass(frozen=True)
class PolicyRule:
    """An exercise policy as label makers ask for it."""

    policy: ExercisePolicy

    def decisions(self, trade: PathTrade, paths: Paths, level: float) -> Tensor:
        """``(exercise date, path)`` share exercised of what is alive."""
        _, features = exercise_features(trade, paths, self.policy.names)
        return self.policy.decisions(features, level)


def policy_paths(request: TrainingRequest) -> ExercisePaths:
    """The paths that a trade's exercise policy is trained on."""
    s = request.settings
    blocks = max(1, s.policy_paths // (8 * 1024))
    return ExercisePaths.draw(
        request.trade,
        request.context,
        request.model,
        seed=request.seeds()[0],
        block_size=min(1024, s.policy_paths // 8),
        n_blocks=8 * blocks,
        jump_width=s.jump_width if request.trade.jumps else 0.0,
    )


def regression(settings: TrainingSettings) -> Regression:
    """How exercise policies are fitted."""
    return Regression(softness=settings.exercise_width)


def train_exercise(request: TrainingRequest) -> ExercisePolicy | None:
    """The policy of a trade with decisions; None without any."""
    if not len(request.trade.exercise_dates(request.context)):
        return None
    return train_policy(policy_paths(request), request.model, regression(request.settings))


def label_problem(request: TrainingRequest, policy: ExercisePolicy | None) -> LabelProblem:
    """What the trade's surrogates are values of."""
    rules = {} if policy is None else {request.trade.trade_id: PolicyRule(policy)}
    return LabelProblem(request.model, (request.trade,), request.context, request.learned_days, rules=rules)


def make_samples(
    request: TrainingRequest, policy: ExercisePolicy | None, effort: int = 1
) -> tuple[Samples, ...]:
    """Labelled samples of every learned date from ``effort`` times the settings' paths."""
    problem, s = label_problem(request, policy), request.settings
    normals = label_normals(request.model, problem.times, effort * s.paths, request.seeds()[1])
    strategy = Pathwise(s.jump_width if request.trade.jumps else 0.0)
    return strategy.labels(problem, normals, problem.origin(normals.shape[-1]))


def fit_dates(days: Dates, samples: Sequence[Samples], fitter: Fitter) -> SurrogatePricer:
    """A surrogate per date."""
    names = samples[0].names if samples else ()
    return SurrogatePricer(
        names,
        days,
        tuple(fitter.fit(s) for s in samples),
        tuple(Domain.of(s.names, s.features) for s in samples),
    )
