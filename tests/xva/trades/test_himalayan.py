"""Himalayan: contract, who leaves when, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import HIMALAYAN, D
from tests.support.path_world import AS_OF, CONTEXT, given
from xva.errors import TradeError
from xva.trades.path_trade import PathTrade

ROWS = [  # A, B, C; performances 1.2 1.3 1.1 | 1.4 1.5 1.0 | 0.5 0.9 1.1, once path by path
    [[100.0, 100.0], [120.0, 130.0], [140.0, 100.0], [50.0, 70.0]],
    [[50.0, 50.0], [65.0, 60.0], [75.0, 60.0], [45.0, 20.0]],
    [[20.0, 20.0], [22.0, 18.0], [20.0, 22.0], [22.0, 26.0]],
]


class TestCall(PathTradeContract):
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return HIMALAYAN


class TestFourOnTwoDates(PathTradeContract):
    levels = (100.0,)

    def trade(self) -> PathTrade:
        return replace(
            HIMALAYAN,
            underlyings=("EQ/A", "EQ/B", "EQ/C", "FX/EUR/USD"),
            initial_prices=(100.0, 50.0, 20.0, 1.1),
            measurement_dates=HIMALAYAN.measurement_dates[:2],
            option_type="put",
            side="short",
            pay_date=D("2026-10-15"),
        )


def test_pays_on_the_average_of_the_best_left() -> None:
    (flow,) = HIMALAYAN.cashflows(given(HIMALAYAN, ROWS), HIMALAYAN.none_exercised(CONTEXT, 2))
    one = (1.3 + 1.4 + 1.1) / 3.0  # B, then A, then C
    two = (1.3 + 1.2 + 1.3) / 3.0  # A, then B, then C
    np.testing.assert_allclose(flow.amount, [1000.0 * (one - 1.0), 1000.0 * (two - 1.0)], rtol=1e-12)


def test_state_is_the_average_and_who_is_left() -> None:
    report = [AS_OF, *HIMALAYAN.measurement_dates]
    state = HIMALAYAN.state(given(HIMALAYAN, ROWS, report))
    np.testing.assert_allclose(state["average"][:, 0], np.cumsum([0.0, 1.3, 1.4, 1.1]) / 3.0, rtol=1e-12)
    assert state["left:EQ/A"].tolist() == [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    assert state["left:EQ/B"].tolist() == [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert state["left:EQ/C"].tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]


def test_one_leaves_even_where_all_are_alike() -> None:
    paths = given(HIMALAYAN, [[[s]] * 4 for s in (100.0, 50.0, 20.0)], HIMALAYAN.measurement_dates)
    left = torch.stack([v[:, 0] for k, v in HIMALAYAN.state(paths).items() if k.startswith("left")])
    assert left.sum(0).tolist() == [2.0, 1.0, 0.0]
    assert set(left.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("width", [0.01, 0.05])
def test_soft_shares_are_close_to_the_sharp_payoff(width: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logs = 0.3 * torch.randn(3, 4, 20000, generator=generator, dtype=torch.float64)
    prices = torch.tensor([100.0, 50.0, 20.0]).double()[:, None, None] * torch.exp(logs)
    paths = given(HIMALAYAN, prices.tolist())
    none = HIMALAYAN.none_exercised(CONTEXT, 20000)
    (sharp,) = HIMALAYAN.cashflows(paths, none)
    (soft,) = HIMALAYAN.cashflows(type(paths)(CONTEXT, paths.observer, paths.report, 20000, width), none)
    assert bool((soft.amount >= 0.0).all())
    assert abs(float((soft.amount - sharp.amount).mean())) < 0.4 * width * float(sharp.amount.mean())


BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"measurement_dates": (*HIMALAYAN.measurement_dates, D("2027-01-15"))},
        "field measurement_dates: expected at most one date per underlying, 3",
    ),
    ({"measurement_dates": ()}, "field measurement_dates: expected a tuple of dates"),
    ({"measurement_dates": None}, "field measurement_dates: expected a tuple of dates"),
    ({"initial_prices": (1.0, 2.0)}, "field initial_prices: expected a tuple of 3 positive numbers"),
    ({"option_type": ""}, "field option_type: expected call or put"),
    ({"pay_date": D("2026-07-15")}, "field pay_date: expected a date not before the last observation"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(HIMALAYAN, **changes)
    assert message in str(caught.value)
