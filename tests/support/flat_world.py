"""A flat market for tests: every number of it is a quote of its own, so that AD reaches it.

Flat curves, constant Hull-White and lognormal *model* volatilities (no calibration), Actual/365 Fixed, no holidays, no
lags; single curve per currency. `SWAPTION/…`, `FX_OPTION/…` and `EQUITY_OPTION/…` ids hold the model's own volatilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from tests.support.statistics import SCRAMBLES
from xva.adjustments.measures import XvaSpec
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.compiled import Breaks
from xva.exposure.engine import Book, ExposureEngine, Simulation
from xva.exposure.fixing import Fixing
from xva.exposure.world import World
from xva.market.config import MarketConfig
from xva.market.correlation import correlation_matrix
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve
from xva.market.indices import RateIndex
from xva.market.market import Equity, Market
from xva.market.quotes import QuoteSet
from xva.models.cross_asset import CrossAssetModel, LognormalAsset
from xva.models.lgm import Lgm
from xva.results.labelled import results
from xva.trades.context import TradeContext
from xva.trades.netting import Counterparty, NettingSet
from xva.trades.trade import Trade

COUNTERPARTY, BANK = "CPTY_A", "BANK"
_ONE_YEAR = np.array([1.0])


def rate_id(currency: str) -> str:
    return f"ZERO/RATE/{currency}/{currency}-FLAT/A365/1Y"


def sigma_id(currency: str) -> str:
    return f"SWAPTION/RATE_NVOL/{currency}/1Y/1Y/ATM"


def equity_vol_id(name: str) -> str:
    return f"EQUITY_OPTION/RATE_LNVOL/{name}/EUR/1Y/ATMF"


def funding_id(side: str) -> str:
    return f"ZERO/RATE/EUR/{side}/A365/1Y"


@dataclass(frozen=True)
class FlatWorld:
    """Flat market in EUR; the defaults are those of ``ore_cases/README.md`` without FX and equity.

    ``rates``, ``kappas``, ``sigmas`` by currency, EUR first; ``fx`` units of currency per EUR; ``equities`` name to
    (spot, volatility, dividend yield), in EUR; ``borrow`` and ``lend`` are rates, not spreads.
    """

    as_of: str = "2025-01-15"
    rates: Mapping[str, float] = field(default_factory=lambda: {"EUR": 0.03})
    kappas: Mapping[str, float] = field(default_factory=dict)
    sigmas: Mapping[str, float] = field(default_factory=dict)
    fx: Mapping[str, float] = field(default_factory=dict)
    fx_vols: Mapping[str, float] = field(default_factory=dict)
    equities: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    hazards: Mapping[str, float] = field(default_factory=lambda: {COUNTERPARTY: 0.02, BANK: 0.01})
    recoveries: Mapping[str, float] = field(default_factory=lambda: {COUNTERPARTY: 0.4, BANK: 0.4})
    borrow: float = 0.04
    lend: float = 0.035
    correlations: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @property
    def day(self) -> np.datetime64:
        return np.datetime64(self.as_of, "D")

    @cached_property
    def indices(self) -> dict[str, RateIndex]:
        """``<ccy>-FLAT-3M``, ``-6M`` and the overnight ``<ccy>-FLAT-ON``."""
        tenors = {"3M": "3M", "6M": "6M", "ON": "1D"}
        return {
            f"{c}-FLAT-{label}": RateIndex(f"{c}-FLAT-{label}", c, tenor, "NULL", "A365")
            for c in self.rates
            for label, tenor in tenors.items()
        }

    def context(self, fixings: Mapping[tuple[str, str], float] | None = None) -> TradeContext:
        return TradeContext(self.day, self.indices, fixings or {})

    def quotes(self) -> QuoteSet:
        found: dict[str, float] = {}
        for c, rate in self.rates.items():
            found[rate_id(c)] = rate
            found[f"MEAN_REVERSION/RATE/{c}"] = self.kappas.get(c, 0.03)
            found[sigma_id(c)] = self.sigmas.get(c, 0.01)
        for c, spot in self.fx.items():
            found[f"FX/RATE/EUR/{c}"] = spot
            found[f"FX_OPTION/RATE_LNVOL/EUR/{c}/1Y/ATM"] = self.fx_vols[c]
        for name, (spot, vol, dividend) in self.equities.items():
            found[f"EQUITY/PRICE/{name}/EUR"] = spot
            found[equity_vol_id(name)] = vol
            found[f"EQUITY_DIVIDEND/RATE/{name}/EUR"] = dividend
        for name, hazard in self.hazards.items():
            found[f"HAZARD_RATE/RATE/{name}/SR/EUR/1Y"] = hazard
            found[f"RECOVERY_RATE/RATE/{name}/SR/EUR"] = self.recoveries[name]
        found[funding_id("BORROW")], found[funding_id("LEND")] = self.borrow, self.lend
        for (a, b), value in self.correlations.items():
            found[f"CORRELATION/{a}/{b}"] = value
        return QuoteSet.from_mapping(found)

    def __call__(self, quotes: QuoteSet, previous: World | None = None) -> World:
        """Build the world from the quotes (`BuildWorld`)."""
        market = self._market(quotes)
        return World(market, self._model(quotes, market))

    def _market(self, quotes: QuoteSet) -> Market:
        curves = {f"{c}-FLAT": DiscountCurve.flat(f"{c}-FLAT", quotes[rate_id(c)]) for c in self.rates}
        for side in ("BORROW", "LEND"):
            curves[f"FUNDING-{side}"] = DiscountCurve.flat(side, quotes[funding_id(side)])
        config = MarketConfig(
            self.day,
            "EUR",
            {c: f"{c}-FLAT" for c in self.rates},
            {name: f"{index.currency}-FLAT" for name, index in self.indices.items()},
            indices=self.indices,
        )
        spots = {"EUR": torch.ones((), dtype=torch.float64)}
        spots |= {c: 1.0 / quotes[f"FX/RATE/EUR/{c}"] for c in self.fx}
        survivals = {
            n: SurvivalCurve.flat(n, quotes[f"HAZARD_RATE/RATE/{n}/SR/EUR/1Y"]) for n in self.hazards
        }
        recoveries = {n: quotes[f"RECOVERY_RATE/RATE/{n}/SR/EUR"] for n in self.hazards}
        equities = {
            n: Equity("EUR", quotes[f"EQUITY/PRICE/{n}/EUR"], quotes[f"EQUITY_DIVIDEND/RATE/{n}/EUR"], None)
            for n in self.equities
        }
        kappas = {c: quotes[f"MEAN_REVERSION/RATE/{c}"] for c in self.rates}
        correlations = {pair: quotes[f"CORRELATION/{pair[0]}/{pair[1]}"] for pair in self.correlations}
        return Market(
            config=config,
            curves=curves,
            survivals=survivals,
            recoveries=recoveries,
            fx_spots=spots,
            fx_vols={},
            equities=equities,
            swaption_vols={},
            cap_vols={},
            mean_reversions=kappas,
            short_rate_vols={},
            correlations=correlations,
            sources={},
            unused=(),
        )

    def _model(self, quotes: QuoteSet, market: Market) -> CrossAssetModel:
        def asset(name: str, currency: str, spot: Tensor, vol: str, carry: Tensor) -> LognormalAsset:
            return LognormalAsset(name, currency, spot, _ONE_YEAR, quotes[vol].reshape(1), carry)

        rates = {
            c: Lgm(c, market.mean_reversion(c), _ONE_YEAR, quotes[sigma_id(c)].reshape(1)) for c in self.rates
        }
        zero = torch.zeros((), dtype=torch.float64)
        fx = {
            c: asset(c, c, market.fx_spot(c), f"FX_OPTION/RATE_LNVOL/EUR/{c}/1Y/ATM", zero) for c in self.fx
        }
        equities = {
            n: asset(n, "EUR", market.equity_spot(n), equity_vol_id(n), market.dividend_yield(n))
            for n in self.equities
        }
        factors = (
            *(f"IR:{c}" for c in rates),
            *(f"FX:{c}" for c in fx),
            *(f"EQ:{n}" for n in equities),
        )
        correlation = correlation_matrix(market.correlations, factors)
        return CrossAssetModel("EUR", rates, fx, equities, correlation)


def two_currencies(**changes: Any) -> FlatWorld:
    """The market of ``ore_cases/README.md``: EUR 3 %, USD 4 %, 1.10 USD per EUR, FX volatility 10 %."""
    terms: dict[str, Any] = {
        "rates": {"EUR": 0.03, "USD": 0.04},
        "fx": {"USD": 1.10},
        "fx_vols": {"USD": 0.10},
        "correlations": {("IR:EUR", "IR:USD"): 0.3},
    }
    return FlatWorld(**(terms | changes))


def make_engine(
    world: FlatWorld,
    trades: Sequence[Trade],
    dates: Sequence[str] | NDArray[np.datetime64],
    paths_per_scramble: int = 256,
    *,
    scrambles: int = SCRAMBLES,
    netted: bool = True,
    breaks: Breaks = "truncate",
    xva: XvaSpec | None = None,
    width: float = 0.02,
    fixings: Mapping[tuple[str, str], float] | None = None,
    seed: int = 42,
    block_size: int = 1024,
    fixing: Fixing = "auto",
) -> ExposureEngine:
    """Engine on ``dates`` (without the valuation date); one netting set per name that the trades give."""
    sets = tuple(
        NettingSet(n, COUNTERPARTY, "EUR", netted) for n in dict.fromkeys(t.netting_set for t in trades)
    )
    book = Book(
        sets,
        (Counterparty(COUNTERPARTY, COUNTERPARTY),),
        tuple(trades),
        world.context(fixings),
        breaks,
        fixing,
    )
    size = min(paths_per_scramble, block_size)
    simulation = Simulation(paths_per_scramble * scrambles, size, scrambles, seed=seed, exercise_width=width)
    days = np.asarray(dates, dtype="datetime64[D]")
    return ExposureEngine(book, world.quotes(), world, days, xva or XvaSpec(BANK), simulation)


def run(engine: ExposureEngine, adjoint: bool = False) -> xr.Dataset:
    """All blocks, and their results."""
    plan = engine.plan(adjoint)
    return results(engine, plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])


def cube(plan: ExposurePlan, variable: str = "value") -> NDArray[np.float64]:
    """``(path, time, netting_set)`` of all blocks."""
    return np.concatenate([plan.run(b).cube[variable] for b in range(plan.n_blocks)])


def days_between(start: str, stop: str, count: int) -> NDArray[np.datetime64]:
    """``count`` distinct days from after ``start`` to ``stop``, evenly spread."""
    a, b = np.datetime64(start, "D"), np.datetime64(stop, "D")
    offsets = np.linspace(0, (b - a).astype(int), count + 1)[1:]
    return np.asarray(a + np.round(offsets).astype("timedelta64[D]"))
