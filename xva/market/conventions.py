"""The market's conventions by currency, in one table: calendars, FX spot lags, rate indices, quoted swaps, FX points.

A currency is one row of `TABLE`; what a row leaves out, and every currency without a row, has the defaults of
`CurrencyConvention`. No other module has a table by currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from xva import dates
from xva.market.indices import RateIndex

BASIS_FREQUENCY = "3M"
"""Periods of swaps of overnight against overnight, in one currency or in two."""


@final
@dataclass(frozen=True)
class SwapConvention:
    """Fixed leg of the swap that quotes an index.

    Parameters
    ----------
    fixed_frequency : str
        Tenor of the fixed periods.
    fixed_day_count : str
    """

    fixed_frequency: str
    fixed_day_count: str


@final
@dataclass(frozen=True, kw_only=True)
class CurrencyConvention:
    """One currency's row; the defaults are those of a currency that the table does not have.

    Parameters
    ----------
    currency : str
    calendar : str
        Of payments and of FX settlement, a name of `xva.dates`.
    spot_lag : int
        Business days from an FX trade to its spot; a pair takes the longer of its two. USD has 1, because it settles in
        one day against some (CAD, TRY) and in two, by their lag, against the others.
    points : float
        FX points to one unit, of pairs quoted in this currency. A job may state its own by pair.
    ibor_swap : SwapConvention
        Fixed leg of swaps against ibor; against an overnight index it is annual on the index's day count.
    indices : tuple of RateIndex
        The currency's standard rate indices.
    swaption_index : str
        Name of the index under quoted swaptions; empty: none is known, and the currency's model has to be stated.
    """

    currency: str
    calendar: str = "WEEKENDS"
    spot_lag: int = 2
    points: float = 1e4
    ibor_swap: SwapConvention = SwapConvention("1Y", "30/360")
    indices: tuple[RateIndex, ...] = ()
    swaption_index: str = ""


# Points: ORE's example conventions and the market's habit agree on JPY, INR and KRW.
TABLE: dict[str, CurrencyConvention] = {
    row.currency: row
    for row in (
        CurrencyConvention(
            currency="EUR",
            calendar="TARGET",
            indices=(
                RateIndex("EUR-ESTR", "EUR", "1D", "TARGET", "A360", payment_lag=1),
                RateIndex("EUR-EURIBOR-3M", "EUR", "3M", "TARGET", "A360", fixing_lag=2),
                RateIndex("EUR-EURIBOR-6M", "EUR", "6M", "TARGET", "A360", fixing_lag=2),
            ),
            swaption_index="EUR-EURIBOR-6M",
        ),
        CurrencyConvention(
            currency="USD",
            calendar="US",
            spot_lag=1,
            ibor_swap=SwapConvention("6M", "30/360"),
            indices=(RateIndex("USD-SOFR", "USD", "1D", "US", "A360", payment_lag=2),),
            swaption_index="USD-SOFR",
        ),
        CurrencyConvention(
            currency="GBP",
            calendar="UK",
            ibor_swap=SwapConvention("6M", "A365"),
            indices=(RateIndex("GBP-SONIA", "GBP", "1D", "UK", "A365"),),
            swaption_index="GBP-SONIA",
        ),
        CurrencyConvention(
            currency="JPY",
            calendar="JP",
            points=1e2,
            ibor_swap=SwapConvention("6M", "A365"),
            indices=(RateIndex("JPY-TONA", "JPY", "1D", "JP", "A365", payment_lag=2),),
            swaption_index="JPY-TONA",
        ),
        CurrencyConvention(currency="CZK", points=1e3),
        CurrencyConvention(currency="HUF", points=1e2),
        CurrencyConvention(currency="INR", points=1e2),
        CurrencyConvention(currency="KRW", points=1e2),
    )
}
STANDARD_INDICES: dict[str, RateIndex] = {i.name: i for row in TABLE.values() for i in row.indices}


def convention_of(currency: str) -> CurrencyConvention:
    """The currency's row, or the defaults if it has none: the one rule for a currency that the table does not know."""
    return TABLE.get(currency) or CurrencyConvention(currency=currency)


def swap_convention(index: RateIndex) -> SwapConvention:
    """Fixed leg of the quoted swap: overnight annual on the index's day count, ibor by currency."""
    if index.overnight:
        return SwapConvention("1Y", index.day_count)
    return convention_of(index.currency).ibor_swap


def standard_swap(index: object, currency: object) -> SwapConvention:
    """Fixed leg of the swap that the market quotes on an index; of the currency's ibor swap where the name is none of ours."""
    known = STANDARD_INDICES.get(index) if isinstance(index, str) else None
    return swap_convention(known) if known is not None else convention_of(str(currency)).ibor_swap


def standard_basis_frequency(*indices: object) -> str:
    """Periods of the overnight legs of a swap of floating against floating: those of the ibor leg, if there is one."""
    known = [STANDARD_INDICES[i] for i in indices if isinstance(i, str) and i in STANDARD_INDICES]
    return next((index.tenor for index in known if not index.overnight), BASIS_FREQUENCY)


def fx_calendar(first: str, second: str) -> str:
    """The calendar on whose business days a pair settles."""
    return dates.joint_calendar(convention_of(first).calendar, convention_of(second).calendar)


def fx_spot_date(as_of: np.datetime64, first: str, second: str) -> np.datetime64:
    """When an FX trade of ``as_of`` settles."""
    lag = max(convention_of(first).spot_lag, convention_of(second).spot_lag)
    return np.datetime64(dates.business_days(as_of, lag, fx_calendar(first, second)))
