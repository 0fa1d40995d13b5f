"""The part of a netting set that has no closed form: path-dependent and callable trades on an exposure block's paths.

On a date such a trade is worth ``alive C + share settled + pending``: what is learned (C, a surrogate or any other
`ConditionalPricer`), what exercise has turned it into, and flows already known. The surrogate only decides on which side
of zero the netting set is; what is averaged, and differentiated, are the path's own deflated cash flows (indicator
estimator): its value bias is second order in the surrogate's error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.models.cross_asset_paths import PathMarket
from xva.numerics.types import Dates, Floats
from xva.pricing.exercise import ExercisePolicy
from xva.trades import Flow, Paths, PathTrade, TradeContext


class ConditionalPricer(ABC):
    """Values of what a trade still pays as long as it lives, as a function of features on the exposure dates."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the features: states of the model, or what the trade remembers."""

    @abstractmethod
    def values(self, days: Dates, features: Tensor) -> tuple[Tensor, Tensor]:
        """``(time, path)`` deflated values of ``(time, feature, path)``, and ``(time, path)`` whether outside the domain."""


@dataclass(frozen=True)
class ResidualTrade:
    """One trade of a netting set's residual.

    Parameters
    ----------
    trade : PathTrade
    unit : int
        What nets with what: the netting set's unit.
    market : PathMarket
        The part of market and model that the trade looks at.
    pricer : ConditionalPricer
    policy : ExercisePolicy, optional
        Of a trade with decisions.
    width : float
        Softness of jumps (`Paths.step`) in soft values and derivatives.
    stop : datetime64[D], optional
        Mandatory break: worth nothing from that date on.
    """

    trade: PathTrade
    unit: int
    market: PathMarket
    pricer: ConditionalPricer
    policy: ExercisePolicy | None = None
    width: float = 0.0
    stop: np.datetime64 | None = None


@dataclass(frozen=True)
class Residual:
    """All of a netting set; ``units`` is the number of its exposure units. Where ``sharp``, soft values are the exact ones."""

    trades: tuple[ResidualTrade, ...]
    units: int
    context: TradeContext
    sharp: bool = False

    @property
    def soft(self) -> bool:
        """Whether a decision or a jump makes soft values differ from exact ones."""
        return not self.sharp and any(t.policy is not None or t.trade.jumps for t in self.trades)


@dataclass(frozen=True)
class PathStates:
    """An exposure block's paths: ``states`` ``(time, state, path)`` of ``factors`` on ``days`` at ``times``."""

    days: Dates
    times: Floats
    factors: tuple[str, ...]
    states: Tensor

    @property
    def n_paths(self) -> int:
        return self.states.shape[-1]


@dataclass(frozen=True)
class Positions:
    """Of one trade on every date, all ``(time, path)``.

    ``realised`` is the path's own: flows to come, pending ones and what exercise has left. ``exact`` is the part of it that
    is known on the date, ``alive`` the share not exercised.
    """

    realised: Tensor
    exact: Tensor
    alive: Tensor


def positions(item: ResidualTrade, context: TradeContext, at: PathStates, level: float) -> Positions:
    """What a trade pays and is, on paths; ``level`` scales the softness of decisions, 0 being exact."""
    model = item.market
    observer = model.observe_factors(at.times, at.states, at.factors)
    paths = Paths(context, observer, at.days, at.n_paths, item.width * level)
    exercised = item.trade.none_exercised(context, at.n_paths)
    if item.policy is not None:
        exercised = item.policy.exercised(item.trade, paths, level)
    flows = item.trade.cashflows(paths, exercised)
    to_come, pending = flow_rows(paths, flows, at.days)
    share = exercised_share(item.trade.exercise_dates(context), exercised, at.days)
    settled = item.trade.settled(paths)
    exact = pending if settled is None else pending + share * settled
    lasts = torch.ones(len(at.days), 1, dtype=torch.float64)
    if item.stop is not None:
        lasts = torch.from_numpy((at.days < item.stop).astype(np.float64))[:, None]
    return Positions(lasts * (to_come + exact), lasts * exact, lasts * (1.0 - share))


def flow_rows(paths: Paths, flows: Sequence[Flow], days: Dates) -> tuple[Tensor, Tensor]:
    """``(time, path)`` deflated flows that become known after each date, and values of those known but not paid yet."""
    zero = torch.zeros(paths.n_paths, dtype=torch.float64)
    known_at: list[Tensor] = [zero] * (len(days) + 1)
    pending: list[Tensor] = [zero] * len(days)
    for flow in flows:
        first = int(np.searchsorted(days, flow.observed))
        if first > 0:
            known_at[first] = known_at[first] + paths.deflated(flow)
        for k in range(first, int(np.searchsorted(days, flow.pay))):
            pending[k] = pending[k] + paths.value(flow, days[k])
    backwards = torch.cumsum(torch.stack(known_at[:0:-1]), 0)
    return backwards.flip(0), torch.stack(pending)


def exercised_share(exercise: Dates, exercised: Tensor, days: Dates) -> Tensor:
    """``(time, path)`` share exercised up to and including each date."""
    total = torch.cat([exercised.new_zeros(1, exercised.shape[-1]), torch.cumsum(exercised, 0)])
    return total[torch.from_numpy(np.searchsorted(exercise, days, side="right"))]


def features(
    item: ResidualTrade, context: TradeContext, at: PathStates, names: Sequence[str], level: float = 0.0
) -> Tensor:
    """``(time, feature, path)`` of what a pricer asks for: states and the trade's memory, as soft as its flows are.

    A memory sharper than the flows would put a path on the wrong side of zero wherever a jump is half taken.
    """
    model = item.market
    observer = model.observe_factors(at.times, at.states, at.factors)
    remembered = [n for n in names if n not in at.factors]
    paths = Paths(context, observer, at.days, at.n_paths, item.width * level)
    memory = item.trade.state(paths) if remembered else {}
    columns = [at.states[:, at.factors.index(n)] if n in at.factors else memory[n] for n in names]
    shape = (len(at.days), 0, at.n_paths)
    return torch.stack(columns, dim=1) if columns else at.states.new_zeros(shape)


@dataclass(frozen=True)
class ResidualValues:
    """Of a netting set, ``(time, unit, path)``: what decides the sign, and what is averaged."""

    plug_in: Tensor
    realised: Tensor


class ResidualBlock:
    """A netting set's residual on one block of paths."""

    def __init__(self, residual: Residual, at: PathStates) -> None:
        self.residual, self.at = residual, at
        self.outside = np.zeros(len(at.days))
        with torch.no_grad():
            self.hard = self._values(0.0)
            self.soft = self._values(1.0) if residual.soft else self.hard
            self.half = self._values(0.5) if residual.soft else self.hard

    def _learn(self, item: ResidualTrade, level: float) -> Tensor:
        asked = features(item, self.residual.context, self.at, item.pricer.names, level)
        values, outside = item.pricer.values(self.at.days, asked)
        if level == 0.0:
            self.outside += outside.double().sum(-1).numpy()
        return values

    def _values(self, level: float) -> ResidualValues:
        shape = (len(self.at.days), self.residual.units, self.at.n_paths)
        plug_in, realised = torch.zeros(shape, dtype=torch.float64), torch.zeros(shape, dtype=torch.float64)
        for item in self.residual.trades:
            learned = self._learn(item, level)
            found = positions(item, self.residual.context, self.at, level)
            plug_in[:, item.unit] += found.exact + found.alive * learned
            realised[:, item.unit] += found.realised
        return ResidualValues(plug_in, realised)
