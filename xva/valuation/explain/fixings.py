"""Fixings as a market expects them: what passage of time brings before anybody knows how they came out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xva import dates
from xva.errors import MarketDataError
from xva.market.indices import RateIndex
from xva.market.market import Market

Fixings = Mapping[tuple[str, str], float]


def expected_fixings(
    market: Market, indices: Mapping[str, RateIndex], before: Fixings, after: Fixings, until: np.datetime64
) -> dict[tuple[str, str], float]:
    """``after`` with every fixing that happened from the market's date to ``until`` as its forward on that market.

    Fixings that ``before`` knows already keep their value there. One that the market has no curve or price for is taken as it
    came out.
    """
    found = {**after, **before}
    for (name, day), actual in after.items():
        when = np.datetime64(day, "D")
        if (name, day) not in before and market.as_of <= when <= until:
            found[name, day] = _forward(market, indices, name, when, actual)
    return found


def _forward(
    market: Market, indices: Mapping[str, RateIndex], name: str, day: np.datetime64, actual: float
) -> float:
    try:
        if name.startswith("FX/"):
            base, quote = name.split("/")[1:]
            return _deliverable(market, base, day) / _deliverable(market, quote, day)
        if name.startswith("EQ/"):
            return _equity(market, name.removeprefix("EQ/"), day)
        return _rate(market, indices[name], day)
    except (MarketDataError, KeyError):
        return actual


def _discount(market: Market, currency: str, day: np.datetime64) -> float:
    time = np.array([dates.years(market.as_of, day)])
    return float(market.discount_curve(currency).discount(time).detach()[0])


def _deliverable(market: Market, currency: str, day: np.datetime64) -> float:
    """Value today of one unit of a currency on ``day``."""
    return float(market.fx_spot(currency).detach()) * _discount(market, currency, day)


def _equity(market: Market, name: str, day: np.datetime64) -> float:
    time, currency = float(dates.years(market.as_of, day)), market.equity_currency(name)
    spot, carry = float(market.equity_spot(name).detach()), float(market.dividend_yield(name).detach())
    return spot * float(np.exp(-carry * time)) / _discount(market, currency, day)


def _rate(market: Market, index: RateIndex, day: np.datetime64) -> float:
    start = dates.business_days(day, index.fixing_lag, index.calendar)
    if index.overnight:
        end = dates.business_days(start, 1, index.calendar)
    else:
        end = dates.advance(start, index.tenor, index.calendar)
    ends = np.array([dates.years(market.as_of, start), dates.years(market.as_of, end)])
    first, last = market.projection_curve(index.name).discount(ends).detach().numpy()
    return float((first / last - 1.0) / dates.year_fraction(index.day_count, start, end))
