"""Markets and trades that the exercise tests share: the reference Bermudan swaption and American options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.market.curves import DiscountCurve
from xva.market.indices import RateIndex
from xva.models.cross_asset_paths import PathMarket, Projection
from xva.models.lgm import Lgm
from xva.models.path_model import join_times, walk
from xva.models.random import PathNoise, brownian_rotation
from xva.trades import AmericanOption, BermudanSwaption, TradeContext
from xva.trades.claims import FixedFlow, IborFlow
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms
from xva.trades.trade import Trade

D = np.datetime64
AS_OF = D("2026-01-02")
INDEX = "EUR-FLAT-6M"
PAR = 0.030454789387
PILLARS = np.array([1.0, 2.0, 3.0, 5.0, 7.0, 10.0])
QUOTES = torch.tensor([0.03] * 6 + [0.01, 0.03], dtype=torch.float64)
"""Zero rates at the pillars, Hull-White volatility, mean reversion."""
EQUITY = TradeContext(AS_OF)


def context(lag: int = 0, fixings: dict[tuple[str, str], float] | None = None) -> TradeContext:
    index = RateIndex(INDEX, "EUR", "6M", "NULL", "A365", fixing_lag=lag)
    return TradeContext(AS_OF, {INDEX: index}, fixings or {})


def rates(quotes: Tensor = QUOTES) -> PathMarket:
    """One currency, one curve."""
    curve = DiscountCurve("EUR", PILLARS, -quotes[:6] * torch.from_numpy(PILLARS))
    lgm = Lgm("EUR", quotes[7], np.ones(1), quotes[6:7])
    correlation = torch.eye(1, dtype=torch.float64)
    return PathMarket({"EUR": curve}, {INDEX: Projection("EUR", curve)}, {"EUR": lgm}, {}, {}, correlation)


BERMUDAN = BermudanSwaption(
    trade_id="B1",
    netting_set="N",
    currency="EUR",
    side="long",
    swap_side="payer",
    notional=1e4,
    strike=PAR,
    index=INDEX,
    start_date=AS_OF,
    maturity_date=D("2036-01-02"),
    first_exercise_date=D("2026-12-01"),
    settlement="cash",
    fixed_day_count="A365",
)
"""10nc1, in basis points."""


def spread_out(years: float, count: int) -> tuple[np.datetime64, ...]:
    """Dates that cut ``years`` into equal parts."""
    return tuple(AS_OF + np.timedelta64(round(365 * years * (k + 1) / count), "D") for k in range(count))


def american(years: int, a_year: int = 50) -> AmericanOption:
    """Longstaff & Schwartz's put, exercisable ``a_year`` times a year."""
    days = spread_out(years, a_year * years)
    return AmericanOption(
        trade_id="A1",
        netting_set="N",
        underlying="EQ/A",
        currency="USD",
        side="long",
        option_type="put",
        quantity=1.0,
        strike=40.0,
        expiry_date=days[-1],
        exercise=days,
    )


@dataclass(frozen=True, kw_only=True)
class MaxCall(PathTrade):
    """A product of one's own: a Bermudan call on the better of two, that does not tell what exercising brings."""

    kind: ClassVar[str] = "max_calls"
    days: tuple[np.datetime64, ...]
    tells: bool = True

    @property
    def currencies(self) -> tuple[str, ...]:
        return ("USD",)

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return (("A", "USD"), ("B", "USD"))

    @property
    def maturity(self) -> np.datetime64:
        return self.days[-1]

    def _check(self, terms: Terms) -> None:
        terms.days("days")

    def observation_dates(self, context: TradeContext) -> NDArray[np.datetime64]:
        return np.array(self.days)

    def exercise_dates(self, context: TradeContext) -> NDArray[np.datetime64]:
        return np.array(self.days)

    def _payoff(self, paths: Paths, day: np.datetime64) -> Tensor:
        return torch.relu(torch.maximum(paths.equity("A", day), paths.equity("B", day)) - 100.0)

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        shares = zip(self.days, exercised)
        return [Flow("USD", day, day, share * self._payoff(paths, day)) for day, share in shares]

    def exercise_value(self, paths: Paths) -> Tensor | None:
        if not self.tells:
            return None
        time = paths.context.time
        rows = [self._payoff(paths, day) * paths.observer.deflator("USD", time(day)) for day in self.days]
        return torch.stack(rows)


MAX_CALL = MaxCall(trade_id="M1", netting_set="N", days=spread_out(3.0, 9))


REPORT = np.array(
    ["2026-09-01", "2026-12-31", "2027-01-01", "2027-05-03", "2027-12-31", "2028-01-02", "2029-12-31"], D
)


def paths_of(
    trade: Any, at: TradeContext, report: np.ndarray = REPORT, n_paths: int = 64, scrambles: int = 1
) -> Paths:
    """Simulated on the trade's dates and the report's."""
    days = np.union1d(trade.observation_dates(at), report)
    times = join_times(np.zeros(1), at.times(days))
    noise = PathNoise(3, scrambles, n_paths // scrambles, brownian_rotation(times[1:]), 1)
    normals = torch.cat([noise.grid(block) for block in range(scrambles)], dim=-1)
    walked = walk(rates(), times, normals)
    return Paths(at, rates().observe(times, walked.states), report, n_paths)


def swap_value(trade: Trade, at: TradeContext) -> float:
    """Claims off today's curve."""
    curve, total = rates().discounts["EUR"], 0.0
    for claim in trade.claims(at):
        pay = float(curve.discount(np.array([claim.pay]))[0])
        if isinstance(claim, FixedFlow):
            total += claim.amount * pay
        else:
            assert isinstance(claim, IborFlow)
            start, end = curve.discount(np.array([claim.start, claim.end])).tolist()
            total += claim.amount * (start / end - 1.0) / claim.accrual * pay
    return total
