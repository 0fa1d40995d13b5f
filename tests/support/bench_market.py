"""One market twice: as our curves and as QuantLib's, from the same discount factors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import QuantLib as ql
import torch
from torch import Tensor

from xva.market.conventions import STANDARD_INDICES
from xva.market.curves import DiscountCurve

DAYS = np.concatenate([np.arange(30, 400, 30), np.arange(420, 15000, 91)])
RATES = {  # level and slope of the zero rate
    "EUR": (0.021, 0.0004),
    "USD": (0.038, 0.0002),
    "GBP": (0.036, 0.0003),
    "JPY": (0.004, 0.0006),
    "EUR-ESTR": (0.020, 0.0004),
    "EUR-EURIBOR-3M": (0.0225, 0.0005),
    "EUR-EURIBOR-6M": (0.024, 0.0005),
    "USD-SOFR": (0.0395, 0.0002),
    "GBP-SONIA": (0.0365, 0.0003),
    "JPY-TONA": (0.0045, 0.0006),
}
INDICES = tuple(name for name in RATES if name in STANDARD_INDICES)
SPOT = {"EUR": 1.0, "USD": 0.86, "GBP": 1.15, "JPY": 0.0057}
PAST = np.arange(np.datetime64("2019-01-01"), np.datetime64("2026-12-31"))
QL_CURRENCY = {
    "EUR": ql.EURCurrency(),
    "USD": ql.USDCurrency(),
    "GBP": ql.GBPCurrency(),
    "JPY": ql.JPYCurrency(),
}


@dataclass(frozen=True)
class BenchMarket:
    """The methods of `xva.market.Market` that linear claims use; rates optionally a leaf."""

    level: Tensor
    discounting: str = ""

    def _curve(self, name: str) -> DiscountCurve:
        times = DAYS / 365.0
        low, slope = RATES[name]
        t = torch.from_numpy(times)
        return DiscountCurve(name, times, -(low + self.level + slope * t) * t)

    def discount_curve(self, currency: str) -> DiscountCurve:
        return self._curve(self.discounting or currency)

    def projection_curve(self, index: str) -> DiscountCurve:
        return self._curve(index)

    def fx_spot(self, currency: str) -> Tensor:
        return torch.tensor(SPOT[currency], dtype=torch.float64)

    def equity_spot(self, name: str) -> Tensor:
        return torch.tensor(87.5, dtype=torch.float64)

    def equity_currency(self, name: str) -> str:
        return "USD"

    def dividend_yield(self, name: str) -> Tensor:
        return torch.tensor(0.017, dtype=torch.float64)


def market() -> BenchMarket:
    return BenchMarket(torch.zeros((), dtype=torch.float64))


def rate_fixing(name: str, day: np.datetime64) -> float:
    low, _ = RATES[name]
    return low - 0.003 + 0.002 * np.sin(float(day.astype(int)) / 17.0)


def fixings(names: tuple[str, ...] = INDICES, until: str = "2026-12-31") -> dict[tuple[str, str], float]:
    """Fixings of every calendar day before ``until``; FX ones for USD, GBP and JPY per EUR."""
    days = PAST[np.datetime64(until) > PAST]
    known = {(name, str(day)): rate_fixing(name, day) for name in names for day in days}
    for ccy in ("USD", "GBP", "JPY"):
        for day in days:
            known[f"FX/EUR/{ccy}", str(day)] = (1.0 + 0.05 * np.sin(float(day.astype(int)) / 90.0)) / SPOT[
                ccy
            ]
    return known


def ql_date(day: np.datetime64) -> Any:
    return ql.Date(str(day), "%Y-%m-%d")


def ql_curve(as_of: np.datetime64, name: str) -> Any:
    factors = market()._curve(name).discount(DAYS / 365.0).tolist()
    dates = [ql_date(as_of), *(ql_date(as_of + int(d)) for d in DAYS)]
    curve = ql.DiscountCurve(dates, [1.0, *factors], ql.Actual365Fixed())
    curve.enableExtrapolation()
    return ql.YieldTermStructureHandle(curve)


_QL_INDICES = {
    "EUR-ESTR": ql.Estr,
    "EUR-EURIBOR-3M": ql.Euribor3M,
    "EUR-EURIBOR-6M": ql.Euribor6M,
    "USD-SOFR": ql.Sofr,
    "GBP-SONIA": ql.Sonia,
    "JPY-TONA": ql.Tonar,
}


def ql_index(as_of: np.datetime64, name: str) -> Any:
    """QuantLib's own index on the same projection curve, with the fixings before ``as_of``."""
    index = _QL_INDICES[name](ql_curve(as_of, name))
    for day in PAST[as_of > PAST]:
        if index.isValidFixingDate(ql_date(day)):
            index.addFixing(ql_date(day), rate_fixing(name, day), True)
    return index


CALENDARS = {
    "TARGET": ql.TARGET(),
    "US": ql.UnitedStates(ql.UnitedStates.SOFR),
    "UK": ql.UnitedKingdom(),
    "JP": ql.Japan(),
}


def ql_calendar(name: str) -> Any:
    parts = [CALENDARS[part] for part in name.split("+")]
    return parts[0] if len(parts) == 1 else ql.JointCalendar(*parts)


def ql_schedule(start: np.datetime64, end: np.datetime64, tenor: str, calendar: str) -> Any:
    roll = ql.ModifiedFollowing
    rule = ql.DateGeneration.Backward
    return ql.Schedule(
        ql_date(start), ql_date(end), ql.Period(tenor), ql_calendar(calendar), roll, roll, rule, False
    )


@contextmanager
def quantlib_on(as_of: np.datetime64) -> Iterator[None]:
    """QuantLib's global date for the time of a test; fixings are forgotten after."""
    settings = ql.Settings.instance()
    before = settings.evaluationDate
    settings.evaluationDate = ql_date(as_of)
    try:
        yield
    finally:
        settings.evaluationDate = before
        ql.IndexManager.instance().clearHistories()
