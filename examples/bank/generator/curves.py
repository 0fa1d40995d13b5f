"""Rough curves, only good enough to strike trades near the market (the platform builds its own)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from generator import levels as lv


def years_of(tenor: str) -> float:
    """``"3M"`` to 0.25."""
    return int(tenor[:-1]) * {"D": 1 / 365, "W": 7 / 365, "M": 1 / 12, "Y": 1.0}[tenor[-1]]


def years_to(day: date) -> float:
    return (day - lv.AS_OF).days / 365.0


@dataclass(frozen=True)
class Curve:
    """Discount factors at whole years, log-linear between and flat-forward beyond 30 years."""

    log_discounts: np.ndarray

    def discount(self, t: float) -> float:
        last = len(self.log_discounts) - 1
        if t <= last:
            return float(np.exp(np.interp(t, np.arange(last + 1), self.log_discounts)))
        slope = self.log_discounts[-1] - self.log_discounts[-2]
        return float(np.exp(self.log_discounts[-1] + slope * (t - last)))

    def par_rate(self, start: float, end: float) -> float:
        """Par rate of an annual swap from ``start`` (0 if begun) to ``end``."""
        start = max(start, 0.0)
        periods = max(1, round(end - start))
        times = np.linspace(start, end, periods + 1)
        discounts = np.array([self.discount(t) for t in times])
        return float((discounts[0] - discounts[-1]) / (np.diff(times) @ discounts[1:]))


@cache
def overnight_curve(ccy: str) -> Curve:
    """Annual bootstrap of the linearly interpolated overnight par rates."""
    strip = lv.OIS_PCT[ccy]
    rates = np.interp(np.arange(1, 31), [years_of(t) for t in strip], [r / 100 for r in strip.values()])
    discounts = [1.0]
    for rate in rates:
        discounts.append((1.0 - rate * sum(discounts[1:])) / (1.0 + rate))
    return Curve(np.log(discounts))


def par_rate(index: str, start: float, end: float) -> float:
    """Par fixed rate against ``index``."""
    ccy = index[:3]
    rate = overnight_curve(ccy).par_rate(start, end)
    if "EURIBOR" in index:
        strip = lv.EURIBOR_PCT[index[-2:]]
        ois = lv.OIS_PCT[ccy]
        over = np.interp(end, [years_of(t) for t in strip], list(strip.values()))
        rate += (over - np.interp(end, [years_of(t) for t in ois], list(ois.values()))) / 100
    return rate


def fx_forward(base: str, quote: str, t: float) -> float:
    """Units of ``quote`` per ``base`` at ``t``; overnight curves only, the basis is left out."""
    spot = lv.FX.get(quote, 1.0) / lv.FX.get(base, 1.0)
    return spot * overnight_curve(base).discount(t) / overnight_curve(quote).discount(t)


def equity_forward(name: str, t: float) -> float:
    ccy, spot, dividend, _ = lv.EQUITIES[name]
    return spot * float(np.exp(-dividend * t)) / overnight_curve(ccy).discount(t)
