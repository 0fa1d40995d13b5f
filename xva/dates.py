"""Calendars, schedules and day counts: the only module that talks to QuantLib.

Dates are numpy ``datetime64[D]``; QuantLib objects neither leave this module nor get pickled. Holidays are
read from QuantLib once per calendar and rolled by numpy, schedules and tenors are QuantLib's own, cached.

Calendars: ``TARGET``, ``US`` (SOFR publication days), ``US-SETTLEMENT``, by country ``UK``, ``JP``, ``AU``, ``CA``, ``CH``,
``CN`` (inter-bank), ``CZ``, ``DK``, ``HK``, ``HU``, ``IL`` (SHIR), ``IN``, ``KR``, ``MX``, ``NO``, ``NZ`` (Wellington),
``PL``, ``SE``, ``SG``, ``TH``, ``TR``, ``ZA``, then ``WEEKENDS``, ``NULL`` (every day is one), or joined (all must be
open) as ``TARGET+US``.
Conventions: ``MF`` modified following, ``F`` following, ``P`` preceding, ``MP`` modified preceding,
``U`` unadjusted. Tenors: ``2D``, ``1W``, ``3M``, ``10Y``, up to ``9999D``, ``999W``, ``999M`` and ``100Y``: what QuantLib's
calendars, which end in 2199, hold of terms that begin in this century.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import QuantLib as ql
from numpy.typing import ArrayLike, NDArray

Dates: TypeAlias = NDArray[np.datetime64]
Roll: TypeAlias = Literal["modifiedfollowing", "following", "preceding", "modifiedpreceding"]

SAME_TIME = 1e-9
"""Years; times that are closer than this are one."""
_EPOCH_SERIAL = 25569  # QuantLib's serial number of 1970-01-01
_FIRST, _LAST = ql.Date(1, 1, 1970), ql.Date(30, 12, 2199)
EARLIEST, LATEST = np.datetime64("1970-01-01", "D"), np.datetime64("2190-12-31", "D")
"""First and last date that terms may have: what lies around them (lags, rolled dates) is still in the calendars."""
TENOR = r"(?:\d{1,4}D|\d{1,3}[WM]|\d{1,2}Y|100Y)"
"""Pattern of a tenor: days, weeks, months or years, ``0D`` among them."""
LENGTH = r"(?:[1-9]\d{0,3}D|[1-9]\d{0,2}[WM]|[1-9]\d?Y|100Y)"
"""Pattern of a tenor that is no moment."""
_TENOR = re.compile(TENOR)
_A_YEAR = {"D": 365.0, "W": 365.0 / 7.0, "M": 12.0, "Y": 1.0}
_UNITS = {"D": ql.Days, "W": ql.Weeks, "M": ql.Months, "Y": ql.Years}
KNOWN_TO = {
    "CN": 2026,
    "HK": 2026,
    "IL": 2050,
    "IN": 2026,
    "KR": 2050,
    "NZ": 2052,
    "SG": 2027,
    "TH": 2025,
    "TR": 2034,
}
"""Last year whose moving holidays QuantLib 1.44 lists, of calendars that do not go by rule; then only fixed ones are known."""
_CALENDARS: dict[str, Any] = {
    "TARGET": ql.TARGET(),
    "US": ql.UnitedStates(ql.UnitedStates.SOFR),
    "US-SETTLEMENT": ql.UnitedStates(ql.UnitedStates.Settlement),
    "UK": ql.UnitedKingdom(),
    "JP": ql.Japan(),
    "AU": ql.Australia(ql.Australia.Settlement),
    "CA": ql.Canada(ql.Canada.Settlement),
    "CH": ql.Switzerland(),
    "CN": ql.China(ql.China.IB),
    "CZ": ql.CzechRepublic(),
    "DK": ql.Denmark(),
    "HK": ql.HongKong(),
    "HU": ql.Hungary(),
    "IL": ql.Israel(ql.Israel.SHIR),
    "IN": ql.India(),
    "KR": ql.SouthKorea(ql.SouthKorea.Settlement),
    "MX": ql.Mexico(),
    "NO": ql.Norway(),
    "NZ": ql.NewZealand(ql.NewZealand.Wellington),
    "PL": ql.Poland(ql.Poland.Settlement),
    "SE": ql.Sweden(),
    "SG": ql.Singapore(),
    "TH": ql.Thailand(),
    "TR": ql.Turkey(),
    "ZA": ql.SouthAfrica(),
    "WEEKENDS": ql.WeekendsOnly(),
    "NULL": ql.NullCalendar(),
}
_ROLLS: dict[str, Roll] = {
    "MF": "modifiedfollowing",
    "F": "following",
    "P": "preceding",
    "MP": "modifiedpreceding",
}
_CONVENTIONS = {
    "MF": ql.ModifiedFollowing,
    "F": ql.Following,
    "P": ql.Preceding,
    "MP": ql.ModifiedPreceding,
    "U": ql.Unadjusted,
}
_RULES = {
    "backward": ql.DateGeneration.Backward,
    "forward": ql.DateGeneration.Forward,
}
_DAY_COUNTS: dict[str, Any] = {
    "30/360": ql.Thirty360(ql.Thirty360.BondBasis),
    "30E/360": ql.Thirty360(ql.Thirty360.European),
    "30U/360": ql.Thirty360(ql.Thirty360.USA),
    "ACT/ACT": ql.ActualActual(ql.ActualActual.ISDA),
}
_THIRTY_360 = ("30/360", "30E/360", "30U/360")
_FEW = 64  # pairs up to which QuantLib, remembered pair by pair, is quicker than columns
_ACTUAL_OVER = {"A360": 360.0, "ACT/360": 360.0, "A365": 365.0, "A365F": 365.0, "ACT/365": 365.0}
CALENDARS_IN_WORDS = f"a calendar of {', '.join(_CALENDARS)} (or several joined by +)"
DAY_COUNTS_IN_WORDS = f"a day count of {', '.join([*_ACTUAL_OVER, *_DAY_COUNTS])}"


class OutOfCalendarError(ValueError):
    """A date that no calendar here has; the message says which it may be."""


def parse_date(text: str) -> np.datetime64:
    """The date written as ``YYYY-MM-DD``, from `EARLIEST` to `LATEST`.

    Raises
    ------
    OutOfCalendarError
        A date beyond these.
    ValueError
        Anything else.
    """
    text = text.strip()
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(f"a date as YYYY-MM-DD, got {text!r}")
    found = np.datetime64(datetime.date.fromisoformat(text), "D")
    if not EARLIEST <= found <= LATEST:
        raise OutOfCalendarError(f"a date from {EARLIEST} to {LATEST}")
    return found


@overload
def years(as_of: np.datetime64, dates: np.datetime64) -> float: ...
@overload
def years(as_of: np.datetime64, dates: Dates) -> NDArray[np.float64]: ...
def years(as_of: np.datetime64, dates: np.datetime64 | Dates) -> float | NDArray[np.float64]:
    """Actual/365 (Fixed) year fractions from ``as_of``; same shape as ``dates``, float for one date."""
    return _over(as_of, dates, 365.0)


def is_day_count(name: str) -> bool:
    """Whether `year_fraction` knows the day count."""
    return name in _ACTUAL_OVER or name in _DAY_COUNTS


@overload
def year_fraction(day_count: str, start: np.datetime64, end: np.datetime64) -> float: ...
@overload
def year_fraction(day_count: str, start: Dates, end: Dates) -> NDArray[np.float64]: ...
@overload
def year_fraction(day_count: str, start: np.datetime64, end: Dates) -> NDArray[np.float64]: ...
@overload
def year_fraction(day_count: str, start: Dates, end: np.datetime64) -> NDArray[np.float64]: ...
def year_fraction(
    day_count: str, start: np.datetime64 | Dates, end: np.datetime64 | Dates
) -> float | NDArray[np.float64]:
    """Year fraction of [start, end] under a day count; arrays broadcast.

    Parameters
    ----------
    day_count : str
        ``A360``, ``A365`` (fixed), ``30/360`` (bond basis), ``30E/360``, ``30U/360``, ``ACT/ACT`` (ISDA).

    Raises
    ------
    ValueError
        The day count is not one of these.
    """
    if day_count in _ACTUAL_OVER:
        return _over(start, end, _ACTUAL_OVER[day_count])
    if day_count not in _DAY_COUNTS:
        raise ValueError(f"{DAY_COUNTS_IN_WORDS}, got {day_count!r}")
    first, last = np.broadcast_arrays(_days(start), _days(end))
    if day_count in _THIRTY_360 and first.size > _FEW:
        return _thirty_360(day_count, first, last)
    values = [_ql_fraction(day_count, a, b) for a, b in zip(first.ravel().tolist(), last.ravel().tolist())]
    return values[0] if first.ndim == 0 else np.array(values, dtype=np.float64).reshape(first.shape)


def is_tenor(text: str) -> bool:
    """Whether the text is a tenor such as ``3M``."""
    return _TENOR.fullmatch(text) is not None


def tenor_years(tenor: str) -> float:
    """Length of a tenor in years of twelve months, for interpolation between tenors: ``18M`` is 1.5; ValueError."""
    number, unit = _split(tenor)
    return number / _A_YEAR[unit]


def periods_a_year(tenor: str) -> float:
    """How many periods of a tenor of months or years fit in a year: 2 for ``6M``; ValueError for days and weeks."""
    number, unit = _split(tenor)
    if unit not in "MY" or number == 0:
        raise ValueError(f"a tenor of months or years, got {tenor!r}")
    return (12.0 if unit == "M" else 1.0) / number


def add_tenor(date: np.datetime64, tenor: str) -> np.datetime64:
    """``date`` plus calendar days, weeks, months or years; the last day of a shorter month; no calendar."""
    return np.datetime64(_plus(_day(date), tenor), "D")


def is_calendar(name: str) -> bool:
    """Whether `adjust` knows the calendar, joint calendars included."""
    return bool(name) and all(part in _CALENDARS for part in name.split("+"))


def known_to(calendar: str) -> dict[str, int]:
    """Of those of a joint calendar whose moving holidays are listed and end (`KNOWN_TO`): the last year that is known."""
    return {part: KNOWN_TO[part] for part in calendar.split("+") if part in KNOWN_TO}


def joint_calendar(*names: str) -> str:
    """The calendar whose business days are business days of all; ``NULL`` closes never."""
    return "+".join(sorted({name for name in names if name != "NULL"})) or "NULL"


@overload
def adjust(date: np.datetime64, calendar: str, convention: str = "MF") -> np.datetime64: ...
@overload
def adjust(date: Dates, calendar: str, convention: str = "MF") -> Dates: ...
def adjust(date: np.datetime64 | Dates, calendar: str, convention: str = "MF") -> np.datetime64 | Dates:
    """The date, or dates, rolled to a business day."""
    if convention == "U" or calendar == "NULL":
        return date
    if convention not in _ROLLS:
        raise ValueError(f"a convention of {', '.join(_CONVENTIONS)}, got {convention!r}")
    rolled: np.datetime64 | Dates = np.busday_offset(
        date, 0, roll=_ROLLS[convention], busdaycal=_business_calendar(calendar)
    )
    return rolled


def third_wednesday(month: str) -> np.datetime64:
    """The day on which a futures contract's period begins, of a month written as ``2026-03``."""
    first = np.datetime64(f"{month}-01", "D")
    return first + np.timedelta64((6 - int(first.astype(np.int64))) % 7 + 14, "D")  # 1970 began on a Thursday


@overload
def business_days(date: np.datetime64, n: int, calendar: str) -> np.datetime64: ...
@overload
def business_days(date: Dates, n: int, calendar: str) -> Dates: ...
def business_days(date: np.datetime64 | Dates, n: int, calendar: str) -> np.datetime64 | Dates:
    """``n`` business days later (earlier if negative); ``n = 0`` rolls following, as QuantLib does."""
    roll: Roll = "preceding" if n > 0 else "following"
    moved: np.datetime64 | Dates = np.busday_offset(
        date, n, roll=roll, busdaycal=_business_calendar(calendar)
    )
    return moved


def advance(date: np.datetime64, tenor: str, calendar: str, convention: str = "MF") -> np.datetime64:
    """``date`` plus a tenor, rolled; days count business days."""
    number, unit = _split(tenor)
    if unit == "D":
        return business_days(date, number, calendar)
    return adjust(add_tenor(date, tenor), calendar, convention)


def end_of_month(date: np.datetime64, calendar: str) -> np.datetime64:
    """The last business day of the date's month."""
    last: np.datetime64 = (date.astype("datetime64[M]") + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return adjust(last, calendar, "P")


def schedule(
    start: np.datetime64,
    end: np.datetime64,
    tenor: str,
    calendar: str,
    convention: str = "MF",
    rule: str = "backward",
    end_of_month: bool = False,
) -> Dates:
    """Adjusted period ends from ``start`` to ``end``, both included.

    Parameters
    ----------
    start, end : datetime64[D]
        Unadjusted; ``start < end``.
    tenor : str
        Length of a period. A remainder is a short first period (``backward``) or last (``forward``).
    rule : str
        ``backward`` or ``forward``.
    end_of_month : bool
        Keep the last business day of the month if ``start`` is one.

    Returns
    -------
    ndarray
        ``(period + 1,)`` datetime64[D], strictly increasing, read-only (it is cached).

    Raises
    ------
    ValueError
        Start and end are not in order, or roll to one day.
    """
    return _schedule(_day(start), _day(end), tenor, calendar, convention, rule, end_of_month)


@lru_cache(maxsize=4096)
def cds_dates(trade_date: np.datetime64, tenor: str) -> Dates:
    """Period ends of a standard CDS traded on ``trade_date`` (quarterly, semiannual roll since 2015).

    Returns
    -------
    ndarray
        ``(period + 1,)`` datetime64[D], read-only: 20ths rolled following over weekends, the first on or
        before the trade date, the last the unadjusted maturity.
    """
    today = _ql_date(_day(trade_date))
    rule = ql.DateGeneration.CDS2015
    maturity = ql.cdsMaturity(today, _period(tenor), rule)
    if maturity == ql.Date():
        raise ValueError(f"a CDS tenor that ends after {trade_date}, got {tenor!r}")
    dates = ql.Schedule(
        today,
        maturity,
        ql.Period(ql.Quarterly),
        ql.WeekendsOnly(),
        ql.Following,
        ql.Unadjusted,
        rule,
        False,
    )
    return _to_numpy(dates)


@lru_cache(maxsize=65536)
def _schedule(
    start: int, end: int, tenor: str, calendar: str, convention: str, rule: str, end_of_month: bool
) -> Dates:
    if convention not in _CONVENTIONS or rule not in _RULES:
        raise ValueError(
            f"a convention of {', '.join(_CONVENTIONS)} and a rule of {', '.join(_RULES)}, "
            f"got {convention!r}, {rule!r}"
        )
    if start >= end:
        first, last = np.datetime64(start, "D"), np.datetime64(end, "D")
        raise ValueError(f"a start before the end, got {first}, {last}")
    roll = _CONVENTIONS[convention]
    ends = np.array([start, end], dtype="datetime64[D]")
    rolled = adjust(ends, calendar, convention)
    if rolled[0] == rolled[1]:
        raise ValueError(
            f"a start and an end on two business days of {calendar}, got {ends[0]} and {ends[1]}, which both roll to "
            f"{rolled[0]}"
        )
    dates = ql.Schedule(
        _ql_date(start),
        _ql_date(end),
        _period(tenor),
        _ql_calendar(calendar),
        roll,
        roll,
        _RULES[rule],
        end_of_month,
    )
    return _to_numpy(dates)


def _to_numpy(dates: Any) -> Dates:
    serials = np.array([d.serialNumber() - _EPOCH_SERIAL for d in dates], dtype=np.int64)
    out: Dates = np.unique(serials).astype("datetime64[D]")
    out.flags.writeable = False
    return out


@lru_cache(maxsize=64)
def _ql_calendar(name: str) -> Any:
    if not is_calendar(name):
        raise ValueError(f"{CALENDARS_IN_WORDS}, got {name!r}")
    parts = [_CALENDARS[part] for part in name.split("+") if part != "NULL"]
    if not parts:
        return ql.NullCalendar()
    joint = parts[0]
    for part in parts[1:]:
        joint = ql.JointCalendar(joint, part, ql.JoinHolidays)
    return joint


@lru_cache(maxsize=64)
def _business_calendar(name: str) -> np.busdaycalendar:
    calendar = _ql_calendar(name)
    if all(part == "NULL" for part in name.split("+")):
        return np.busdaycalendar(weekmask="1111111")
    holidays = [d.serialNumber() - _EPOCH_SERIAL for d in calendar.holidayList(_FIRST, _LAST, False)]
    return np.busdaycalendar(holidays=np.array(holidays, dtype=np.int64).astype("datetime64[D]"))


@lru_cache(maxsize=65536)
def _plus(day: int, tenor: str) -> int:
    return int((_ql_date(day) + _period(tenor)).serialNumber()) - _EPOCH_SERIAL


@lru_cache(maxsize=262144)
def _ql_fraction(day_count: str, start: int, end: int) -> float:
    return float(_DAY_COUNTS[day_count].yearFraction(_ql_date(start), _ql_date(end)))


@lru_cache(maxsize=512)
def _split(tenor: str) -> tuple[int, str]:
    if _TENOR.fullmatch(tenor) is None:
        raise ValueError(f"a tenor such as 2D, 1W, 3M or 10Y, at most 100Y, got {tenor!r}")
    return int(tenor[:-1]), tenor[-1]


@lru_cache(maxsize=512)
def _period(tenor: str) -> Any:
    number, unit = _split(tenor)
    return ql.Period(number, _UNITS[unit])


def _thirty_360(day_count: str, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """QuantLib's rules by columns: months of 30 days, the 31st (and in the USA the end of February) moved to the 30th."""
    parts = [_year_month_day(days) for days in (start, end)]
    (year, month, day), (year_end, month_end, day_end) = parts
    if day_count == "30U/360":
        february, february_end = (_last_of_february(days) for days in (start, end))
        day_end = np.where(february & february_end, 30, day_end)
        day = np.where(february, 30, day)
    day = np.minimum(day, 30)
    day_end = np.where((day_end == 31) & ((day == 30) | (day_count == "30E/360")), 30, day_end)
    whole = 360 * (year_end - year) + 30 * (month_end - month) + (day_end - day)
    return np.asarray(whole / 360.0, dtype=np.float64)


def _year_month_day(days: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    number = months.astype(np.int64)
    return number // 12, number % 12, (dates - months.astype("datetime64[D]")).astype(np.int64) + 1


def _last_of_february(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    _, month, day = _year_month_day(days + 1)
    found: NDArray[np.bool_] = (month == 2) & (day == 1)
    return found


def _ql_date(day: int) -> Any:
    return ql.Date(day + _EPOCH_SERIAL)


def _day(date: np.datetime64) -> int:
    return int(date.astype("datetime64[D]").astype(np.int64))


def _days(dates: ArrayLike) -> NDArray[np.int64]:
    return np.asarray(dates, dtype="datetime64[D]").astype(np.int64)


def _over(start: ArrayLike, end: ArrayLike, basis: float) -> float | NDArray[np.float64]:
    span = (_days(end) - _days(start)) / basis
    return float(span) if np.ndim(span) == 0 else np.asarray(span, dtype=np.float64)
