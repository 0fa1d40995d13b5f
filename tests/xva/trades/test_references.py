"""Every equity and exchange-rate product in one table: its price on the platform's paths against a number not from here.

Published numbers, QuantLib's closed forms, finite differences and Monte Carlo, and simulations in plain numpy
from the term sheets, with many more paths. Within three standard errors (Student, 32 scrambles, and the reference's own),
which are less than ``power`` relative to the price: what a case tells apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import QuantLib as ql
import torch
from scipy.optimize import brentq

from tests.support.path_trades import (
    AMERICAN_PUT,
    ASIAN_CALL,
    ASIAN_FX_PUT,
    BARRIER,
    BARRIER_KINDS,
    BASKET_CALL,
    CONTINUOUS_BARRIER,
    HIMALAYAN,
    NOTE,
    REDEMPTION,
    WORST_PUT,
)
from tests.support.path_world import AS_OF, CONTEXT, VOL
from tests.support.priced_cases import SCRAMBLES, Case, Rate, Rule, basket, prices
from tests.support.statistics import standard_error, three_sigma
from xva.models.equity_basket import EquityBasket
from xva.trades import (
    AmericanOption,
    AsianOption,
    Autocallable,
    BarrierOption,
    BasketOption,
    Himalayan,
    TargetRedemptionForward,
    WorstOfOption,
)
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths

YEAR = AS_OF + 365
TODAY, COUNT = ql.Date(15, 1, 2026), ql.Actual365Fixed()


# QuantLib


def _curve(rate: float) -> ql.YieldTermStructureHandle:
    return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, COUNT))


def process(spot: float, vol: float, rate: float, dividend: float = 0.0) -> ql.BlackScholesMertonProcess:
    ql.Settings.instance().evaluationDate = TODAY
    surface = ql.BlackConstantVol(TODAY, ql.NullCalendar(), vol, COUNT)
    handle = ql.QuoteHandle(ql.SimpleQuote(spot))
    return ql.BlackScholesMertonProcess(
        handle, _curve(dividend), _curve(rate), ql.BlackVolTermStructureHandle(surface)
    )


def processes(market: EquityBasket, rate: float) -> tuple[list[ql.BlackScholesMertonProcess], ql.Matrix]:
    every = zip(market.spots.tolist(), market.vols[0].tolist(), market.dividends.tolist())
    correlation = ql.Matrix([row.tolist() for row in market.correlation])
    return [process(spot, vol, rate, dividend) for spot, vol, dividend in every], correlation


def payoff(option_type: str, strike: float) -> ql.PlainVanillaPayoff:
    return ql.PlainVanillaPayoff(ql.Option.Call if option_type == "call" else ql.Option.Put, strike)


def ql_day(day: np.datetime64) -> ql.Date:
    return TODAY + int((day - AS_OF).astype(int))


# the cases


def european() -> Case:
    trade = replace(
        AMERICAN_PUT, underlying="EQ/A", option_type="call", quantity=1.0, exercise=(), expiry_date=YEAR
    )
    trade = replace(trade, settlement_lag="")
    always: Rule = lambda paths: torch.ones(1, paths.n_paths, dtype=torch.float64)  # noqa: E731
    return Case(
        trade, basket([100.0], [0.2], 0.05), 10.450583572185565, power=1e-4, rule=always, n_paths=16384
    )


def bermudan() -> Case:
    """Put with two dates, exercised on the first below the exact boundary: where Black-Scholes is the intrinsic value."""
    rate, vol, middle = 0.06, 0.2, AS_OF + 180
    trade = replace(
        AMERICAN_PUT, underlying="EQ/A", quantity=1.0, strike=40.0, expiry_date=YEAR, exercise=(middle,)
    )
    trade = replace(trade, settlement_lag="")
    ql.Settings.instance().evaluationDate = TODAY

    def waiting(spot: float) -> float:
        option = ql.VanillaOption(payoff("put", 40.0), ql.EuropeanExercise(TODAY + 185))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process(spot, vol, rate)))
        return float(option.NPV()) - (40.0 - spot)

    boundary = brentq(waiting, 25.0, 39.9)

    def rule(paths: Paths) -> torch.Tensor:
        early = (paths.equity("A", middle) < boundary).double()
        return torch.stack([early, 1.0 - early])

    dates = [TODAY + 180, TODAY + 365]
    option = ql.VanillaOption(payoff("put", 40.0), ql.BermudanExercise(dates))
    option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process(36.0, vol, rate), 800, 1600))
    return Case(trade, basket([36.0], [vol], rate), option.NPV(), 2e-5, 5e-4, rule=rule, n_paths=16384)


def asian() -> Case:
    """51 points of one year with S0. Dates are whole days: 10 each, the year stretched with its parameters."""
    days = tuple(AS_OF + 10 * k for k in range(51))
    stretch = 500.0 / 365.0
    trade = replace(ASIAN_CALL, underlying="EQ/A", quantity=1.0, averaging_dates=days, pay_date=None)
    market = basket([100.0], [0.2 / np.sqrt(stretch)], 0.05 / stretch)
    return Case(trade, market, 5.74266, 0.00004, 5e-4)


def asian_rate() -> Case:
    rate = Rate(1.2, 0.04, 0.015)
    trade = replace(ASIAN_FX_PUT, side="long", quantity=100.0, weights=())
    days = [ql_day(day) for day in trade.averaging_dates]
    option = ql.DiscreteAveragingAsianOption(
        ql.Average.Arithmetic, 0.0, 0, days, payoff("put", 1.2), ql.EuropeanExercise(days[-1])
    )
    engine = ql.MCDiscreteArithmeticAPEngine(
        process(1.2, VOL, rate.domestic, rate.foreign), "pr", False, True, True, 100_000, seed=3
    )
    option.setPricingEngine(engine)
    return Case(trade, rate, 100.0 * option.NPV(), 100.0 * option.errorEstimate(), 1e-3)


def basket_call() -> Case:
    trade = replace(
        BASKET_CALL,
        underlyings=("EQ/A", "EQ/B", "EQ/C"),
        weights=(1 / 3,) * 3,
        quantity=1.0,
        expiry_date=YEAR,
        pay_date=None,
    )
    market = basket([100.0, 105.0, 95.0], [0.20, 0.25, 0.18], 0.05, 0.5)
    return Case(trade, market, 9.4447, 0.0001, 2e-4, n_paths=8192)


def barrier_on_dates() -> Case:
    days = tuple(AS_OF + 4 * k for k in range(1, 101))
    stretch = 400.0 / 365.0
    trade = replace(
        BARRIER,
        underlying="EQ/A",
        quantity=1.0,
        monitoring_dates=days,
        expiry_date=days[-1],
        rebate=0.0,
        pay_date=None,
    )
    market = basket([100.0], [0.2 / np.sqrt(stretch)], 0.05 / stretch)
    return Case(trade, market, 9.0457, 0.0002, 6e-3)


def barrier_bridged(report: tuple[np.datetime64, ...]) -> Case:
    trade = replace(CONTINUOUS_BARRIER, underlying="EQ/A", quantity=1.0, expiry_date=YEAR, rebate=0.0)
    return Case(
        trade,
        basket([100.0], [0.2], 0.05),
        8.665471658,
        power=1e-3,
        report=report,
        n_paths=4096 if report else 16384,
    )


def barrier(kind: str, option_type: str, rate: bool = False) -> Case:
    """Of all eight; the rebate at expiry is that of QuantLib's "in", and the rest of its present value for an "out"."""
    spot, level, strike = 100.0, 115.0 if kind.startswith("up") else 88.0, 102.0
    home, away, rebate, days = 0.04, 0.025, 2.0, 300
    kinds = {
        "up-and-in": ql.Barrier.UpIn,
        "up-and-out": ql.Barrier.UpOut,
        "down-and-in": ql.Barrier.DownIn,
        "down-and-out": ql.Barrier.DownOut,
    }

    def exact(name: str, paid: float) -> float:
        terms = payoff(option_type, strike), ql.EuropeanExercise(TODAY + days)
        option = ql.BarrierOption(kinds[name], level, paid, *terms)
        option.setPricingEngine(ql.AnalyticBarrierEngine(process(spot, VOL, home, away)))
        return float(option.NPV())

    inwards = kind.replace("out", "in")
    waiting = exact(inwards, rebate) - exact(inwards, 0.0)
    whole = rebate * np.exp(-home * days / 365)
    value = exact(kind, 0.0) + (waiting if kind.endswith("in") else whole - waiting)
    trade = replace(
        CONTINUOUS_BARRIER,
        underlying="FX/EUR/USD" if rate else "EQ/A",
        barrier_type=kind,
        option_type=option_type,
        quantity=1.0,
        strike=strike,
        barrier=level,
        expiry_date=AS_OF + days,
        rebate=rebate,
    )
    equity = basket([spot], [VOL], home, dividends=[away])
    market = Rate(spot, home, away) if rate else equity
    report = (AS_OF + 110, AS_OF + 200)
    return Case(trade, market, value, power=1.5e-3, report=report, n_paths=8192)


def two_assets(measure: str, option_type: str) -> Case:
    rate = 0.03
    market = basket([100.0, 50.0], [0.2, 0.3], rate, 0.4, [0.01, 0.02])
    trade = replace(
        WORST_PUT,
        underlyings=("EQ/A", "EQ/B"),
        initial_prices=(100.0, 50.0),
        measure=measure,
        option_type=option_type,
        notional=100.0,
        strike=1.02,
        expiry_date=YEAR,
    )
    kind = ql.MinBasketPayoff if measure == "worst" else ql.MaxBasketPayoff
    option = ql.BasketOption(kind(payoff(option_type, 102.0)), ql.EuropeanExercise(TODAY + 365))
    scaled = [process(100.0, 0.2, rate, 0.01), process(100.0, 0.3, rate, 0.02)]  # performances times 100
    option.setPricingEngine(ql.StulzEngine(*scaled, 0.4))
    return Case(trade, market, option.NPV(), power=5e-4, n_paths=8192)


def himalayan() -> Case:
    rate = 0.03
    market = basket([100.0, 100.0, 100.0], [0.2, 0.3, 0.25], rate, 0.3, [0.0, 0.02, 0.01])
    trade = replace(HIMALAYAN, initial_prices=(100.0,) * 3, notional=100.0)
    option = ql.HimalayaOption([ql_day(day) for day in trade.measurement_dates], 100.0)
    every, correlation = processes(market, rate)
    array = ql.StochasticProcessArray(every, correlation)
    option.setPricingEngine(ql.MCPRHimalayaEngine(array, False, True, 120_000, seed=5))
    return Case(trade, market, option.NPV(), option.errorEstimate(), 1e-2)


def himalayan_by_hand() -> Case:
    """Path by path in plain numpy: sort out the best of those left."""
    case, rate, n = himalayan(), 0.03, 400_000
    market, trade = case.market, case.trade
    assert isinstance(market, EquityBasket)
    generator, logs = np.random.default_rng(10), np.zeros((3, n))
    factor = np.linalg.cholesky(market.correlation.numpy())
    vols, yields = market.vols[0].numpy()[:, None], market.dividends.numpy()[:, None]
    gone, measured, before = np.zeros((3, n), dtype=bool), np.zeros(n), 0.0
    for day in HIMALAYAN.measurement_dates:
        years, before = CONTEXT.time(day) - before, CONTEXT.time(day)
        moves = factor @ generator.standard_normal((3, n))
        logs += (rate - yields - vols**2 / 2) * years + vols * np.sqrt(years) * moves
        best = np.where(gone, -np.inf, logs).argmax(axis=0)
        measured += np.exp(logs[best, np.arange(n)]) / 3.0
        gone[best, np.arange(n)] = True
    value = 100.0 * np.maximum(measured - 1.0, 0.0) * np.exp(-rate * before)
    return Case(trade, market, float(value.mean()), float(value.std() / np.sqrt(n)), 1e-2)


def autocallable(daily: bool) -> Case:
    """Term sheet in plain numpy: paths one date at a time, booleans, every case spelled out."""
    rate, rho, vols, yields = 0.03, 0.4, np.array([0.25, 0.3]), np.array([0.01, 0.02])
    base = NOTE
    if daily:
        days = (AS_OF + 28, AS_OF + 56, AS_OF + 84)
        base = replace(base, valuation_dates=days, call_levels=(1.0, 0.98), pay_dates=(), coupon_rate=0.02)
        base = replace(base, knock_in_watch="daily", start_date=AS_OF, knock_in=0.85, coupon_barrier=0.93)
    looks = base.observation_dates(CONTEXT)
    generator = np.random.default_rng(8)
    factor = np.linalg.cholesky([[1.0, rho], [rho, 1.0]])
    halves = []
    for _ in range(4):
        n = 50_000 if daily else 200_000
        logs, before = np.zeros((2, n)), 0.0
        dead, knocked = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        missed, value = np.zeros(n, dtype=int), np.zeros(n)
        paid = dict(zip(base.valuation_dates, base.pay_dates or base.valuation_dates))
        for day in looks:
            years = CONTEXT.time(day) - before
            before = CONTEXT.time(day)
            moves = factor @ generator.standard_normal((2, n))
            logs += (rate - yields - vols**2 / 2)[:, None] * years + vols[:, None] * np.sqrt(years) * moves
            worst = np.exp(logs.min(axis=0))
            knocked |= worst <= base.knock_in
            if day not in paid:
                continue
            discount = np.exp(-rate * CONTEXT.time(paid[day]))
            coupon = ~dead & (worst >= base.coupon_barrier)
            value += np.where(coupon, (missed + 1) * base.coupon_rate, 0.0) * discount
            missed = np.where(coupon, 0, missed + 1)
            if day == base.valuation_dates[-1]:
                value += np.where(dead, 0.0, np.where(knocked & (worst < 1.0), worst, 1.0)) * discount
            else:
                called = ~dead & (worst >= base.call_levels[base.valuation_dates.index(day)])
                value += called * discount
                dead |= called
        halves.append((1000.0 * value.mean(), 1000.0 * value.std() / np.sqrt(n)))
    mean = float(np.mean([m for m, _ in halves]))
    error = float(np.sqrt(np.sum([e**2 for _, e in halves])) / len(halves))
    market = basket([100.0, 50.0], vols.tolist(), rate, rho, yields.tolist())
    return Case(base, market, mean, error, 1.5e-3, n_paths=512 if daily else 2048)


def target(last_payment: str, direction: str) -> Case:
    """Term sheet in plain numpy, strip by strip."""
    rate = Rate(1.25, 0.04, 0.015)
    days = tuple(AS_OF + 30 * k for k in range(1, 9))
    trade = replace(
        REDEMPTION, fixing_dates=days, target=0.15, last_payment=last_payment, direction=direction
    )
    n, generator = 500_000, np.random.default_rng(9)
    spot, profit, dead, value = np.full(n, rate.spot), np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n)
    for k in range(1, 9):
        years = 30 / 365
        noise = generator.standard_normal(n)
        drift = (rate.domestic - rate.foreign - VOL**2 / 2) * years
        spot *= np.exp(drift + VOL * np.sqrt(years) * noise)
        gain = spot - trade.strike if direction == "buy" else trade.strike - spot
        over = profit + np.maximum(gain, 0.0) >= trade.target
        cut = {"full": gain, "exact": trade.target - profit, "none": 0.0}[last_payment]
        amount = np.where(gain > 0.0, np.where(over, cut, gain), trade.leverage * gain)
        value += np.where(dead, 0.0, amount) * np.exp(-rate.domestic * k * years)
        profit += np.maximum(gain, 0.0)
        dead |= over
    value *= trade.notional
    return Case(trade, rate, float(value.mean()), float(value.std() / np.sqrt(n)), 1e-2)


SPLIT = (AS_OF + 100, AS_OF + 240)
CASES: dict[type[PathTrade], dict[str, Callable[[], Case]]] = {
    AmericanOption: {
        "one date: Black-Scholes": european,
        "two dates: QuantLib's finite differences": bermudan,
    },
    AsianOption: {"published": asian, "on a rate: QuantLib's Monte Carlo": asian_rate},
    BasketOption: {"published": basket_call},
    BarrierOption: {
        "100 dates: published": barrier_on_dates,
        "one bridge: published": partial(barrier_bridged, ()),
        "three bridges: published": partial(barrier_bridged, SPLIT),
        **{f"{kind} {what}: QuantLib": partial(barrier, kind, what) for kind, what in BARRIER_KINDS},
        "on a rate: QuantLib": partial(barrier, "up-and-out", "put", True),
    },
    WorstOfOption: {
        f"{measure} of two, {what}: Stulz in QuantLib": partial(two_assets, measure, what)
        for measure in ("worst", "best")
        for what in ("call", "put")
    },
    Himalayan: {"QuantLib's Monte Carlo": himalayan, "plain numpy": himalayan_by_hand},
    Autocallable: {
        "plain numpy": partial(autocallable, False),
        "watched daily, plain numpy": partial(autocallable, True),
    },
    TargetRedemptionForward: {
        f"{last}, {direction}: plain numpy": partial(target, last, direction)
        for last, direction in (("full", "buy"), ("exact", "sell"), ("none", "buy"))
    },
}


@pytest.mark.parametrize(
    ("product", "name"), [(product, name) for product, cases in CASES.items() for name in cases]
)
def test_price(product: type[PathTrade], name: str) -> None:
    case = CASES[product][name]()
    assert type(case.trade) is product
    found = prices(case)
    own = standard_error(found)
    error = float(np.hypot(own, case.error))
    bound = three_sigma(SCRAMBLES) * error
    assert bound < case.power * abs(case.exact), f"no power: {bound / abs(case.exact):.2e}"
    assert abs(found.mean() - case.exact) <= bound, (found.mean(), case.exact, own, case.error)
