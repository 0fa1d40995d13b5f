"""A product that a user writes, the example's cliquet: `PathTrade` is all it takes, and the contract finds what it forgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
import pytest
from scipy.stats import norm
from torch import Tensor

from examples.own_product.my_products import Cliquet
from tests.contracts.path_trade import PathTradeContract
from tests.support.priced_cases import SCRAMBLES, Case, basket, prices
from tests.support.statistics import assert_within, standard_error
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

D = np.datetime64


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
    """Floored at 0 by period the sum is; a period is floor + (return - floor)+ - (return - cap)+, by Black and Scholes."""
    rate, vol, years = 0.03, 0.2, 90 / 365
    trade = replace(OWN, floor=0.0)

    def call(strike: float) -> float:
        d1 = (-np.log(strike) + (rate + vol**2 / 2) * years) / (vol * np.sqrt(years))
        return float(np.exp(rate * years) * norm.cdf(d1) - strike * norm.cdf(d1 - vol * np.sqrt(years)))

    period = trade.floor + call(1.0 + trade.floor) - call(1.0 + trade.cap)
    exact = 1000.0 * 4 * period * np.exp(-rate * 370 / 365)
    found = prices(Case(trade, basket([100.0], [vol], rate), exact))
    error = standard_error(found)
    assert error < 2e-3 * exact
    assert_within(found.mean(), error, exact, SCRAMBLES)


def test_a_forgotten_state_is_found() -> None:
    class TestForgetful(TestCliquet):
        def trade(self) -> PathTrade:
            return Forgetful(**vars(OWN))

    TestCliquet().test_state_is_all_the_past_that_matters()
    with pytest.raises(AssertionError):
        TestForgetful().test_state_is_all_the_past_that_matters()
