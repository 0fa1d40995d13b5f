"""Dates of the exposure grid, from a line such as ``1M..5Y, 3M..10Y`` or from a list."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xva import dates

_TENOR = r"[1-9][0-9]*[DWMY]"
_PIECE = re.compile(rf"(?P<step>{_TENOR})(\.\.(?P<end>{_TENOR}))?")
_UNIT_DAYS = {"D": 1.0, "W": 7.0, "M": 365.0 / 12.0, "Y": 365.0}


def check_grid(grid: str | list[date]) -> None:
    """Raise ValueError, as ``field: expected|got|fix``, where the grid makes no sense."""
    if isinstance(grid, list):
        if not grid or any(b <= a for a, b in pairwise(grid)):
            raise ValueError("grid: dates in increasing order|another order or none|sort them")
        return
    reached = 0.0
    for piece in grid.split(","):
        match = _PIECE.fullmatch(piece.strip())
        if match is None:
            raise ValueError(
                f'grid: steps such as "1M..5Y, 3M..10Y"|{piece.strip()!r}|write STEP..END or TENOR'
            )
        end = _days(match["end"] or match["step"])
        if end <= reached:
            raise ValueError(f"grid: pieces that end later and later|{piece.strip()!r}|put them in order")
        reached = end


def grid_dates(grid: str | list[date], as_of: np.datetime64, last: np.datetime64) -> NDArray[np.datetime64]:
    """The grid's dates, ``(time,)``, strictly after ``as_of`` and increasing.

    ``STEP..END`` steps by calendar-free tenors counted from ``as_of`` and goes on where the piece before
    ended. A line is cut at the first date on or after ``last``, the last payment of the book (nothing is
    left to expose beyond it); a list of dates is taken as it is.
    """
    if isinstance(grid, list):
        return np.array(grid, dtype="datetime64[D]")
    found: list[np.datetime64] = []
    for piece in grid.split(","):
        match = _PIECE.fullmatch(piece.strip())
        if match is None:
            raise ValueError(f"a grid piece, got {piece!r}")
        step, end = match["step"], dates.add_tenor(as_of, match["end"] or match["step"])
        reached = found[-1] if found else as_of
        number, unit = int(step[:-1]), step[-1]
        k = 1
        while (day := dates.add_tenor(as_of, f"{k * number}{unit}")) <= end:
            if day > reached:
                found.append(day)
            k += 1
    days = np.array(found, dtype="datetime64[D]")
    return days[: int(np.searchsorted(days, last)) + 1]


def _days(tenor: str) -> float:
    return int(tenor[:-1]) * _UNIT_DAYS[tenor[-1]]
