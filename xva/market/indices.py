"""Interest rate indices: terms as data. Calendars and day counts are names that `xva.dates` knows.

The standard ones are in `xva.market.conventions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from xva import dates
from xva.errors import InputErrors, Problem

MOST_LAG = 60
"""Business days that no market's lag is longer than."""
_PERIOD = re.compile(r"[1-9]\d?[WM]|[1-9]\d?Y")
_CURRENCY = re.compile("[A-Z]{3}")
INDEX_NAME = r"[A-Z]{3}-[A-Z0-9][A-Z0-9_.&-]*"
"""Pattern of the names of indices."""


def lag_problems(where: str, **lags: int) -> list[Problem]:
    """One for each lag that is no number of business days."""
    wanted = f"business days, 0 to {MOST_LAG}"
    return [
        Problem(f"{where}, {name}", wanted, repr(lag))
        for name, lag in lags.items()
        if type(lag) is not int or not 0 <= lag <= MOST_LAG
    ]


def problems_of(where: str, **checks: tuple[bool, str, object]) -> list[Problem]:
    """One for each field whose check, (good, expected, got), is not good."""
    return [
        Problem(f"{where}, {name}", expected, repr(got))
        for name, (good, expected, got) in checks.items()
        if not good
    ]


def is_period(text: object) -> bool:
    """Whether a coupon's period or an index can be that long: weeks, months or years."""
    return isinstance(text, str) and _PERIOD.fullmatch(text) is not None


@final
@dataclass(frozen=True)
class SwapConvention:
    """Fixed leg of the swap that quotes an index.

    Parameters
    ----------
    fixed_frequency : str
        Tenor of the fixed periods.
    fixed_day_count : str
    spot_lag : int
        Business days from the trade to the start; a quote's own goes first.

    Raises
    ------
    InputErrors
        All that is wrong.
    """

    fixed_frequency: str
    fixed_day_count: str
    spot_lag: int = 2

    def __post_init__(self) -> None:
        frequency, day_count = self.fixed_frequency, self.fixed_day_count
        problems = problems_of(
            "swap",
            fixed_frequency=(is_period(frequency), "a period such as 6M or 1Y", frequency),
            fixed_day_count=(dates.is_day_count(day_count), dates.DAY_COUNTS_IN_WORDS, day_count),
        ) + lag_problems("swap", spot_lag=self.spot_lag)
        if problems:
            raise InputErrors(problems)


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
        A name of `xva.dates`, or several joined by ``+``.
    day_count : str
        ``A360``, ``A365`` …, of the index and of floating coupons on it.
    fixing_lag : int
        Business days between fixing and start of the accrual period.
    payment_lag : int
        Business days between the end of the accrual period and payment (overnight swaps).
    swap : SwapConvention, optional
        The swap that quotes it; None: its currency's usual one.

    Raises
    ------
    InputErrors
        All that is wrong.
    """

    name: str
    currency: str
    tenor: str
    calendar: str
    day_count: str
    fixing_lag: int = 0
    payment_lag: int = 0
    swap: SwapConvention | None = None

    def __post_init__(self) -> None:
        where, calendar, count = f"index {self.name}", self.calendar, self.day_count
        problems = problems_of(
            where,
            currency=(_is_currency(self.currency), "a currency of three capital letters", self.currency),
            name=(
                isinstance(self.name, str) and re.fullmatch(INDEX_NAME, self.name) is not None,
                "a name such as PLN-WIBOR-6M",
                self.name,
            ),
            tenor=(
                self.tenor == "1D" or is_period(self.tenor),
                "1D for an overnight index, else a tenor such as 3M",
                self.tenor,
            ),
            calendar=(dates.is_calendar(calendar), dates.CALENDARS_IN_WORDS, calendar),
            day_count=(dates.is_day_count(count), dates.DAY_COUNTS_IN_WORDS, count),
        ) + lag_problems(where, fixing_lag=self.fixing_lag, payment_lag=self.payment_lag)
        if problems:
            raise InputErrors(problems)

    @property
    def overnight(self) -> bool:
        return self.tenor == "1D"


def _is_currency(text: object) -> bool:
    return isinstance(text, str) and _CURRENCY.fullmatch(text) is not None
