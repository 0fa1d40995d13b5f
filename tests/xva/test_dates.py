"""Dates against QuantLib, called directly."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from xva import dates

CALENDARS = {
    "TARGET": ql.TARGET(),
    "US": ql.UnitedStates(ql.UnitedStates.SOFR),
    "UK": ql.UnitedKingdom(),
    "JP": ql.Japan(),
    "NULL": ql.NullCalendar(),
    "WEEKENDS": ql.WeekendsOnly(),
    "TARGET+US": ql.JointCalendar(ql.TARGET(), ql.UnitedStates(ql.UnitedStates.SOFR)),
}
CONVENTIONS = {
    "MF": ql.ModifiedFollowing,
    "F": ql.Following,
    "P": ql.Preceding,
    "MP": ql.ModifiedPreceding,
    "U": ql.Unadjusted,
}
DAY_COUNTS = {
    "A360": ql.Actual360(),
    "A365": ql.Actual365Fixed(),
    "30/360": ql.Thirty360(ql.Thirty360.BondBasis),
    "30E/360": ql.Thirty360(ql.Thirty360.European),
    "ACT/ACT": ql.ActualActual(ql.ActualActual.ISDA),
}
AS_OF = np.datetime64("2026-01-15")


def to_ql(date: np.datetime64) -> ql.Date:
    return ql.DateParser.parseISO(str(date))


def from_ql(date: ql.Date) -> np.datetime64:
    return np.datetime64(date.ISO(), "D")


def some_dates(count: int, seed: int) -> np.ndarray:
    days = np.random.default_rng(seed).integers(0, 365 * 40, count)
    return AS_OF + days.astype("timedelta64[D]")


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_adjust_rolls_as_quantlib(name: str, convention: str) -> None:
    found = some_dates(300, 1)
    expected = [from_ql(CALENDARS[name].adjust(to_ql(d), CONVENTIONS[convention])) for d in found]
    np.testing.assert_array_equal(dates.adjust(found, name, convention), expected)
    assert dates.adjust(found[0], name, convention) == expected[0]


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 5])
def test_business_days_as_quantlib(name: str, n: int) -> None:
    found = some_dates(200, 2)
    expected = [from_ql(CALENDARS[name].advance(to_ql(d), n, ql.Days)) for d in found]
    np.testing.assert_array_equal(dates.business_days(found, n, name), expected)


@pytest.mark.parametrize("tenor", ["2D", "1W", "3M", "18M", "10Y"])
def test_advance_as_quantlib(tenor: str) -> None:
    for date in some_dates(50, 3):
        expected = CALENDARS["TARGET"].advance(to_ql(date), ql.Period(tenor), ql.ModifiedFollowing)
        assert dates.advance(date, tenor, "TARGET") == from_ql(expected)
        assert dates.add_tenor(date, tenor) == from_ql(to_ql(date) + ql.Period(tenor))


@pytest.mark.parametrize("name", DAY_COUNTS)
def test_year_fraction_as_quantlib(name: str) -> None:
    start, end = some_dates(200, 4), some_dates(200, 5)
    start, end = np.minimum(start, end), np.maximum(start, end)
    expected = [DAY_COUNTS[name].yearFraction(to_ql(a), to_ql(b)) for a, b in zip(start, end)]
    np.testing.assert_allclose(dates.year_fraction(name, start, end), expected, rtol=0, atol=1e-15)
    one = dates.year_fraction(name, start[0], end[0])
    assert isinstance(one, float)
    assert one == expected[0]
    assert dates.year_fraction(name, AS_OF, end).shape == (200,)


@pytest.mark.parametrize("tenor", ["3M", "6M", "1Y"])
@pytest.mark.parametrize("rule", ["backward", "forward"])
def test_schedule_as_quantlib(tenor: str, rule: str) -> None:
    side = {"backward": ql.DateGeneration.Backward, "forward": ql.DateGeneration.Forward}[rule]
    start, end = np.datetime64("2025-11-20"), np.datetime64("2033-04-11")
    expected = ql.Schedule(
        to_ql(start),
        to_ql(end),
        ql.Period(tenor),
        ql.TARGET(),
        ql.ModifiedFollowing,
        ql.ModifiedFollowing,
        side,
        False,
    )
    found = dates.schedule(start, end, tenor, "TARGET", rule=rule)
    np.testing.assert_array_equal(found, [from_ql(d) for d in expected])
    assert found is dates.schedule(start, end, tenor, "TARGET", rule=rule)
    assert not found.flags.writeable


def test_null_calendar_leaves_dates_alone() -> None:
    found = dates.schedule(np.datetime64("2026-01-02"), np.datetime64("2029-01-02"), "6M", "NULL")
    expected = [
        "2026-01-02",
        "2026-07-02",
        "2027-01-02",
        "2027-07-02",
        "2028-01-02",
        "2028-07-02",
        "2029-01-02",
    ]
    assert [str(d) for d in found] == expected
    assert dates.business_days(np.datetime64("2026-01-03"), 0, "NULL") == np.datetime64("2026-01-03")


def test_cds_dates_follow_the_standard_roll() -> None:
    found = dates.cds_dates(AS_OF, "1Y")
    assert [str(d) for d in found] == ["2025-12-22", "2026-03-20", "2026-06-22", "2026-09-21", "2026-12-20"]
    assert dates.cds_dates(np.datetime64("2026-03-23"), "1Y")[-1] == np.datetime64("2027-06-20")


def test_end_of_month() -> None:
    assert dates.end_of_month(np.datetime64("2026-02-10"), "TARGET") == np.datetime64("2026-02-27")
    assert dates.end_of_month(np.datetime64("2026-02-10"), "NULL") == np.datetime64("2026-02-28")


def test_years_are_actual_365() -> None:
    assert dates.years(AS_OF, np.datetime64("2028-01-15")) == 730 / 365
    later = np.array(["2026-01-15", "2026-01-14"], dtype="datetime64[D]")
    np.testing.assert_array_equal(dates.years(AS_OF, later), [0.0, -1 / 365])


def test_parse_date_takes_iso_only() -> None:
    assert dates.parse_date(" 2026-01-15") == AS_OF
    for text in ("2026-1-15", "15/01/2026", "20260115", "2026-02-30", "2026", ""):
        with pytest.raises(ValueError, match=r"date|day|month"):
            dates.parse_date(text)


def test_unknown_names_say_what_is_known() -> None:
    assert dates.is_calendar("TARGET+US")
    assert not dates.is_calendar("TARGET+MOON")
    assert not dates.is_calendar("")
    assert dates.is_tenor("3M")
    assert not dates.is_tenor("3")
    assert dates.is_day_count("30E/360")
    with pytest.raises(ValueError, match=r"a calendar of TARGET, .* got 'MOON'"):
        dates.adjust(AS_OF, "MOON")
    with pytest.raises(ValueError, match=r"a day count of A360, .* got '31/360'"):
        dates.year_fraction("31/360", AS_OF, AS_OF)
    with pytest.raises(ValueError, match=r"a tenor such as 2D, .* got '3 months'"):
        dates.add_tenor(AS_OF, "3 months")
    with pytest.raises(ValueError, match="a convention of MF"):
        dates.adjust(AS_OF, "TARGET", "XX")
    with pytest.raises(ValueError, match="a start before the end, got 2026-01-15, 2026-01-15"):
        dates.schedule(AS_OF, AS_OF, "3M", "TARGET")


def test_tenors_in_years() -> None:
    assert [dates.tenor_years(t) for t in ("365D", "18M", "30Y")] == [1.0, 1.5, 30.0]
    assert dates.tenor_years("52W") == pytest.approx(364 / 365)
    with pytest.raises(ValueError, match="3M"):
        dates.tenor_years("half a year")
