"""Schedules by columns against QuantLib's, one by one; day counts of thirty days likewise."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from xva import dates
from xva.schedules import schedules

COUNT = 60
FIRST = np.datetime64("2020-01-01", "D")


@pytest.mark.parametrize("tenor", ["1M", "3M", "6M", "1Y", "28D", "2W"])
@pytest.mark.parametrize("calendar", ["TARGET", "JP", "NULL", "TARGET+US"])
@pytest.mark.parametrize("convention", ["MF", "F", "P", "U"])
def test_schedules_are_quantlibs(tenor: str, calendar: str, convention: str) -> None:
    rng = np.random.default_rng(1)
    start = FIRST + rng.integers(0, 3000, COUNT)
    end = start + rng.integers(-5, 120 if tenor[-1] in "DW" else 4000, COUNT)
    end[:3] = start[:3] + 1  # some roll to one day
    found = schedules(start, end, tenor, calendar, convention)
    for k in range(COUNT):
        mine = found.day[found.owner == k]
        try:
            expected = dates.schedule(start[k], end[k], tenor, calendar, convention)
        except ValueError:
            assert len(mine) < 2
        else:
            np.testing.assert_array_equal(mine, expected)
    assert found.inner.sum() == len(found.day) - len(np.unique(found.owner))


@pytest.mark.parametrize(
    ("name", "convention"),
    [
        ("30/360", ql.Thirty360.BondBasis),
        ("30E/360", ql.Thirty360.European),
        ("30U/360", ql.Thirty360.USA),
    ],
)
def test_months_of_thirty_days_are_quantlibs(name: str, convention: int) -> None:
    rng = np.random.default_rng(2)
    start = FIRST + rng.integers(0, 1500, 3000)
    end = start + rng.integers(1, 1500, 3000)
    counter = ql.Thirty360(convention)
    expected = [counter.yearFraction(_date(a), _date(b)) for a, b in zip(start, end)]
    np.testing.assert_array_equal(dates.year_fraction(name, start, end), expected)


def _date(day: np.datetime64) -> ql.Date:
    return ql.Date(int(day.astype(np.int64)) + 25569)
