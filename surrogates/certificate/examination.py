"""The nested Monte Carlo behind a certificate: fresh paths, states picked on each date, values and derivatives there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from surrogates.certificate.certificate import Certificate, Tolerance
from surrogates.certificate.certify import certify
from surrogates.certificate.evidence import FEWEST, NEAR, Comparison, Evidence, scaled
from surrogates.certificate.nested_pricer import alive_book
from surrogates.labels import label_normals
from surrogates.regression.pricer import SurrogatePricer
from xva.errors import DomainError
from xva.exposure.parts.conditional import exercised_share
from xva.models import PathModel, walk
from xva.models.path_model import Walk, join_times
from xva.numerics.tree import map_tensors
from xva.numerics.types import Floats
from xva.pricing.exercise import ExercisePolicy
from xva.pricing.nested import InnerPaths, NestedCost, NestedValues, nested_values
from xva.trades import Paths, PathTrade, TradeContext


@final
@dataclass(frozen=True)
class Effort:
    """How thoroughly a surrogate is tested.

    Parameters
    ----------
    states, near_states : int
        Nested states per date: as the paths have them, and further ones whose learned value is within ±0.1 sd of zero.
    drawn : int
        Fresh paths that states are picked from, and that the domain is counted on; even.
    inner : InnerPaths
        Nested paths of each state.
    seed : int
        Of paths and picks; not the training's.
    gradients : bool
        Whether derivatives are tested, too.
    """

    states: int = 64
    near_states: int = 32
    drawn: int = 4096
    inner: InnerPaths = InnerPaths(seed=97)  # noqa: RUF009 (frozen)
    seed: int = 96
    gradients: bool = True

    def __post_init__(self) -> None:
        if not FEWEST <= self.states <= self.drawn or self.near_states < 0:
            raise DomainError(
                f"certificate: expected {FEWEST} to {self.drawn} states, got {self.states} and {self.near_states} near zero"
            )


@final
@dataclass(frozen=True)
class Found:
    """One date's evidence, the share of paths on which the trade is not exercised, and what it cost."""

    evidence: Evidence
    alive: float
    cost: NestedCost


@final
@dataclass(frozen=True)
class Examination:
    """A surrogate and what it should be the value of.

    Parameters
    ----------
    pricer : SurrogatePricer
    model : PathModel
        The trade's own, not one that a surrogate brought along.
    trade : PathTrade
    context : TradeContext
    policy : ExercisePolicy, optional
    effort : Effort
    width : float
        Softness of jumps in the nested values, if the surrogate was trained on softened ones.
    """

    pricer: SurrogatePricer
    model: PathModel
    trade: PathTrade
    context: TradeContext
    policy: ExercisePolicy | None = None
    effort: Effort = Effort()
    width: float = 0.0

    def date(self, number: int) -> Found | None:
        """Evidence on one of the pricer's dates, a function of the number alone; None where no path is left alive."""
        day = self.pricer.days[number]
        living = torch.nonzero(self._alive[number] > 0.5).flatten()
        if len(living) < FEWEST:
            return None
        features = self.pricer.columns(self._features[number][:, living].T)
        domain, surrogate = self.pricer.domains[number], self.pricer.surrogates[number]
        learned = surrogate.value(domain.nearest(features))
        band = NEAR * float(learned.std())
        states, near = self._pick(learned, band, number)
        picked = torch.cat([states, near])
        nested = self._nested(day, living[picked])
        values = Comparison(learned[picked], nested.to_come, nested.error)
        count, gradients = len(states), Comparison.none()
        if self.effort.gradients:
            gradients = self._gradients(number, features[states], features, nested, count)
        evidence = Evidence(
            str(day),
            values.rows(torch.arange(count)),
            int(domain.outside(features).sum()),
            len(living),
            values.rows(torch.arange(count, len(picked))),
            float((learned.abs() <= band).double().mean()),
            gradients,
            float(torch.relu(learned).mean()),
            float(torch.relu(-learned).mean()),
        )
        return Found(evidence, len(living) / self.effort.drawn, nested.cost)

    def all_dates(self) -> tuple[Found, ...]:
        """Evidence on every date on which there is any."""
        found = (self.date(k) for k in range(len(self.pricer.days)))
        return tuple(f for f in found if f is not None)

    @cached_property
    def _walk(self) -> Walk:
        days = np.union1d(self.pricer.days, self.trade.observation_dates(self.context))
        times = join_times(np.zeros(1), self.context.times(days))
        normals = label_normals(self.model, times, self.effort.drawn, self.effort.seed, antithetic=False)
        with torch.no_grad():
            return walk(map_tensors(self.model, torch.Tensor.detach), times, normals)

    @cached_property
    def _paths(self) -> Paths:
        observer = self.model.observe(self._walk.times, self._walk.states)
        return Paths(self.context, observer, self.pricer.days, self.effort.drawn)

    @cached_property
    def _features(self) -> Tensor:
        """``(date, name, path)`` of the pricer's names."""
        states = self.model.states
        places = [self._walk.place(t) for t in self.context.times(self.pricer.days).tolist()]
        rows = torch.stack([self._walk.states[p] for p in places])
        with torch.no_grad():
            memory = self.trade.state(self._paths)
        if unknown := [n for n in self.pricer.names if n not in (*states, *memory)]:
            raise DomainError(
                f"trade {self.trade.trade_id}: the surrogate's features {unknown} are neither states of the model nor "
                f"remembered by the trade; give the market's parameters by at_market",
                unknown,
            )
        columns = [rows[:, states.index(n)] if n in states else memory[n] for n in self.pricer.names]
        return torch.stack(columns, dim=1)

    @cached_property
    def _alive(self) -> Tensor:
        """``(date, path)`` share not exercised by each date."""
        if self.policy is None:
            return torch.ones(len(self.pricer.days), self.effort.drawn, dtype=torch.float64)
        with torch.no_grad():
            exercised = self.policy.exercised(self.trade, self._paths)
        return 1.0 - exercised_share(self.trade.exercise_dates(self.context), exercised, self.pricer.days)

    def _pick(self, learned: Tensor, band: float, number: int) -> tuple[Tensor, Tensor]:
        """Some of all states, other paths on other dates, and some of those near zero."""
        order = torch.from_numpy(np.random.default_rng([self.effort.seed, number]).permutation(len(learned)))
        close = order[learned[order].abs() <= band]
        return order[: self.effort.states], close[: self.effort.near_states]

    def _nested(self, day: np.datetime64, paths: Tensor) -> NestedValues:
        states = tuple(state[:, paths] for state in self._walk.states)
        outer = Walk(self._walk.times, states, states)
        book = alive_book(self.model, self.trade, self.context, day, self.policy, self.width)
        return nested_values(book, outer, day, self.effort.inner, gradient=self.effort.gradients)

    def _gradients(
        self, number: int, asked: Tensor, features: Tensor, nested: NestedValues, count: int
    ) -> Comparison:
        """To the model's states among the features."""
        domain, surrogate = self.pricer.domains[number], self.pricer.surrogates[number]
        _, slopes = surrogate.value_and_gradient(domain.nearest(asked))
        both = [n for n in self.pricer.features if n in self.model.states]
        mine = [self.pricer.features.index(n) for n in both]
        rows = [self.model.states.index(n) for n in both]
        found = Comparison(
            slopes[:, mine], nested.gradient[rows, :count].T, nested.gradient_error[rows, :count].T
        )
        return scaled(found, features[:, mine])


@final
@dataclass(frozen=True)
class Examined:
    """A certificate, what it was made of and what that took."""

    certificate: Certificate
    evidence: tuple[Evidence, ...]
    cost: NestedCost


def certify_trade(
    examination: Examination,
    tolerance: Tolerance | None = None,
    *,
    cva_weights: Floats | None = None,
    dva_weights: Floats | None = None,
    level: float = 0.95,
) -> Examined:
    """Test a trade's surrogates on fresh nested Monte Carlo, here and now.

    Parameters
    ----------
    cva_weights, dva_weights : ndarray, optional
        ``(date,)`` of the pricer's dates; the shares still alive are multiplied in.

    Raises
    ------
    DomainError
        The trade is exercised on all paths before the first date.
    """
    return conclude(
        examination,
        examination.all_dates(),
        tolerance,
        cva_weights=cva_weights,
        dva_weights=dva_weights,
        level=level,
    )


def conclude(
    examination: Examination,
    found: tuple[Found, ...],
    tolerance: Tolerance | None = None,
    *,
    cva_weights: Floats | None = None,
    dva_weights: Floats | None = None,
    level: float = 0.95,
) -> Examined:
    """The certificate from `Examination.date` of all dates, wherever they were worked on."""
    if not found:
        raise DomainError(
            f"trade {examination.trade.trade_id}: no path is left unexercised on any date, nothing can be certified",
            [examination.trade.trade_id],
        )
    days = [f.evidence.day for f in found]
    shares = {f.evidence.day: f.alive for f in found}
    kept = np.isin(examination.pricer.days.astype(str), days)
    alive = np.array([shares[d] for d in days])
    cva, dva = (None if w is None else np.asarray(w)[kept] * alive for w in (cva_weights, dva_weights))
    evidence = tuple(f.evidence for f in found)
    certificate = certify(
        evidence,
        tolerance,
        currency=examination.model.domestic,
        cva_weights=cva,
        dva_weights=dva,
        level=level,
        seed=examination.effort.seed,
    )
    cost = found[0].cost
    for f in found[1:]:
        cost = cost + f.cost
    return Examined(certificate, evidence, cost)
