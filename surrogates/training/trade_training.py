"""Learning one trade of an exposure job: exercise policy, labels, fits on every date.

All is a function of the request: the same request gives the same bits, on whatever worker.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
from torch import Tensor

from surrogates.certificate import Attempt, Certificate, Escalation, Route, Tolerance, escalate
from surrogates.certificate.examination import Effort, Examination, Examined, certify_trade
from surrogates.labels import Guard, LabelProblem, LikelihoodRatio, Pathwise, guarded_labels, label_normals
from surrogates.registry import Identity, Trained
from surrogates.regression import PolynomialRegression, RidgeFeatures, Samples
from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from surrogates.regression.selection import Selection
from surrogates.regression.training import DatesFitter
from xva.models.cross_asset_paths import PathMarket
from xva.numerics.types import Dates
from xva.pricing.exercise import ExercisePolicy, train_policy
from xva.pricing.exercise.features import exercise_features
from xva.pricing.exercise.regression import Regression
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.nested import InnerPaths
from xva.trades import Paths, PathTrade, TradeContext

_GUARD_PATHS = 4096
_GUARD_LIMIT = (
    4.0  # a dozen verdicts per trade: at 3 standard errors one in thirty trades would be refused by chance
)
_GUARD_TOLERANCE = 0.1  # of the mean absolute label, for the smoothing's own bias
_VERSIONED = ("xva.", "surrogates.")  # packages that ``TrainingSettings.program`` stands for
_LEVEL = 0.95


@final
@dataclass(frozen=True)
class TrainingSettings:
    """How trades are learned and tested; part of a surrogate's identity.

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
    tolerance : float
        Of the certificate: root mean square error in standard deviations of the value.
    states, dates, inner_paths : int
        The certificate's nested states per date, number of dates and nested paths per state.
    max_effort : int
        Up to how many times the paths to train with when the certificate is not had.
    fallback : bool
        Whether nested Monte Carlo prices what no certificate could be had for; else the trade is refused.
    program : str
        Digest of what trains: other versions give other bits, and do not reuse what these have trained.
    """

    paths: int = 8192
    policy_paths: int = 16384
    seed: int = 7
    exercise_width: float = 0.05
    jump_width: float = 0.01
    tolerance: float = 0.05
    states: int = 64
    dates: int = 6
    inner_paths: int = 1024
    max_effort: int = 4
    fallback: bool = True
    program: str = ""


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
    def model(self) -> PathMarket:
        """What the trade's paths are simulated with."""
        return self.market

    @property
    def learned_days(self) -> Dates:
        """The exposure dates before the trade's last observation: after it nothing is left to learn."""
        last = max([self.context.as_of, *self.trade.observation_dates(self.context)])
        learned: Dates = self.days[self.days < last]
        return learned

    @property
    def identity(self) -> Identity:
        """What the trained trade's numbers follow from."""
        settings = asdict(self.settings) | {"products": product_sources(type(self.trade))}
        return Identity.of(self.trade, self.context, self.market, self.learned_days, settings)

    def seeds(self) -> list[int]:
        """Independent seeds of policy, labels, guard, certificate's paths and its nested ones."""
        words = np.random.SeedSequence(self.settings.seed).generate_state(5, np.uint32)
        return [int(word) for word in words]


def product_sources(product: type[PathTrade]) -> dict[str, str]:
    """sha256 of the modules that a user's own product (and what it derives from) is written in; empty for our own.

    A product that was mended under its old name is another product; what its modules import is not looked at.
    """
    names = {kind.__module__ for kind in product.__mro__ if issubclass(kind, PathTrade)}
    files = {
        n: getattr(sys.modules.get(n), "__file__", None)
        for n in sorted(names)
        if not n.startswith(_VERSIONED)
    }
    return {n: hashlib.sha256(Path(f).read_bytes()).hexdigest() if f else "" for n, f in files.items()}


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


def make_samples(request: TrainingRequest, policy: ExercisePolicy | None, paths: int) -> tuple[Samples, ...]:
    """Labelled samples of every learned date.

    Derivatives of jumps are smoothed; where the guard finds them biased nevertheless, the date gets likelihood ratios.
    """
    problem = label_problem(request, policy)
    normals = label_normals(request.model, problem.times, paths, request.seeds()[1])
    origin = problem.origin(normals.shape[-1])
    if not request.trade.jumps:
        return Pathwise().labels(problem, normals, origin)
    guard = Guard(_GUARD_PATHS, request.seeds()[2], tolerance=_GUARD_TOLERANCE)
    smoothed = Pathwise(request.settings.jump_width)
    return guarded_labels(problem, smoothed, normals, origin, guard, LikelihoodRatio()).samples


def fit_dates(days: Dates, samples: Sequence[Samples], fitter: DatesFitter) -> SurrogatePricer:
    """A surrogate per date."""
    names = samples[0].names if samples else ()
    domains = tuple(Domain.of(s.names, s.features) for s in samples)
    return SurrogatePricer(names, days, tuple(fitter.fit_many(samples)), domains)


def fitter_of(request: TrainingRequest) -> DatesFitter:
    """Closed-form fits compete on hold-out samples: at the level of a trade they win over networks."""
    return Selection((RidgeFeatures(), PolynomialRegression()), seed=request.seeds()[1] % 2**31)


def learn(request: TrainingRequest) -> Trained:
    """Train a trade's exercise policy and surrogates and certify them, with more effort where that is needed.

    Nothing is certified where no exposure date lies between the valuation date and the last observation.
    """
    policy = train_exercise(request)

    def fit(paths: int) -> SurrogatePricer:
        samples = make_samples(request, policy, paths)
        return fit_dates(request.learned_days, samples, fitter_of(request))

    if not bool((request.learned_days > request.context.as_of).any()):
        none = Certificate(request.model.domestic, _LEVEL, tolerance(request), (), ())
        pricer = (
            fit(request.settings.paths)
            if len(request.learned_days)
            else SurrogatePricer((), request.learned_days, (), ())
        )
        return Trained(request.identity, pricer, none, Route((), "surrogate"), policy)
    examined: list[Examined] = []

    def test(pricer: SurrogatePricer, states: int) -> Certificate:
        examined.append(certify_trade(examination(request, pricer, policy, states), tolerance(request)))
        return examined[-1].certificate

    done = escalate(escalation(request.settings), fit, test)
    evidence = examined[-1].evidence
    return Trained(request.identity, done.fitted, done.certificate, done.route, policy, evidence=evidence)


def certified_again(request: TrainingRequest, trained: Trained) -> Trained | None:
    """Surrogates learned on another market, with a certificate on the request's; None where they do not earn one.

    The exercise policy is trained on the request's market. An undecided certificate is none.
    """
    days = request.learned_days
    if trained.route.outcome != "surrogate" or not np.array_equal(trained.pricer.days, days):
        return None
    if not bool((days > request.context.as_of).any()):
        return None
    policy, states = train_exercise(request), request.settings.states
    found = certify_trade(examination(request, trained.pricer, policy, states), tolerance(request))
    if found.certificate.verdict != "pass":
        return None
    route = Route((Attempt.of(request.settings.paths, states, found.certificate),), "surrogate")
    return replace(
        trained,
        identity=request.identity,
        certificate=found.certificate,
        route=route,
        policy=policy,
        evidence=found.evidence,
    )


def escalation(settings: TrainingSettings) -> Escalation:
    """How far to go for a certificate."""
    effort = settings.max_effort
    most = effort * settings.paths, max(effort, 4) * settings.states
    return Escalation(settings.paths, settings.states, 4, *most, nested=settings.fallback)


def tolerance(request: TrainingRequest) -> Tolerance:
    """What the certificate asks: the value's error is judged, exposures at least as strictly; gradients are reported."""
    bound = request.settings.tolerance
    return Tolerance(
        value=bound, gradient=None, near_zero=None, exposure=bound, adjustment=bound, outside=0.05,
        allow_undecided=True,
    )  # fmt: skip


def examination(
    request: TrainingRequest, pricer: SurrogatePricer, policy: ExercisePolicy | None, states: int
) -> Examination:
    """Fresh states on some of the dates, evenly spread, the valuation date left out."""
    s, seeds = request.settings, request.seeds()
    later = np.flatnonzero(pricer.days > request.context.as_of)
    count = min(s.dates, len(later))
    picked = later[np.unique(np.linspace(0, len(later) - 1, count).round().astype(int))]
    some = replace(
        pricer,
        days=pricer.days[picked],
        surrogates=tuple(pricer.surrogates[k] for k in picked),
        domains=tuple(pricer.domains[k] for k in picked),
    )
    inner = InnerPaths(seeds[4], points=_power_of_two(s.inner_paths // 32))
    effort = Effort(states, states // 2, max(4096, states), inner, seeds[3])
    return Examination(some, request.model, request.trade, request.context, policy, effort)


def _power_of_two(number: int) -> int:
    return 1 << max(number, 1).bit_length() - 1
