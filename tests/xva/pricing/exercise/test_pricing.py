"""Least-squares Monte Carlo against independent values, the rollback and QuantLib's finite differences, Greeks included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from tests.support.exercise_market import (
    AS_OF,
    BERMUDAN,
    EQUITY,
    MAX_CALL,
    PAR,
    american,
    context,
    rates,
)
from tests.support.statistics import three_sigma
from xva.errors import DomainError
from xva.models.equity_basket import EquityBasket
from xva.models.path_model import PathModel
from xva.pricing.exercise.pricing import (
    Estimate,
    exercise_greeks,
    exercise_price,
)
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import train_policy
from xva.trades import AmericanOption, CallableSwap, TradeContext
from xva.trades.path_trade import PathTrade

SCRAMBLES, FEW = 32, 16


def both(
    trade: PathTrade, at: TradeContext, model: PathModel, size: int, blocks: int = SCRAMBLES
) -> tuple[ExercisePaths, ExercisePaths]:
    """Paths to train on and fresh ones."""
    options = {"scrambles": blocks, "block_size": size, "n_blocks": blocks}
    training = ExercisePaths.draw(trade, at, model, seed=1, **options)
    return training, ExercisePaths.draw(trade, at, model, seed=2, **options)


def price(
    trade: PathTrade, at: TradeContext, model: PathModel, size: int, blocks: int = SCRAMBLES
) -> Estimate:
    training, fresh = both(trade, at, model, size, blocks)
    found = exercise_price(fresh, train_policy(training, model), model)
    allowed = 3.0 * float(found.softening.value.abs()) + three_sigma(blocks) * float(found.value.error)
    assert abs(float(found.soft.value - found.value.value)) <= allowed
    return found.value


def check(
    found: Estimate, exact: float, power: float, tolerance: float = 5e-5, blocks: int = SCRAMBLES
) -> None:
    bound = three_sigma(blocks) * float(found.error) + tolerance
    assert abs(float(found.value) - exact) <= bound, (found, exact)
    assert bound <= power * exact, (found, exact)


@pytest.mark.parametrize(
    ("settlement", "size", "blocks", "power"),
    [
        ("physical", 256, FEW, 0.03),
        pytest.param("cash", 1024, SCRAMBLES, 0.01, marks=pytest.mark.slow),
        pytest.param("physical", 1024, SCRAMBLES, 0.01, marks=pytest.mark.slow),
    ],
)
def test_bermudan_swaption(settlement: str, size: int, blocks: int, power: float) -> None:
    found = price(replace(BERMUDAN, settlement=settlement), context(), rates(), size, blocks)
    check(found, 489.02, power, 0.15, blocks)


@pytest.mark.slow
def test_short_receiver() -> None:
    trade = replace(BERMUDAN, side="short", swap_side="receiver")
    found = price(trade, context(), rates(), 512)
    check(Estimate(-found.value, found.error), 476.366, 0.015)  # the rollback of tests/oracles


@pytest.mark.parametrize(
    ("caller", "option", "size", "blocks", "power"),
    [
        ("us", 476.366, 256, FEW, 0.04),
        pytest.param("us", 476.366, 1024, SCRAMBLES, 0.015, marks=pytest.mark.slow),
        pytest.param("counterparty", -489.023, 1024, SCRAMBLES, 0.015, marks=pytest.mark.slow),
    ],
)
def test_callable_par_swap_is_the_swap_and_a_bermudan(
    caller: str, option: float, size: int, blocks: int, power: float
) -> None:
    """Who may call a payer swap holds a receiver option; who pays and is called is short a payer option."""
    swap = CallableSwap(
        trade_id="C1",
        netting_set="N",
        currency="EUR",
        notional=1e4,
        side="payer",
        fixed_rate=PAR,
        index=BERMUDAN.index,
        start_date=AS_OF,
        maturity_date=BERMUDAN.maturity_date,
        called_by=caller,
        first_call_date=BERMUDAN.first_exercise_date,
        fixed_day_count="A365",
    )
    found = price(swap, context(), rates(), size, blocks)
    sign = np.sign(option)
    check(Estimate(sign * found.value, found.error), sign * option, power, blocks=blocks)


def equities(spots: list[float], vol: float, rate: float, dividend: float = 0.0) -> EquityBasket:
    names = ("A", "B")[: len(spots)]
    spot = torch.tensor(spots, dtype=torch.float64)
    return EquityBasket.flat(
        "USD", names, spot, torch.full_like(spot, vol), rate, torch.full_like(spot, dividend)
    )


@pytest.mark.parametrize(
    ("spot", "vol", "years", "exact", "size", "blocks", "power"),
    [
        (36.0, 0.2, 1, 4.4778, 256, FEW, 0.04),
        pytest.param(36.0, 0.2, 1, 4.4778, 1024, SCRAMBLES, 0.015, marks=pytest.mark.slow),
        pytest.param(40.0, 0.4, 2, 6.9171, 1024, SCRAMBLES, 0.015, marks=pytest.mark.slow),
        pytest.param(44.0, 0.2, 1, 1.1099, 2048, SCRAMBLES, 0.015, marks=pytest.mark.slow),
    ],
)
def test_american_put(
    spot: float, vol: float, years: int, exact: float, size: int, blocks: int, power: float
) -> None:
    found = price(american(years), EQUITY, equities([spot], vol, 0.06), size, blocks)
    check(found, exact, power, blocks=blocks)


@pytest.mark.parametrize(("size", "power"), [(256, 0.03), pytest.param(2048, 0.01, marks=pytest.mark.slow)])
def test_bermudan_max_call(size: int, power: float) -> None:
    model = equities([100.0, 100.0], 0.2, 0.05, 0.1)
    check(price(MAX_CALL, EQUITY, model, size), 13.9018, power, 0.0002)


def put_model(parameters: Tensor) -> EquityBasket:
    return EquityBasket.flat("USD", ("A",), parameters[:1], parameters[1:2], parameters[2])


def finite_differences(
    trade: AmericanOption, spot: float, vol: float, rate: float
) -> tuple[float, float, float]:
    """QuantLib's value, delta, gamma."""

    def day(at: np.datetime64) -> ql.Date:
        return ql.Date(str(at), "%Y-%m-%d")

    today, count = day(AS_OF), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    exercise = ql.BermudanExercise([day(d) for d in trade.exercise])
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, trade.strike), exercise)
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, r, count)) for r in (0.0, rate)]
    surface = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count))
    handle = ql.QuoteHandle(ql.SimpleQuote(spot))
    process = ql.BlackScholesMertonProcess(handle, *curves, surface)
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, 400, 400))
    return option.NPV(), option.delta(), option.gamma()


def quantlib_gradient(trade: AmericanOption, at: tuple[float, float, float]) -> list[float]:
    """Delta, vega, rho."""

    def slope(k: int, step: float) -> float:
        def value(sign: float) -> float:
            moved = [x + sign * step * (j == k) for j, x in enumerate(at)]
            return finite_differences(trade, *moved)[0]

        return (value(1.0) - value(-1.0)) / (2.0 * step)

    return [finite_differences(trade, *at)[1], slope(1, 0.004), slope(2, 0.002)]


@pytest.mark.parametrize(
    ("spot", "dates", "size", "power"),
    [
        (36.0, 4, 1024, 0.2),
        pytest.param(36.0, 12, 4096, 0.12, marks=pytest.mark.slow),
        pytest.param(44.0, 12, 4096, 0.12, marks=pytest.mark.slow),
    ],
)
def test_american_greeks_against_finite_differences(spot: float, dates: int, size: int, power: float) -> None:
    """Quarterly and monthly: delta, vega, rho by AD through the regression."""
    trade, at = american(1, dates), (spot, 0.2, 0.06)
    parameters = torch.tensor(at, dtype=torch.float64)
    model, blocks = put_model(parameters), 16
    training, fresh = both(trade, EQUITY, model, size, blocks)
    policy = train_policy(training, model)
    greeks = exercise_greeks(training, fresh, policy, put_model, parameters)
    value = finite_differences(trade, *at)[0]
    found = [
        ("value", greeks.price.value.value, greeks.price.value.error, value),
        *zip(
            ("delta", "vega", "rho"),
            greeks.gradient.value,
            greeks.gradient.error,
            quantlib_gradient(trade, at),
        ),
    ]
    for name, number, error, exact in found:
        bound = three_sigma(blocks) * float(error) + 0.01 * abs(exact)
        assert abs(float(number) - exact) <= bound, (name, number, error, exact)
        assert bound <= power * abs(exact), (name, number, error, exact)


def test_greeks_refuse_what_would_be_wrong() -> None:
    parameters = torch.tensor([36.0, 0.2, 0.06], dtype=torch.float64)
    model = put_model(parameters)
    training, _ = both(american(1, 4), EQUITY, model, 8, 4)
    policy = train_policy(training, model)
    with pytest.raises(DomainError, match="expected fresh paths"):
        exercise_greeks(training, training, policy, put_model, parameters)


def test_one_scramble_has_no_error() -> None:
    assert torch.isinf(Estimate.of(torch.ones(1, 2)).error).all()
