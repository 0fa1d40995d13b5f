"""Grids from lines and lists."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.jobs.grid import check_grid, grid_dates, sees_cashflows, spot_prices

AS_OF = np.datetime64("2026-01-15")
FAR = np.datetime64("2099-01-01")


def days(*texts: str) -> list[np.datetime64]:
    return list(np.array(texts, dtype="datetime64[D]"))


def test_steps_go_on_from_piece_to_piece():
    got = grid_dates("1M..3M, 6M..1Y, 2Y", AS_OF, FAR)
    want = days("2026-02-15", "2026-03-15", "2026-04-15", "2026-07-15", "2027-01-15", "2028-01-15")
    assert list(got) == want


def test_month_ends_are_counted_from_the_start():
    got = grid_dates("1M..3M", np.datetime64("2026-01-31"), FAR)
    assert list(got) == days("2026-02-28", "2026-03-31", "2026-04-30")


def test_the_full_bank_has_120_dates():
    assert grid_dates("1M..5Y, 3M..10Y, 6M..30Y", AS_OF, FAR).shape == (120,)


def test_cut_at_the_first_date_on_or_after_the_last_payment():
    assert list(grid_dates("1M..1Y", AS_OF, np.datetime64("2026-03-16"))) == days(
        "2026-02-15", "2026-03-15", "2026-04-15"
    )
    assert list(grid_dates("1M..1Y", AS_OF, np.datetime64("2026-03-15"))) == days("2026-02-15", "2026-03-15")


def test_a_list_is_taken_as_it_is():
    listed = [date(2026, 2, 1), date(2030, 1, 1)]
    assert list(grid_dates(listed, AS_OF, np.datetime64("2027-01-01"))) == days("2026-02-01", "2030-01-01")


def test_with_cashflows_a_line_ends_on_the_last_payment():
    last = np.datetime64("2028-06-20")
    assert list(grid_dates("1M..2M, 1Y + cashflows", AS_OF, last)) == days(
        "2026-02-15", "2026-03-15", "2027-01-15", "2028-01-15", "2028-06-20"
    )
    assert list(grid_dates("1M..1Y + cashflows", AS_OF, np.datetime64("2026-01-21"))) == days("2026-01-21")
    assert sees_cashflows("1M..1Y+cashflows")
    assert not sees_cashflows("1M..1Y")
    check_grid("1M..1Y, 2Y + cashflows")


def test_prices_through_single_quotes():
    quotes = {
        "FX/RATE/EUR/USD": 1.25,
        "FX/RATE/USD/JPY": 100.0,
        "EQUITY/PRICE/AA/USD": 50.0,
        "EQUITY/PRICE/BB/XXX": 2.0,
    }
    got = spot_prices(quotes, "EUR")
    assert got == pytest.approx({"EUR": 1.0, "USD": 0.8, "JPY": 0.008, "AA": 40.0, "BB": 2.0})


@pytest.mark.parametrize(
    "grid",
    [
        "1Y + flows",
        "+ cashflows",
        "1Y + cashflows + cashflows",
        "",
        "1M..",
        "0M..1Y",
        "1M..1Y; 2Y",
        "1Y..2Y, 1M..1Y",
        "monthly",
        [],
    ],
)
def test_nonsense(grid):
    with pytest.raises(ValueError, match="grid: "):
        check_grid(grid)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(["1W", "1M", "3M", "6M"]), st.integers(1, 5)), min_size=1, max_size=4),
    st.integers(1, 9000),
)
def test_any_line_gives_increasing_dates_after_the_start(pieces, life):
    ends = np.cumsum([years for _, years in pieces])
    line = ", ".join(f"{step}..{end}Y" for (step, _), end in zip(pieces, ends, strict=True))
    check_grid(line)
    last = AS_OF + np.timedelta64(life, "D")
    got = grid_dates(line, AS_OF, last)
    assert (np.diff(got).astype(int) > 0).all()
    assert got[0] > AS_OF
    assert (got[:-1] < last).all()
