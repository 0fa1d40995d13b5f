"""Bermudan swaption: exercise dates, what an exercise brings, and the books' value of it on every date after."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.exercise_market import AS_OF, BERMUDAN, REPORT, D, context, paths_of, rates, swap_value
from xva.errors import TradeError
from xva.exposure.parts.conditional import exercised_share, flow_rows
from xva.trades import BermudanSwaption, InterestRateSwap, TermsError, registry
from xva.trades.documents import from_document, to_document

PHYSICAL = replace(BERMUDAN, settlement="physical")
LAGGED = context(lag=2)


def forward_swap(trade: BermudanSwaption, start: np.datetime64) -> InterestRateSwap:
    return InterestRateSwap(
        trade_id="S",
        netting_set="N",
        currency="EUR",
        notional=trade.notional,
        side=trade.swap_side,
        fixed_rate=trade.strike,
        index=trade.index,
        start_date=start,
        maturity_date=trade.maturity_date,
        fixed_day_count=trade.fixed_day_count,
    )


def test_is_a_registered_value_and_json() -> None:
    assert registry["bermudan_swaptions"] is BermudanSwaption
    listed = replace(BERMUDAN, exercise_days=(D("2028-01-02"), D("2030-01-02")))
    for trade in (BERMUDAN, listed):
        assert (
            pickle.loads(pickle.dumps(trade))
            == trade
            == from_document(json.loads(json.dumps(to_document(trade))))
        )
        assert hash(trade) == hash(replace(trade))
    assert (BERMUDAN.currencies, BERMUDAN.indices) == (("EUR",), (BERMUDAN.index,))
    assert (BERMUDAN.holder, replace(BERMUDAN, side="short").holder) == (1, -1)


def test_exercise_dates() -> None:
    annual = np.array([f"{y}-01-02" for y in range(2027, 2036)], D)
    np.testing.assert_array_equal(BERMUDAN.exercise_dates(context()), annual)
    np.testing.assert_array_equal(BERMUDAN.observation_dates(context()), annual)
    np.testing.assert_array_equal(BERMUDAN.exercise_dates(LAGGED), annual - np.timedelta64(2, "D"))
    later = replace(context(), as_of=D("2030-01-02"))
    np.testing.assert_array_equal(BERMUDAN.exercise_dates(later), annual[4:])
    given = replace(BERMUDAN, exercise_days=(D("2026-12-15"), D("2029-11-30")), first_exercise_date=AS_OF)
    np.testing.assert_array_equal(given.exercise_dates(context()), np.array(given.exercise_days))
    observed = PHYSICAL.observation_dates(LAGGED)
    assert set(PHYSICAL.exercise_dates(LAGGED)) < set(observed)
    assert observed[-1] == D("2035-06-30")  # the last fixing
    assert not len(BERMUDAN.exercise_dates(replace(context(), as_of=D("2035-01-02"))))


def test_maturity() -> None:
    assert BERMUDAN.maturity == D("2035-01-02")
    assert PHYSICAL.maturity == D("2036-01-02")
    assert replace(BERMUDAN, exercise_days=(D("2028-01-02"),)).maturity == D("2028-01-02")
    at = replace(context(), as_of=PHYSICAL.maturity)
    paths = replace(paths_of(PHYSICAL, context(), REPORT[:0]), context=at)
    assert not PHYSICAL.cashflows(paths, PHYSICAL.none_exercised(at, 64))


@pytest.mark.parametrize("lag", [0, 2])
def test_exercise_is_worth_the_rest_of_the_swap(lag: int) -> None:
    """Its mean over paths, deflated, is the forward swap off today's curve, claims made by `InterestRateSwap`."""
    at = context(lag)
    paths = paths_of(BERMUDAN, at, REPORT[:0], 32 * 512, 32)
    found = BERMUDAN.exercise_value(paths).reshape(9, 32, 512).mean(-1)
    exact = [swap_value(forward_swap(BERMUDAN, D(f"{y}-01-02")), at) for y in range(2027, 2036)]
    error = found.std(1) / 32**0.5
    assert (error < 0.3).all()
    assert ((found.mean(1) - torch.tensor(exact)).abs() <= 3.3 * error).all()


def test_flows_are_linear_and_opposite() -> None:
    paths = paths_of(PHYSICAL, LAGGED)
    shares = torch.rand(9, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 9.0
    flows = PHYSICAL.cashflows(paths, shares)
    short = replace(PHYSICAL, side="short").cashflows(paths, shares)
    half = PHYSICAL.cashflows(paths, 0.5 * shares)
    for one, other, part in zip(flows, short, half, strict=True):
        torch.testing.assert_close(one.amount, -other.amount)
        torch.testing.assert_close(one.amount, 2.0 * part.amount)
    for short_value in (replace(PHYSICAL, side="short").exercise_value(paths),):
        torch.testing.assert_close(short_value, PHYSICAL.exercise_value(paths))  # the holder's gain


def test_exercise_pays_its_value() -> None:
    paths = paths_of(PHYSICAL, LAGGED)
    gains = PHYSICAL.exercise_value(paths)
    for e in range(9):
        total = sum(paths.deflated(flow) for flow in PHYSICAL.cashflows(paths, one_hot(e)))
        torch.testing.assert_close(total, gains[e], rtol=1e-10, atol=1e-9)


def one_hot(e: int) -> Tensor:
    exercised = torch.zeros(9, 64, dtype=torch.float64)
    exercised[e] = 1.0
    return exercised


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_books_hold_the_swap_after_exercise(lag: int, number: int) -> None:
    """Share times settled plus pending is the swap entered, on any date: between an exercise date and the start too."""
    at = context(lag)
    days = PHYSICAL.exercise_dates(at)
    paths = paths_of(PHYSICAL, at)
    exercised = one_hot(number)
    _, pending = flow_rows(paths, PHYSICAL.cashflows(paths, exercised), REPORT)
    settled = PHYSICAL.settled(paths)
    assert settled is not None
    found = exercised_share(days, exercised, REPORT) * settled + pending
    swap = PHYSICAL.underlying(at)
    first = swap.first_period(days[number])
    for k, day in enumerate(REPORT):
        exact = swap.value(paths, day, first) if day >= days[number] else torch.zeros(64, dtype=torch.float64)
        torch.testing.assert_close(found[k], exact, rtol=1e-10, atol=1e-9)


def test_the_swap_is_a_martingale_with_its_coupons() -> None:
    """What was received by exercising is what is paid later: coupons at the paths' own fixings, and the rest."""
    report = np.array(["2030-04-15"], D)
    paths = paths_of(PHYSICAL, LAGGED, report, 32 * 512, 32)
    swap = PHYSICAL.underlying(LAGGED)
    first = swap.first_period(PHYSICAL.exercise_dates(LAGGED)[1])
    total = swap.value(paths, report[0], first)
    for k in range(first[0], swap.floating.paid(report[0])):
        seen = swap.fixings[k]
        money = paths.observer.deflator("EUR", LAGGED.time(seen)) * paths.bond(
            "EUR", seen, swap.floating.pay[k]
        )
        total = total + swap.coupon(paths, k, seen) * money
    for j in range(first[1], swap.fixed.paid(report[0])):
        money = float(rates().discounts["EUR"].discount(LAGGED.time(swap.fixed.pay[j])))
        total = total + float(swap.amounts[j]) * money
    means = total.reshape(32, 512).mean(-1)
    exact = swap_value(forward_swap(PHYSICAL, D("2028-01-02")), LAGGED)
    assert abs(float(means.mean()) - exact) <= 3.3 * float(means.std()) / 32**0.5
    assert float(means.std()) / 32**0.5 < 1.0


def test_cash_leaves_nothing() -> None:
    assert BERMUDAN.settled(paths_of(BERMUDAN, context())) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": "buyer"}, "field side"),
        ({"swap_side": "long"}, "field swap_side"),
        ({"notional": -1.0}, "field notional"),
        ({"settlement": "deed"}, "field settlement"),
        ({"maturity_date": AS_OF}, "field maturity_date"),
        ({"first_exercise_date": D("2040-01-02")}, "field maturity_date"),
        ({"exercise_frequency": "yearly"}, "field exercise_frequency"),
        ({"exercise_days": (D("2028-01-02"), D("2027-01-02"))}, "field exercise_days"),
        ({"exercise_days": (D("2037-01-02"),)}, "field exercise_days"),
        ({"strike": float("nan")}, "field strike"),
    ],
)
def test_refuses_wrong_terms(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TermsError, match=message):
        replace(BERMUDAN, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exercise_frequency": "6M"}, "inside one -> choose an exercise frequency"),
        ({"exercise_days": (D("2035-12-01"),)}, "up to the last fixing"),
        ({"first_exercise_date": D("2035-06-01")}, "a schedule without one"),
        ({"index": "EUR-ESTR"}, "index: expected one of"),
    ],
)
def test_refuses_terms_that_do_not_fit_together(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError, match=message) as caught:
        replace(BERMUDAN, **change).exercise_dates(context())
    assert "B1" in caught.value.ids
