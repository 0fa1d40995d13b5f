"""Interest rate indices: terms as data. Calendars and day counts are names that `xva.dates` knows.

The standard ones are in `xva.market.conventions`.
"""

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
