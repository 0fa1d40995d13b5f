"""Measures on another market with the run's own random numbers: the slow way to a sensitivity, and a check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xva.numerics import tree
from xva.valuation.engine import ExposureEngine, Widths
from xva.valuation.exposure_plan import ExposureData, ExposurePlan
from xva.valuation.measures import SIDES, measure_weights
from xva.valuation.pullback import scramble_means
from xva.valuation.world import World

Floats = NDArray[np.float64]


class Revaluer:
    """Revalues a run on shifted quotes, calibration included; exercise widths stay those of the base run.

    The path part is skipped, and the base run's profiles used, where a shift reaches credit or funding only.
    """

    def __init__(self, engine: ExposureEngine) -> None:
        self.engine = engine
        self.base_data: ExposureData = engine.data(adjoint=False)
        self.widths: Widths = engine.widths(self.base_data)
        self.base_profiles = self._profiles(self.base_data)

    def measures(self, quote_id: str, amount: float) -> Floats:
        """``(measure, netting_set)`` with ``amount`` added to one quote, soft exercise as in the reverse pass."""
        world = self.engine.build(self.engine.quotes.shifted(quote_id, amount), self.engine.world)
        profiles = self.base_profiles
        if self._paths_move(world):
            profiles = self._profiles(self.engine.data(world, adjoint=False, widths=self.widths))
        weights = measure_weights(world.market, self.engine.credit, self.engine.times, self.engine.xva)
        return weighted(weights.detach().numpy(), profiles)

    def derivative(self, quote_id: str, amount: float) -> Floats:
        """Central difference ``(measure, netting_set)`` per unit of quote."""
        up, down = self.measures(quote_id, amount), self.measures(quote_id, -amount)
        return (up - down) / (2.0 * amount)

    def _paths_move(self, world: World) -> bool:
        base = self.engine.world
        if not tree.equal(world.model, base.model):
            return True
        names = {*base.market.config.discount.values(), *base.market.config.projection.values()}
        return any(not tree.equal(world.market.curves[n], base.market.curves[n]) for n in names)

    def _profiles(self, data: ExposureData) -> Floats:
        plan = ExposurePlan(data)
        means = scramble_means(data, [plan.run(b).sums for b in range(plan.n_blocks)])
        return np.stack([np.mean([m[name] for m in means], axis=0) for name in ("epe_soft", "ene_soft")])


def weighted(weights: Floats, profiles: Floats | Sequence[Floats]) -> Floats:
    """``(measure, netting_set)`` from weights ``(measure, netting_set, time)`` and profiles ``(side, netting_set, time)``."""
    return np.stack([(weights[m] * profiles[side]).sum(-1) for m, side in enumerate(SIDES)])
