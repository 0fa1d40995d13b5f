"""Fixings as a market expects them: what passage of time brings before anybody knows how they came out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xva.errors import DomainError, MarketDataError
from xva.exposure.market_fixings import market_fixing
from xva.market import Market
from xva.market.indices import RateIndex

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
            try:
                found[name, day] = market_fixing(market, indices, name, when)
            except (DomainError, MarketDataError):
                found[name, day] = actual
    return found
