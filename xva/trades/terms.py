"""Checks of a trade's terms at birth: every problem of a trade at once, each naming trade and field."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import final

import numpy as np

from xva import dates
from xva.errors import Problem, TradeError

_TENOR = re.compile(dates.LENGTH)
_CURRENCY = re.compile(r"[A-Z]{3}")
_UNDERLYING = re.compile(r"EQ/\S(.*\S)?|FX/([A-Z]{3})/(?!\2)[A-Z]{3}")


@final
class TermsError(TradeError):
    """The terms of one trade are wrong; ``.problems`` has one entry per field, ``ids`` the trade id."""

    def __init__(self, trade_id: str, problems: Sequence[Problem]) -> None:
        self.trade_id = trade_id
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems), [trade_id])

    def __reduce__(self) -> tuple[type[TermsError], tuple[str, tuple[Problem, ...]]]:  # type: ignore[override]
        return type(self), (self.trade_id, self.problems)


@final
class Terms:
    """Collects what is wrong with a trade's fields; `done` raises it all at once."""

    def __init__(self, trade: object) -> None:
        self._trade = trade
        self._id = str(getattr(trade, "trade_id", "") or "<no trade_id>")
        self._problems: list[Problem] = []

    def reject(self, field: str, expected: str, fix: str = "") -> None:
        """Note that ``field`` is not what is ``expected``."""
        value = getattr(self._trade, field)
        got = str(value) if isinstance(value, np.generic) else repr(value)
        self._problems.append(Problem(f"trade {self._id}, field {field}", expected, got, fix))

    def text(self, *fields: str) -> None:
        for field in fields:
            value = getattr(self._trade, field)
            if not isinstance(value, str) or not value.strip():
                self.reject(field, "a non-empty text")

    def choice(self, field: str, *allowed: str) -> None:
        if getattr(self._trade, field) not in allowed:
            self.reject(field, " or ".join(allowed))

    def currency(self, *fields: str) -> None:
        for field in fields:
            value = getattr(self._trade, field)
            if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
                self.reject(field, "a currency of three capital letters")

    def different(self, first: str, second: str) -> None:
        if getattr(self._trade, first) == getattr(self._trade, second):
            self.reject(second, f"something other than the {first}")

    def finite(self, *fields: str) -> None:
        for field in fields:
            if not self._number(field):
                self.reject(field, "a finite number")

    def rate(self, *fields: str) -> None:
        """A rate, spread or coupon as a decimal; 2.5 is 250 %, so somebody meant 2.5 % or 2.5 bp."""
        self.finite(*fields)
        for field in fields:
            if self._number(field) and abs(getattr(self._trade, field)) > 1.0:
                self.reject(field, _RATE_WORDS)

    def performance(self, *fields: str) -> None:
        """A level as a share of a first price; 70 is 70 times that price, so somebody meant 70 %."""
        self.positive(*fields)
        for field in fields:
            if self._number(field) and getattr(self._trade, field) > _MOST:
                self.reject(field, _PERFORMANCE_WORDS)

    def performances(self, field: str, count: int) -> None:
        """``count`` levels as `performance` wants them."""
        before = len(self._problems)
        self.positives(field, count)
        if len(self._problems) == before and any(v > _MOST for v in getattr(self._trade, field)):
            self.reject(field, f"of each {_PERFORMANCE_WORDS}")

    def positive(self, *fields: str) -> None:
        for field in fields:
            if not self._number(field) or not getattr(self._trade, field) > 0.0:
                self.reject(field, "a positive number", "the direction belongs into the side")

    def not_negative(self, *fields: str) -> None:
        for field in fields:
            if not self._number(field) or getattr(self._trade, field) < 0.0:
                self.reject(field, "zero or a positive number")

    def date(self, *fields: str) -> None:
        for field in fields:
            if not self._date(field):
                self.reject(field, "a date (numpy datetime64[D])")

    def increasing(self, early: str, late: str) -> None:
        """Both are dates and ``late`` is after ``early``."""
        before = len(self._problems)
        self.date(early, late)
        if len(self._problems) == before:
            first = getattr(self._trade, early)
            if not getattr(self._trade, late) > first:
                self.reject(late, f"a date after the {early} {first}")

    def tenor(self, field: str) -> None:
        value = getattr(self._trade, field)
        if not isinstance(value, str) or not _TENOR.fullmatch(value):
            self.reject(field, 'a tenor such as "3M" or "1Y"')

    def lag(self, field: str) -> None:
        value = getattr(self._trade, field)
        if not isinstance(value, str) or not _TENOR.fullmatch(value) or not value.endswith("D"):
            self.reject(field, 'business days such as "2D"')

    def calendar(self, field: str) -> None:
        value = getattr(self._trade, field)
        if not isinstance(value, str) or not dates.is_calendar(value):
            self.reject(field, "a calendar such as WEEKENDS, TARGET or TARGET+US")

    def day_count(self, field: str) -> None:
        value = getattr(self._trade, field)
        if not isinstance(value, str) or not dates.is_day_count(value):
            self.reject(field, 'a day count such as "A360", "A365", "30/360", "30E/360", "ACT/ACT"')

    def truth(self, *fields: str) -> None:
        for field in fields:
            if not isinstance(getattr(self._trade, field), bool):
                self.reject(field, "true or false")

    def underlying(self, field: str) -> None:
        if not _is_underlying(getattr(self._trade, field)):
            self.reject(field, _UNDERLYING_WORDS)

    def underlyings(self, field: str) -> None:
        """At least two underlyings, none twice."""
        values = getattr(self._trade, field)
        if not isinstance(values, tuple) or not all(_is_underlying(v) for v in values):
            self.reject(field, f"a tuple, each {_UNDERLYING_WORDS}")
        elif len(values) < 2 or len(set(values)) < len(values):
            self.reject(field, "two or more underlyings, each once")

    def currency_of_each(self, field: str, underlyings: str) -> None:
        """A currency per underlying; an exchange rate's is its quote currency."""
        values, names = getattr(self._trade, field), getattr(self._trade, underlyings)
        count = len(names) if isinstance(names, tuple) else 0
        fits = isinstance(values, tuple) and len(values) == count
        if not fits or not all(isinstance(v, str) and _CURRENCY.fullmatch(v) for v in values):
            self.reject(field, f"a tuple of {count} currencies, each of three capital letters")
        elif any(str(n).startswith("FX/") and not n.endswith(f"/{v}") for n, v in zip(names, values)):
            self.reject(field, "the quote currency for an exchange rate")

    def positives(self, field: str, count: int) -> None:
        """``count`` positive numbers."""
        values = getattr(self._trade, field)
        fits = isinstance(values, tuple) and len(values) == count
        if not fits or not all(_is_number(v) and v > 0.0 for v in values):
            self.reject(field, f"a tuple of {count} positive numbers")

    def shares(self, field: str, count: int) -> None:
        """``count`` positive numbers that add up to 1."""
        before = len(self._problems)
        self.positives(field, count)
        if len(self._problems) == before and abs(sum(getattr(self._trade, field)) - 1.0) > 1e-9:
            self.reject(field, "numbers that add up to 1")

    def days(self, field: str) -> None:
        """One or more dates, strictly increasing."""
        values = getattr(self._trade, field)
        if not isinstance(values, tuple) or not values or not all(_is_date(v) for v in values):
            self.reject(field, "a tuple of dates (numpy datetime64[D])")
        elif any(late <= early for early, late in zip(values, values[1:])):
            self.reject(field, "dates in increasing order, each once")

    def days_within(self, field: str, last: str) -> None:
        """Dates as `days` asks for, none after the date ``last``."""
        before = len(self._problems)
        self.days(field)
        end = getattr(self._trade, last)
        if len(self._problems) == before and _is_date(end) and getattr(self._trade, field)[-1] > end:
            self.reject(field, f"dates up to the {last} {end}")

    def before(self, field: str, first: object) -> None:
        """A date before ``first``."""
        self.date(field)
        if self._date(field) and _is_date(first) and getattr(self._trade, field) >= first:
            self.reject(field, f"a date before {first}")

    def pay_date(self, field: str, observed: object) -> None:
        """None, or a date not before the last observation."""
        value = getattr(self._trade, field)
        if value is None:
            return
        self.date(field)
        if _is_date(value) and _is_date(observed) and value < observed:
            self.reject(field, f"a date not before the last observation {observed}")

    def pay_dates(self, field: str, observed: str) -> None:
        """Nothing, or one date per date of ``observed``, none before it."""
        values, looks = getattr(self._trade, field), getattr(self._trade, observed)
        if values == () or not isinstance(looks, tuple) or not all(_is_date(v) for v in looks):
            return
        self.days(field)
        if isinstance(values, tuple) and all(_is_date(v) for v in values):
            late = len(values) == len(looks) and all(pay >= look for pay, look in zip(values, looks))
            if not late:
                self.reject(field, f"one date per entry of {observed}, none before it")

    def done(self) -> None:
        """Raise `TermsError` if anything was rejected."""
        if self._problems:
            raise TermsError(self._id, self._problems)

    def _number(self, field: str) -> bool:
        return _is_number(getattr(self._trade, field))

    def _date(self, field: str) -> bool:
        return _is_date(getattr(self._trade, field))


_DAY = np.dtype("datetime64[D]")
_RATE_WORDS = "a rate as a decimal (0.025 is 2.5 %, 0.0025 is 25 bp) between -1 and 1"
_MOST = 10.0
_PERFORMANCE_WORDS = "a share of the first price as a decimal (0.7 is 70 %), above 0 and at most 10"
_UNDERLYING_WORDS = "an underlying such as EQ/<name> or FX/EUR/USD"


def _is_underlying(value: object) -> bool:
    return isinstance(value, str) and _UNDERLYING.fullmatch(value) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_date(value: object) -> bool:
    return (
        isinstance(value, np.datetime64) and value.dtype == _DAY and bool(value == value)
    )  # NaT is not itself
