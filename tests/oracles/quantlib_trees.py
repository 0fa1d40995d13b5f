"""QuantLib's trees and grids on a flat market.

Three habits of QuantLib's that a comparison to 1e-10 has to know:

- its process takes drifts from forward rates over 1e-4 years, which rounds rates to about 1e-12: `rates_seen`;
- its American option is exercisable while ``time <= expiry``, but the last time of its grid is ``(T / steps) * steps``. Where
  that rounds below T, exercise at expiry is lost (an American option then costs less than the European): `expires_well`;
- its Peizer-Pratt inversion takes 1 - exp(-x) for tiny x, which loses up to half the digits near d1 = 0 or d2 = 0: `centred`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import QuantLib as ql
import torch

from xva.options.lattice.options import LatticeOptions

_TODAY = ql.Date(2, 1, 2026)
_DAYS = ql.Actual365Fixed()


@dataclass(frozen=True)
class Terms:
    spot: float
    strike: float
    rate: float
    dividend: float
    vol: float
    days: int
    sign: int
    american: bool

    @property
    def expiry(self) -> float:
        return self.days / 365.0

    def moved(self, **changes: float) -> Terms:
        return replace(self, **changes)  # type: ignore[arg-type]


def options(*terms: Terms, dtype: torch.dtype = torch.float64) -> LatticeOptions:
    names = ("spot", "strike", "rate", "dividend", "vol", "expiry", "sign", "american")
    columns = {n: torch.tensor([getattr(t, n) for t in terms], dtype=torch.float64) for n in names}
    return LatticeOptions.of(**columns, dtype=dtype)  # type: ignore[arg-type]


def expires_well(days: int, steps: int) -> bool:
    expiry = days / 365.0
    return (expiry / steps) * steps >= expiry


def centred(terms: Terms) -> bool:
    deviation = terms.vol * math.sqrt(terms.expiry)
    carry = (terms.rate - terms.dividend) * terms.expiry
    middle = (math.log(terms.spot / terms.strike) + carry) / deviation
    return min(abs(middle - deviation / 2), abs(middle + deviation / 2)) < 0.02


def rates_seen(terms: Terms) -> Terms:
    """With the rate that QuantLib discounts by, and the dividend that leaves the carry it drifts by."""
    rate, carry = _zero_rate(terms.rate, terms.days), 0.0
    for sign, level in ((1.0, rate), (-1.0, _zero_rate(terms.dividend, terms.days))):
        forward = ql.FlatForward(_TODAY, level, _DAYS).forwardRate(
            0.0, 1e-4, ql.Continuous, ql.NoFrequency, True
        )
        carry += sign * forward.rate()
    return terms.moved(rate=rate, dividend=rate - carry)


def tree_value(terms: Terms, steps: int, name: str = "crr") -> float:
    process, option = _process_and_option(terms)
    option.setPricingEngine(ql.BinomialVanillaEngine(process, name, steps))
    return float(option.NPV())


def integral_equation(terms: Terms) -> float:
    """American option by the integral equation of its boundary (Andersen, Lake and Offengenden 2016): no tree."""
    process, option = _process_and_option(terms)
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    return float(option.NPV())


@cache
def grid_greeks(terms: Terms, times: int = 800, places: int = 1600, bump: float = 0.005) -> dict[str, float]:
    """Value, delta, gamma and theta of a finite-difference grid, and by bumping its vol vega, vanna and volga.

    On half this grid volga at the edge of `test_greeks` still moves by 0.5 % of its largest.
    """
    found = []
    for shift in (-bump, 0.0, bump):
        process, option = _process_and_option(terms.moved(vol=terms.vol + shift))
        option.setPricingEngine(ql.FdBlackScholesVanillaEngine(process, times, places))
        found.append((option.NPV(), option.delta(), option.gamma(), option.theta()))
    (low, delta_low, *_), (value, delta, gamma, theta), (high, delta_high, *_) = found
    return {
        "value": value,
        "delta": delta,
        "vega": (high - low) / (2.0 * bump),
        "theta": theta,
        "gamma": gamma,
        "vanna": (delta_high - delta_low) / (2.0 * bump),
        "volga": (high - 2.0 * value + low) / bump**2,
    }


def _zero_rate(level: float, days: int) -> float:
    curve = ql.FlatForward(_TODAY, level, _DAYS)
    return float(curve.zeroRate(_TODAY + days, _DAYS, ql.Continuous, ql.NoFrequency).rate())


def _process_and_option(terms: Terms) -> tuple[ql.BlackScholesMertonProcess, ql.VanillaOption]:
    ql.Settings.instance().evaluationDate = _TODAY
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(terms.spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(_TODAY, terms.dividend, _DAYS)),
        ql.YieldTermStructureHandle(ql.FlatForward(_TODAY, terms.rate, _DAYS)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(_TODAY, ql.NullCalendar(), terms.vol, _DAYS)),
    )
    end = _TODAY + terms.days
    exercise = ql.AmericanExercise(_TODAY, end) if terms.american else ql.EuropeanExercise(end)
    kind = ql.Option.Call if terms.sign > 0 else ql.Option.Put
    return process, ql.VanillaOption(ql.PlainVanillaPayoff(kind, terms.strike), exercise)
