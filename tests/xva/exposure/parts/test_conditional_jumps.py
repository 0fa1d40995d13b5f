"""A trade that jumps and remembers it: CVA's derivative to the spot against the density at the jump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from tests.support.flat_book import world
from tests.support.flat_world import make_engine
from tests.support.statistics import assert_within
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.parts.conditional import ConditionalPricer, Residual, ResidualTrade
from xva.models.cross_asset_paths import PathMarket
from xva.numerics import tree
from xva.results.labelled import results
from xva.sensitivities.reverse_pass_conditional import ResidualPullback
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow

CALL, END = np.datetime64("2026-01-15"), np.datetime64("2027-01-15")
GAIN, DEBT = 2e5, 1e6


@dataclass(frozen=True, kw_only=True)
class Redeemed(PathTrade):
    """Pays us GAIN at the end; we owe DEBT then, unless the share is above 100 on the call date."""

    kind: ClassVar[str] = "redeemed"
    jumps: ClassVar[bool] = True
    currencies = ("EUR",)
    equities = (("EQ1", "EUR"),)
    maturity = END

    def _check(self, terms: Any) -> None:
        pass

    def observation_dates(self, context: Any) -> Any:
        return np.array([CALL, END])

    def called(self, paths: Any) -> Any:
        return paths.step(torch.log(paths.equity("EQ1", CALL) / 100.0))

    def cashflows(self, paths: Any, exercised: Any) -> Any:
        return [Flow("EUR", END, END, GAIN - DEBT * (1.0 - self.called(paths)))]

    def state(self, paths: Any) -> Any:
        return {"called": paths.hold([CALL], [self.called(paths)])}


@dataclass(frozen=True)
class Exact(ConditionalPricer):
    """In the memory alone: the sign is all that matters."""

    names = ("called",)

    def values(self, days: Any, features: Any) -> Any:
        alive = torch.from_numpy((days < END).astype(np.float64))[:, None]
        value = alive * (GAIN - DEBT * (1.0 - features[:, 0]))
        return value, torch.zeros_like(value, dtype=torch.bool)


def test_derivative_to_the_spot_is_that_of_the_probability_to_be_called() -> None:
    """Sharp memory under soft flows would give more than twice as much; power: a standard error below 5 %."""
    trade = Redeemed(trade_id="R", netting_set="N")
    engine = make_engine(world(), [trade], [CALL, np.datetime64("2026-07-15"), END], 512)
    flat = tree.map_tensors(engine.world, lambda t: t.detach())

    def select(built: Any, _i: int, _j: int) -> PathMarket:
        return PathMarket.select(built.market, built.model, ["EUR"], [], ["EQ1"])

    item = ResidualTrade(trade, 0, select(flat, 0, 0), Exact(), width=0.01)
    plan = ExposurePlan(engine.data(), {0: Residual((item,), 1, engine.book.context)})
    sums = [plan.run(b).sums for b in range(plan.n_blocks)]
    found = results(engine, plan.data, sums, residual_graph=ResidualPullback(plan.residuals, select, {}))
    size = 1e-3
    shifted = [chance(100.0 + s) for s in (size, -size)]
    later = [k for k, d in enumerate(engine.dates) if CALL <= d < END]
    exact = (
        float(plan.data.weights[0, 0, later].sum())
        * GAIN
        * np.exp(-0.06)
        * (shifted[0] - shifted[1])
        / (2 * size)
    )
    at = {"measure": "CVA", "quote": "EQUITY/PRICE/EQ1/EUR", "netting_set": "N"}
    got, se = (float(found[n].sel(at)) for n in ("sensitivity", "sensitivity_se"))
    assert se < 0.05 * exact
    assert_within(got, se, exact, more=0.1 * exact)


def chance(spot: float) -> float:
    """Of being called, the rate being what it is at the mean; its own volatility moves it by less than 1 %."""
    deviation = np.hypot(0.25, 0.01)
    d = (np.log(spot / 100.0) + 0.03 - 0.02 - 0.5 * 0.25**2) / deviation
    return float(torch.special.ndtr(torch.tensor(d, dtype=torch.float64)))
