"""Callable swap: a swap while not called, coupons already running after it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.exercise_market import AS_OF, INDEX, PAR, REPORT, D, context, paths_of, swap_value
from xva.errors import TradeError
from xva.exposure.parts.conditional import flow_rows
from xva.trades import CallableSwap, InterestRateSwap, TermsError, TradeContext, registry
from xva.trades.documents import from_document, to_document

CALLABLE = CallableSwap(
    trade_id="C1",
    netting_set="N",
    currency="EUR",
    notional=1e4,
    side="receiver",
    fixed_rate=PAR,
    spread=0.001,
    index=INDEX,
    start_date=D("2025-07-02"),
    maturity_date=D("2031-07-02"),
    called_by="counterparty",
    first_call_date=D("2026-06-01"),
    fixed_day_count="A365",
)
FIXINGS = {(INDEX, "2026-01-02"): 0.031, (INDEX, "2025-12-31"): 0.031}
SWAP = InterestRateSwap(
    trade_id="S",
    netting_set="N",
    currency="EUR",
    notional=1e4,
    side="receiver",
    fixed_rate=PAR,
    spread=0.001,
    index=INDEX,
    start_date=D("2025-07-02"),
    maturity_date=D("2031-07-02"),
    fixed_day_count="A365",
)


def seasoned(lag: int) -> TradeContext:
    return context(lag, FIXINGS)


def test_is_a_registered_value_and_json() -> None:
    assert registry["callable_swaps"] is CallableSwap
    listed = replace(CALLABLE, call_days=(D("2028-07-02"),))
    for trade in (CALLABLE, listed):
        assert (
            pickle.loads(pickle.dumps(trade))
            == trade
            == from_document(json.loads(json.dumps(to_document(trade))))
        )
        assert hash(trade) == hash(replace(trade))
    assert (CALLABLE.holder, replace(CALLABLE, called_by="us").holder) == (-1, 1)
    assert CALLABLE.maturity == D("2031-07-02")


@pytest.mark.parametrize("lag", [0, 2])
def test_not_called_it_is_the_swap(lag: int) -> None:
    """Path by path in the mean: claims by `InterestRateSwap` off today's curve, past fixings included."""
    at = seasoned(lag)
    paths = paths_of(CALLABLE, at, REPORT[:0], 32 * 512, 32)
    none = CALLABLE.none_exercised(at, paths.n_paths)
    total = torch.stack([paths.deflated(flow) for flow in CALLABLE.cashflows(paths, none)]).sum(0)
    means = total.reshape(32, 512).mean(-1)
    error = float(means.std()) / 32**0.5
    assert abs(float(means.mean()) - swap_value(SWAP, at)) <= 3.3 * error
    assert error < 1.0


@pytest.mark.parametrize("lag", [0, 2])
def test_a_call_ends_the_periods_that_follow(lag: int) -> None:
    at = seasoned(lag)
    paths = paths_of(CALLABLE, at)
    days = CALLABLE.exercise_dates(at)
    exercised = CALLABLE.none_exercised(at, 64)
    exercised[2] = 1.0
    flows = CALLABLE.cashflows(paths, exercised)
    start = days[2] + np.timedelta64(lag, "D")
    assert start == D("2028-07-02")
    assert all(bool((flow.amount == 0.0).all()) == (flow.pay > start) for flow in flows)
    _, pending = flow_rows(paths, flows, REPORT)
    assert (pending[start > REPORT].abs().sum(-1) > 0.0).all()  # the coupons that run
    assert (pending[start <= REPORT] == 0.0).all()


def test_the_gain_of_calling_is_the_value_called() -> None:
    """What exercising changes has the gain as its mean, from the holder's side."""
    at = seasoned(2)
    paths = paths_of(CALLABLE, at, REPORT[:0], 32 * 512, 32)
    gains = CALLABLE.exercise_value(paths)
    none = CALLABLE.none_exercised(at, paths.n_paths).requires_grad_(True)
    total = torch.stack([paths.deflated(flow) for flow in CALLABLE.cashflows(paths, none)]).sum()
    (change,) = torch.autograd.grad(total, none)
    means = (CALLABLE.holder * change - gains).reshape(len(gains), 32, 512).mean(-1)
    assert (means.mean(1).abs() <= 3.3 * means.std(1) / 32**0.5).all()
    assert (gains.std(-1) > 50.0).any()


def test_a_missing_fixing_is_named() -> None:
    at = replace(context(2), fixings={})
    paths = paths_of(replace(CALLABLE, start_date=D("2026-03-02"), maturity_date=D("2031-03-02")), at)
    with pytest.raises(TradeError, match=f"fixing of {INDEX}"):
        CALLABLE.cashflows(paths, CALLABLE.none_exercised(at, 64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": "long"}, "field side"),
        ({"called_by": "anyone"}, "field called_by"),
        ({"notional": 0.0}, "field notional"),
        ({"spread": float("inf")}, "field spread"),
        ({"call_frequency": "often"}, "field call_frequency"),
        ({"call_days": (AS_OF, AS_OF)}, "field call_days"),
        ({"first_call_date": D("2032-01-02")}, "field maturity_date"),
    ],
)
def test_refuses_wrong_terms(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TermsError, match=message):
        replace(CALLABLE, **change)


def test_refuses_calls_inside_a_fixed_period() -> None:
    with pytest.raises(TradeError, match=r"trade C1, exercise on .* inside one"):
        replace(CALLABLE, call_frequency="6M").exercise_dates(context())
