"""A product that a user writes, here a cliquet: `PathTrade` is all it takes, and the contract finds what it forgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from tests.contracts.path_trade import PathTradeContract
from tests.xva.trades.test_references import SCRAMBLES, Case, basket, prices
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms

D = np.datetime64


@dataclass(frozen=True, kw_only=True)
class Cliquet(PathTrade):
    """Pays the sum of the returns between reset dates, each within [floor, cap], and 0 at least."""

    kind: ClassVar[str] = "cliquets"

    equity: str
    currency: str
    side: str
    notional: float
    floor: float
    cap: float
    reset_dates: tuple[np.datetime64, ...]
    global_floor: float = 0.0

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return ((self.equity, self.currency),)

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return self.reset_dates[-1]

    def observation_dates(self, context: TradeContext) -> np.ndarray:
        days = np.array(self.reset_dates)
        return days[days > context.as_of]

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        if self.maturity <= paths.context.as_of:
            return ()
        size = self.notional if self.side == "long" else -self.notional
        amount = size * self._sums(paths, self.maturity)[-1].clamp(min=self.global_floor)
        return [Flow(self.currency, self.maturity, self.maturity, amount)]

    def state(self, paths: Paths) -> dict[str, Tensor]:
        days = [day for day in self.reset_dates if day <= max([*paths.report, paths.context.as_of])]
        fixed = [paths.equity(self.equity, day) for day in days]
        return {
            "returns": paths.hold(days, self._sums(paths, days[-1] if days else self.reset_dates[0] - 1)),
            "reset": paths.hold(days, fixed),
        }

    def _sums(self, paths: Paths, last: np.datetime64) -> list[Tensor]:
        fixed = [paths.equity(self.equity, day) for day in self.reset_dates if day <= last]
        sums = [torch.zeros(paths.n_paths, dtype=torch.float64)]
        for before, after in zip(fixed, fixed[1:]):
            sums.append(sums[-1] + (after / before - 1.0).clamp(self.floor, self.cap))
        return sums

    def _check(self, terms: Terms) -> None:
        terms.text("equity")
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.positive("notional")
        terms.finite("floor", "cap", "global_floor")
        terms.days("reset_dates")


@final
@dataclass(frozen=True, kw_only=True)
class Forgetful(Cliquet):
    """Does not remember what price the running return is from."""

    kind: ClassVar[str] = "forgetful_cliquets"

    def state(self, paths: Paths) -> dict[str, Tensor]:
        return {"returns": super().state(paths)["returns"]}


OWN = Cliquet(
    trade_id="C1",
    netting_set="N",
    equity="A",
    currency="USD",
    side="long",
    notional=1000.0,
    floor=-0.03,
    cap=0.05,
    reset_dates=tuple(D("2026-01-25") + 90 * k for k in range(5)),
)


class TestCliquet(PathTradeContract):
    levels = (100.0,)
    registered = False

    def trade(self) -> PathTrade:
        return OWN


def test_price_is_that_of_forward_starting_call_spreads() -> None:
    """With no global floor a period is floor + (return - floor)+ - (return - cap)+, by Black and Scholes."""
    rate, vol, years = 0.03, 0.2, 90 / 365
    trade = Cliquet(**{**vars(OWN), "global_floor": -1.0})

    def call(strike: float) -> float:
        d1 = (-np.log(strike) + (rate + vol**2 / 2) * years) / (vol * np.sqrt(years))
        return float(np.exp(rate * years) * norm.cdf(d1) - strike * norm.cdf(d1 - vol * np.sqrt(years)))

    period = OWN.floor + call(1.0 + OWN.floor) - call(1.0 + OWN.cap)
    exact = 1000.0 * 4 * period * np.exp(-rate * 370 / 365)
    found = prices(Case(trade, basket([100.0], [vol], rate), exact))
    error = found.std(ddof=1) / np.sqrt(SCRAMBLES)
    assert error < 2e-3 * exact
    assert abs(found.mean() - exact) < 3.26 * error


def test_a_forgotten_state_is_found() -> None:
    class TestForgetful(TestCliquet):
        def trade(self) -> PathTrade:
            return Forgetful(**vars(OWN))

    TestCliquet().test_state_is_all_the_past_that_matters()
    with pytest.raises(AssertionError):
        TestForgetful().test_state_is_all_the_past_that_matters()
