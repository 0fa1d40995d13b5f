"""Rough values of trades without closed form on many dates, from few paths: what a pilot of an exposure run is made with.

A pilot tells how much of a measure a grid of dates leaves out, of which the values are on both sides: they only decide on
which side of zero a netting set is, what is added up are the paths' own cash flows. So low-degree polynomials in the states
and in what the trade remembers are enough, fitted to the cash flows of other paths than the pilot's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from surrogates.book.book import select_market
from surrogates.regression import PolynomialRegression, Samples, Surrogate
from surrogates.regression.domain import Domain
from surrogates.regression.pricer import SurrogatePricer
from xva.exposure import ExposureEngine
from xva.exposure.block import ExposureData
from xva.exposure.engine import path_trades
from xva.exposure.parts.conditional import (
    ConditionalPricer,
    PathStates,
    Residual,
    ResidualTrade,
    features,
    positions,
)
from xva.exposure.state.state import state_paths
from xva.models import PathNoise
from xva.numerics import tree
from xva.numerics.types import Dates
from xva.pricing.exercise import ExercisePolicy
from xva.trades import Paths

_DEGREE, _TERMS = 4, 84
_PER_TERM = 12  # paths, at least
_WITHIN = 1e-9
_OWN_PATHS = 1  # spawn key of their seed: not the pilot's

Policies = Mapping[str, ExercisePolicy | None]


def pilot_residuals(engine: ExposureEngine, data: ExposureData, policies: Policies) -> dict[int, Residual]:
    """What a plan of the engine needs of its trades without closed form, by number of the netting set.

    Parameters
    ----------
    engine : ExposureEngine
        Its dates are those that the pilot looks at; it fits to as many paths as the engine has, others.
    data : ExposureData
        The engine's.
    policies : mapping of trade id to ExercisePolicy
        Of trades with decisions: those of the run, trained under the engine's measure.
    """
    at = _paths(engine, data)
    world = tree.map_tensors(engine.world, lambda t: t.detach())
    context, found = engine.book.context, {}
    for number, compiled in enumerate(engine.compiled):
        items = []
        for trade in path_trades(engine.book, compiled.netting_set.name):
            market = select_market(engine, trade, world)
            unit = 0 if compiled.netting_set.netted else compiled.units.index(trade.trade_id)
            stop = trade.break_date if engine.book.breaks == "truncate" else None
            item = ResidualTrade(trade, unit, market, _NOTHING, policies.get(trade.trade_id), stop=stop)
            items.append(replace(item, pricer=_fitted(item, engine, at)))
        if items:
            found[number] = Residual(tuple(items), len(compiled.units), context, sharp=True)
    return found


def _paths(engine: ExposureEngine, data: ExposureData) -> PathStates:
    """States on paths of their own, one scramble of Sobol points."""
    seeds = np.random.SeedSequence(engine.simulation.seed, spawn_key=(_OWN_PATHS,))
    seed = int(seeds.generate_state(1, np.uint32)[0])
    noise = PathNoise(seed, 1, engine.simulation.paths, engine.rotation, len(data.factors))
    return PathStates(engine.dates, engine.times, data.factors, state_paths(data.grid, noise.grid(0)))


@final
@dataclass(frozen=True)
class RoughPricer(ConditionalPricer):
    """Fits whose values lie within what paths paid: ``low``, ``high`` ``(date,)``, of the fits' own dates.

    What is never negative is so everywhere, which a polynomial is not.
    """

    fits: SurrogatePricer
    low: Tensor
    high: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        return self.fits.names

    def values(self, days: Dates, features: Tensor) -> tuple[Tensor, Tensor]:
        value, outside = self.fits.values(days, features)
        row = torch.from_numpy(np.searchsorted(self.fits.days, days))  # beyond the last: worth nothing
        low, high = (torch.cat([bound, bound.new_zeros(1)])[row, None] for bound in (self.low, self.high))
        return torch.clamp(value, low, high), outside


_NOTHING = RoughPricer(
    SurrogatePricer((), np.array([], dtype="datetime64[D]"), (), ()), *torch.zeros(2, 0).double()
)


def _fitted(item: ResidualTrade, engine: ExposureEngine, at: PathStates) -> RoughPricer:
    """Values of what a trade still pays as long as it lives, on the dates before its last observation."""
    context, trade = engine.book.context, item.trade
    last = max([context.as_of, *trade.observation_dates(context)])
    days = at.days[at.days < last]
    with torch.no_grad():
        names = _names(item, engine, at)
        asked = features(item, context, at, names)
        found = positions(replace(item, stop=None), context, at, 0.0)
        to_come = found.realised - found.exact
    samples = [_samples(names, asked[t].T, to_come[t], found.alive[t]) for t in range(len(days))]
    fits = SurrogatePricer(
        names,
        days,
        tuple(_fit(s) for s in samples),
        tuple(Domain.of(names, s.features) for s in samples),
    )
    low, high = (
        torch.stack([bound(s.values) for s in samples]) if samples else torch.zeros(0)
        for bound in (torch.amin, torch.amax)
    )
    inside = _WITHIN * (high - low)  # a mean lies strictly within
    return RoughPricer(fits, low + inside, high - inside)


def _names(item: ResidualTrade, engine: ExposureEngine, at: PathStates) -> tuple[str, ...]:
    """The states of the trade's market, and what it remembers."""
    model = item.market
    observer = model.observe_factors(at.times, at.states[:, :, :1], at.factors)
    memory = item.trade.state(Paths(engine.book.context, observer, at.days, 1))
    return (*model.states, *memory)


def _samples(names: tuple[str, ...], asked: Tensor, to_come: Tensor, alive: Tensor) -> Samples:
    """Of the paths on which the trade lives; zeros where there is none."""
    lives = alive > 0.0
    if not bool(lives.any()):
        return Samples(names, asked, torch.zeros_like(to_come))
    return Samples(names, asked[lives], to_come[lives] / alive[lives])


def _fit(samples: Samples) -> Surrogate:
    terms = max(min(_TERMS, len(samples) // _PER_TERM), 1)
    return PolynomialRegression(_DEGREE, terms, gradient_weight=0.0).fit(samples)
