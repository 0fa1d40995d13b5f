"""Interest rate indices: terms as data. Calendars and day counts are names that `xva.dates` knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RateIndex:
    """A floating rate index.

    Parameters
    ----------
    name : str
        ``CCY-NAME`` or ``CCY-NAME-TENOR``; also the name of its projection curve.
    currency : str
    tenor : str
        ``"1D"`` for an overnight index compounded in arrears, else ``"3M"``, ``"6M"`` …
    calendar : str
        ``TARGET``, ``US``, ``UK``, ``JP`` or ``NULL``.
    day_count : str
        ``A360``, ``A365`` …, of the index and of floating coupons on it.
    fixing_lag : int
        Business days between fixing and start of the accrual period.
    payment_lag : int
        Business days between the end of the accrual period and payment (overnight swaps).
    """

    name: str
    currency: str
    tenor: str
    calendar: str
    day_count: str
    fixing_lag: int = 0
    payment_lag: int = 0

    @property
    def overnight(self) -> bool:
        return self.tenor == "1D"


STANDARD_INDICES: dict[str, RateIndex] = {
    index.name: index
    for index in (
        RateIndex("EUR-ESTR", "EUR", "1D", "TARGET", "A360", payment_lag=1),
        RateIndex("EUR-EURIBOR-3M", "EUR", "3M", "TARGET", "A360", fixing_lag=2),
        RateIndex("EUR-EURIBOR-6M", "EUR", "6M", "TARGET", "A360", fixing_lag=2),
        RateIndex("USD-SOFR", "USD", "1D", "US", "A360", payment_lag=2),
        RateIndex("GBP-SONIA", "GBP", "1D", "UK", "A365"),
        RateIndex("JPY-TONA", "JPY", "1D", "JP", "A365", payment_lag=2),
    )
}


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


_IBOR_SWAPS: dict[str, SwapConvention] = {
    "EUR": SwapConvention("1Y", "30/360"),
    "USD": SwapConvention("6M", "30/360"),
    "GBP": SwapConvention("6M", "A365"),
    "JPY": SwapConvention("6M", "A365"),
}


def swap_convention(index: RateIndex) -> SwapConvention:
    """Fixed leg of the quoted swap: overnight annual on the index's day count, ibor by currency.

    A currency without a convention of its own gets annual 30/360.
    """
    if index.overnight:
        return SwapConvention("1Y", index.day_count)
    return _IBOR_SWAPS.get(index.currency, SwapConvention("1Y", "30/360"))


def standard_swap(index: object, currency: object) -> SwapConvention:
    """Fixed leg of the swap that the market quotes on an index; of the currency's ibor swap where the name is none of ours."""
    known = STANDARD_INDICES.get(index) if isinstance(index, str) else None
    if known is not None:
        return swap_convention(known)
    return _IBOR_SWAPS.get(str(currency), SwapConvention("1Y", "30/360"))


def standard_basis_frequency(*indices: object) -> str:
    """Periods of the overnight legs of a swap of floating against floating: those of the ibor leg, if there is one.

    Two overnight legs pay every three months.
    """
    known = [STANDARD_INDICES[i] for i in indices if isinstance(i, str) and i in STANDARD_INDICES]
    return next((index.tenor for index in known if not index.overnight), "3M")


_CALENDARS: dict[str, str] = {"EUR": "TARGET", "USD": "US", "GBP": "UK", "JPY": "JP"}


def currency_calendar(currency: str) -> str:
    """Calendar of a currency's payments; weekends only where none is known."""
    return _CALENDARS.get(currency, "WEEKENDS")
