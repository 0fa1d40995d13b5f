"""A book's trades without closed form: what has to be learned, and what the exposure plan makes of what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from surrogates.certificate.nested_pricer import NestedPricer
from surrogates.registry import Trained
from surrogates.training import TrainingRequest, TrainingSettings
from surrogates.training.trade_training import policy_paths
from xva.errors import DomainError
from xva.exposure import ExposureEngine, World
from xva.exposure.block import ExposurePlan
from xva.exposure.engine import path_trades
from xva.exposure.parts.conditional import ConditionalPricer, Residual, ResidualTrade
from xva.models.cross_asset_paths import PathMarket
from xva.numerics import tree
from xva.pricing.exercise import ExercisePolicy
from xva.pricing.exercise.adjoint import policy_cotangents
from xva.pricing.nested import InnerPaths
from xva.sensitivities.reverse_pass_conditional import PolicyPull, ResidualPullback
from xva.trades import PathTrade

Place = tuple[int, int]
"""Number of the netting set, and of the trade among those of it that have no closed form."""
_FALLBACK = InnerPaths(seed=98, scrambles=2, points=32)


@final
@dataclass(frozen=True)
class LearnedBook:
    """An engine's book and what was learned of it.

    Parameters
    ----------
    engine : ExposureEngine
    requests : mapping of place to TrainingRequest
    trained : mapping of place to Trained
    """

    engine: ExposureEngine
    requests: Mapping[Place, TrainingRequest]
    trained: Mapping[Place, Trained]

    def __repr__(self) -> str:
        return f"LearnedBook({', '.join(r.trade.trade_id for r in self.requests.values()) or 'nothing to learn'})"

    @property
    def refused(self) -> dict[str, str]:
        """Why, by id of the trades that no certificate could be had for and that nothing else may price."""
        routes = {self.requests[p].trade.trade_id: t.route for p, t in self.trained.items()}
        return {name: str(route) for name, route in routes.items() if route.outcome == "refused"}

    def plan(self, adjoint: bool) -> ExposurePlan:
        """The run's plan."""
        return ExposurePlan(self.engine.data(adjoint=adjoint), self.residuals(), mixed=True)

    def residuals(self) -> dict[int, Residual]:
        """By number of the netting set.

        Raises
        ------
        DomainError
            A trade was refused.
        """
        if self.refused:
            told = "; ".join(f"trade {name}: {why}" for name, why in self.refused.items())
            raise DomainError(f"no certificate and no fallback: {told}", list(self.refused))
        found: dict[int, list[ResidualTrade]] = {}
        for place in sorted(self.requests):
            found.setdefault(place[0], []).append(self._residual_trade(place))
        units = {i: len(self.engine.compiled[i].units) for i in found}
        context = self.engine.book.context
        return {i: Residual(tuple(items), units[i], context) for i, items in found.items()}

    @property
    def policies(self) -> dict[str, ExercisePolicy | None]:
        """By trade id; None without decisions."""
        return {self.requests[p].trade.trade_id: trained.policy for p, trained in self.trained.items()}

    def pullback(self) -> ResidualPullback:
        """How derivatives of the plan go on to quotes."""
        policies = {
            p: self._policy_pull(p, t.policy) for p, t in self.trained.items() if t.policy is not None
        }
        return ResidualPullback(self.residuals(), self._select, policies)

    def _residual_trade(self, place: Place) -> ResidualTrade:
        request, trained = self.requests[place], self.trained[place]
        trade, compiled = request.trade, self.engine.compiled[place[0]]
        unit = 0 if compiled.netting_set.netted else compiled.units.index(trade.trade_id)
        pricer: ConditionalPricer = trained.pricer
        if trained.route.outcome == "nested":
            model = request.market
            pricer = NestedPricer(model, trade, request.context, _FALLBACK, trained.policy)
        stop = trade.break_date if self.engine.book.breaks == "truncate" else None
        width = request.settings.jump_width if trade.jumps else 0.0
        return ResidualTrade(trade, unit, request.market, pricer, trained.policy, width, stop)

    def _select(self, world: World, number: int, trade: int) -> PathMarket:
        return select_market(self.engine, self.requests[number, trade].trade, world)

    def _policy_pull(self, place: Place, policy: ExercisePolicy) -> PolicyPull:
        request = self.requests[place]

        def pull(market: PathMarket, bars: Tensor) -> Sequence[Tensor]:
            with torch.enable_grad():
                return policy_cotangents(policy_paths(request), policy, market, bars)

        return pull


def training_requests(engine: ExposureEngine, settings: TrainingSettings) -> dict[Place, TrainingRequest]:
    """Every trade of the book without closed form, on the engine's market and dates."""
    world = tree.map_tensors(engine.world, lambda t: t.detach())
    return {
        (i, j): TrainingRequest(
            trade, engine.book.context, select_market(engine, trade, world), engine.dates, settings
        )
        for i, netting_set in enumerate(engine.book.netting_sets)
        for j, trade in enumerate(path_trades(engine.book, netting_set.name))
    }


def select_market(engine: ExposureEngine, trade: PathTrade, world: World) -> PathMarket:
    """The part of a world that a trade looks at."""
    indices = [engine.book.context.index(name) for name in trade.indices]
    return PathMarket.select(
        world.market, world.model, trade.currencies, indices, [name for name, _ in trade.equities]
    )
