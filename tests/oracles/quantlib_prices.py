"""The same options by QuantLib, one number at a time; expiries in whole days (Actual/365)."""

from __future__ import annotations

import QuantLib as ql
import torch
from torch import Tensor

TODAY = ql.Date(15, 1, 2026)
COUNT = ql.Actual365Fixed()
YEAR = 365


def numbers(*values: float) -> list[Tensor]:
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def five_point(price, x: float, h: float) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """First and second derivative of a price by differences of fourth order."""
    down2, down, mid, up, up2 = (price(x + k * h) for k in (-2, -1, 0, 1, 2))
    first = (down2 - 8 * down + 8 * up - up2) / (12 * h)
    return first, (-down2 + 16 * down - 30 * mid + 16 * up - up2) / (12 * h * h)


def _flat(rate: float) -> ql.YieldTermStructureHandle:
    return ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, COUNT))


def _process(spot: float, rate: float, dividend: float, vol: float) -> ql.BlackScholesMertonProcess:
    ql.Settings.instance().evaluationDate = TODAY
    surface = ql.BlackConstantVol(TODAY, ql.NullCalendar(), vol, COUNT)
    return ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        _flat(dividend),
        _flat(rate),
        ql.BlackVolTermStructureHandle(surface),
    )


def _payoff(sign: int, strike: float) -> ql.PlainVanillaPayoff:
    return ql.PlainVanillaPayoff(ql.Option.Call if sign == 1 else ql.Option.Put, strike)


def _exercise(days: int) -> ql.EuropeanExercise:
    return ql.EuropeanExercise(TODAY + days)


def european(spot, strike, days, rate, vol, dividend, sign) -> ql.VanillaOption:  # type: ignore[no-untyped-def]
    option = ql.VanillaOption(_payoff(sign, strike), _exercise(days))
    option.setPricingEngine(ql.AnalyticEuropeanEngine(_process(spot, rate, dividend, vol)))
    return option


def barrier(  # type: ignore[no-untyped-def]
    spot, strike, level, days, rate, vol, dividend, rebate, kind, sign
) -> float:
    kinds = {
        "down-and-in": ql.Barrier.DownIn,
        "down-and-out": ql.Barrier.DownOut,
        "up-and-in": ql.Barrier.UpIn,
        "up-and-out": ql.Barrier.UpOut,
    }
    option = ql.BarrierOption(kinds[kind], level, rebate, _payoff(sign, strike), _exercise(days))
    option.setPricingEngine(ql.AnalyticBarrierEngine(_process(spot, rate, dividend, vol)))
    return float(option.NPV())


def two_assets(  # type: ignore[no-untyped-def]
    spots, strike, days, rate, vols, correlation, dividends, sign, best
) -> float:
    payoff = _payoff(sign, strike)
    basket = ql.MaxBasketPayoff(payoff) if best == 1 else ql.MinBasketPayoff(payoff)
    option = ql.BasketOption(basket, _exercise(days))
    assets = [_process(s, rate, q, v) for s, q, v in zip(spots, dividends, vols)]
    option.setPricingEngine(ql.StulzEngine(*assets, correlation))
    return float(option.NPV())


def exchange(spots, days, rate, vols, correlation, dividends) -> float:  # type: ignore[no-untyped-def]
    option = ql.MargrabeOption(1, 1, _exercise(days))
    assets = [_process(s, rate, q, v) for s, q, v in zip(spots, dividends, vols)]
    option.setPricingEngine(ql.AnalyticEuropeanMargrabeEngine(*assets, correlation))
    return float(option.NPV())


def geometric(  # type: ignore[no-untyped-def]
    spot, strike, days, fixing_days, rate, vol, dividend, sign, fixed=(1.0, 0)
) -> float:
    option = ql.DiscreteAveragingAsianOption(
        ql.Average.Geometric,
        fixed[0],
        fixed[1],
        [TODAY + d for d in fixing_days],
        _payoff(sign, strike),
        _exercise(days),
    )
    process = _process(spot, rate, dividend, vol)
    option.setPricingEngine(ql.AnalyticDiscreteGeometricAveragePriceAsianEngine(process))
    return float(option.NPV())


def geometric_continuous(spot, strike, days, rate, vol, dividend, sign) -> float:  # type: ignore[no-untyped-def]
    option = ql.ContinuousAveragingAsianOption(ql.Average.Geometric, _payoff(sign, strike), _exercise(days))
    process = _process(spot, rate, dividend, vol)
    option.setPricingEngine(ql.AnalyticContinuousGeometricAveragePriceAsianEngine(process))
    return float(option.NPV())


def heston(spot, strike, days, rate, dividend, variance, kappa, theta, xi, rho, sign) -> float:  # type: ignore[no-untyped-def]
    ql.Settings.instance().evaluationDate = TODAY
    quote = ql.QuoteHandle(ql.SimpleQuote(spot))
    process = ql.HestonProcess(_flat(rate), _flat(dividend), quote, variance, kappa, theta, xi, rho)
    option = ql.VanillaOption(_payoff(sign, strike), _exercise(days))
    option.setPricingEngine(ql.AnalyticHestonEngine(ql.HestonModel(process), 1e-13, 1_000_000))
    return float(option.NPV())
