"""Underlying swaps of the calibration strip against QuantLib's quoted swap indices: whole schedules, not prices."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from xva.market.conventions import STANDARD_INDICES
from xva.market.indices import RateIndex
from xva.models.swaption_strip import strip_swap

AS_OF = np.datetime64("2026-01-15")
CURVE = ql.YieldTermStructureHandle(ql.FlatForward(ql.Date(15, 1, 2026), 0.02, ql.Actual365Fixed()))
TEN = ql.Period("10Y")
CASES = {  # QuantLib's yen swap counts ACT/ACT, where the market quotes ACT/365: not here
    "EUR": (STANDARD_INDICES["EUR-EURIBOR-6M"], ql.EuriborSwapIsdaFixA(TEN, CURVE)),
    "USD": (RateIndex("USD-IBOR-3M", "USD", "3M", "US", "A360", 2), ql.UsdLiborSwapIsdaFixAm(TEN, CURVE)),
    "GBP": (RateIndex("GBP-IBOR-6M", "GBP", "6M", "UK", "A365"), ql.GbpLiborSwapIsdaFix(TEN, CURVE)),
}


@pytest.mark.parametrize("currency", CASES)
@pytest.mark.parametrize("expiry", [1.0, 3.0])
def test_the_fixed_leg_is_the_one_that_the_market_quotes(currency: str, expiry: float) -> None:
    """A strip that were annual or 30E/360 everywhere has other periods."""
    index, quoted = CASES[currency]
    end = np.datetime64("2036-01-31")  # where 30/360 and 30E/360 count another number of days
    strip = strip_swap(AS_OF, index, expiry, end)
    home = {"EUR": ql.TARGET(), "USD": ql.UnitedStates(ql.UnitedStates.SOFR), "GBP": ql.UnitedKingdom()}[
        currency
    ]
    exercise = home.adjust(ql.Date(15, 1, 2026) + round(365 * expiry), ql.Following)
    start = home.advance(exercise, index.fixing_lag, ql.Days)
    schedule = ql.Schedule(
        start, ql.Date(31, 1, 2036), quoted.fixedLegTenor(), home, ql.ModifiedFollowing, ql.ModifiedFollowing,
        ql.DateGeneration.Backward, False,
    )  # fmt: skip
    days = list(schedule)
    accrual = [quoted.dayCounter().yearFraction(a, b) for a, b in zip(days, days[1:])]
    np.testing.assert_allclose(strip.fixed_accrual, accrual, rtol=1e-14)
    pay = [(d - ql.Date(15, 1, 2026)) / 365.0 for d in days[1:]]
    np.testing.assert_allclose(strip.fixed_pay, pay, rtol=1e-14)
    assert strip.expiry == (exercise - ql.Date(15, 1, 2026)) / 365.0
