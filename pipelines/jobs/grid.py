"""Dates of the exposure grid, from a line such as ``1M..5Y, 3M..10Y + cashflows`` or from a list."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.jobs.problems import FieldError
from xva import dates
from xva.exposure.compiled import Breaks
from xva.exposure.flow_dates import flow_dates
from xva.trades import Trade, TradeContext
from xva.trades.claims import Claim

SOBOL_LIMIT = 21_201
"""Largest dates × factors that scrambled Sobol points cover."""
MOST_DATES = 240
"""Dates up to which ``+ cashflows`` adds the book's own (its steps alone may be more)."""
MOST_FINE = 200
MORE_FINE = 80
"""Dates on which what a grid leaves out is measured, and how many more of the book's own where the grid has as many itself."""

_FINE = "1W..1M, 1M..5Y, 3M..10Y, 6M..30Y + cashflows"
_PIECE = re.compile(rf"(?P<step>{dates.LENGTH})(\.\.(?P<end>{dates.LENGTH}))?")
_CASHFLOWS = re.compile(r"\s*\+\s*cashflows\s*$")
_UNIT_DAYS = {"D": 1.0, "W": 7.0, "M": 365.0 / 12.0, "Y": 365.0}


def check_grid(grid: str | list[date]) -> None:
    """Raise FieldError where the grid makes no sense."""
    if isinstance(grid, list):
        if not grid or any(b <= a for a, b in pairwise(grid)):
            raise FieldError.of("grid", "dates in increasing order", "another order or none", "sort them")
        if grid[0] < dates.EARLIEST.item() or grid[-1] > dates.LATEST.item():
            allowed = f"dates from {dates.EARLIEST} to {dates.LATEST}"
            raise FieldError.of("grid", allowed, f"{grid[0]} to {grid[-1]}", "correct them")
        return
    reached = 0.0
    for piece in _pieces(grid):
        match = _PIECE.fullmatch(piece)
        if match is None:
            fix = 'write STEP..END or TENOR, with "+ cashflows" at the end or without'
            raise FieldError.of("grid", 'steps such as "1M..5Y, 3M..10Y"', repr(piece), fix)
        end = _days(match["end"] or match["step"])
        if end <= reached:
            raise FieldError.of("grid", "pieces that end later and later", repr(piece), "put them in order")
        reached = end


def sees_cashflows(grid: str | list[date]) -> bool:
    """Whether the book's own dates join the grid's."""
    return isinstance(grid, str) and _CASHFLOWS.search(grid) is not None


def grid_dates(grid: str | list[date], as_of: np.datetime64, last: np.datetime64) -> NDArray[np.datetime64]:
    """The grid's dates, ``(time,)``, strictly after ``as_of`` and increasing.

    ``STEP..END`` steps by calendar-free tenors counted from ``as_of`` and goes on where the piece before
    ended. A line is cut at the first date on or after ``last``, the last payment of the book (nothing is
    left to expose beyond it); with ``+ cashflows`` it ends on ``last``, years being added where it is shorter. A list of
    dates is taken as it is.
    """
    if isinstance(grid, list):
        return np.array(grid, dtype="datetime64[D]")
    found: list[np.datetime64] = []
    for piece in _pieces(grid):
        match = _PIECE.fullmatch(piece)
        if match is None:
            raise ValueError(f"a grid piece, got {piece!r}")
        _extend(found, as_of, match["step"], dates.add_tenor(as_of, match["end"] or match["step"]))
    if sees_cashflows(grid):
        _extend(found, as_of, "1Y", last)
        days = np.array(found, dtype="datetime64[D]")
        end = np.array([last] if last > as_of else [], dtype="datetime64[D]")
        return np.union1d(days[days < last], end).astype("datetime64[D]")
    days = np.array(found, dtype="datetime64[D]")
    return days[: int(np.searchsorted(days, last)) + 1]


@dataclass(frozen=True)
class BookTerms:
    """What of a book decides on its dates; ``prices`` as in `flow_dates`, ``factors`` is how many its model has."""

    trades: Sequence[Trade]
    claims: Sequence[Sequence[Claim]]
    context: TradeContext
    prices: Mapping[str, float]
    factors: int
    breaks: Breaks

    def of_sets(self, names: Sequence[str]) -> BookTerms:
        """Those of some netting sets' trades."""
        own = [k for k, trade in enumerate(self.trades) if trade.netting_set in names]
        return replace(self, trades=[self.trades[k] for k in own], claims=[self.claims[k] for k in own])


def most_dates(factors: int) -> int:
    """Up to how many dates ``+ cashflows`` adds the book's own."""
    return min(MOST_DATES, SOBOL_LIMIT // max(factors, 1))


def with_cashflows(
    days: NDArray[np.datetime64], book: BookTerms, most: int | None = None, enough: float = 1e-3
) -> NDArray[np.datetime64]:
    """Dates ``(time,)`` after ``as_of`` with those of the book that help most.

    Each with the day before it. They are added up to ``most`` (`most_dates`), until no more than ``enough`` is left unseen.
    """
    as_of = book.context.as_of.astype("datetime64[D]")
    found = flow_dates(book.trades, book.claims, book.context, book.prices, book.breaks)
    grid = np.union1d([0], (days - as_of).astype(np.int64)).astype(np.int64)
    dated: NDArray[np.datetime64] = as_of + found.added(grid, most or most_dates(book.factors), enough)[
        1:
    ].astype("timedelta64[D]")
    return dated


def fine_dates(days: NDArray[np.datetime64], book: BookTerms) -> NDArray[np.datetime64]:
    """A grid ``(time,)`` to measure against what ``days`` leave out: they, steps of their own, and the book's dates.

    A third of `MOST_FINE` is kept for the book's own, or `MORE_FINE` dates more than ``days`` has, as Sobol points allow.
    """
    limit = SOBOL_LIMIT // max(book.factors, 1)
    as_of, most = book.context.as_of, min(max(MOST_FINE, len(days) + MORE_FINE), limit)
    last = max((t.maturity for t in book.trades), default=as_of)
    steps = grid_dates(_FINE, as_of, last)
    every = np.union1d(days, steps).astype("datetime64[D]")
    return with_cashflows(every if len(every) <= 2 * most // 3 else days, book, max(most, len(days)), 0.0)


def spot_prices(quotes: Mapping[str, float], home: str) -> dict[str, float]:
    """Of currencies and equities in the reporting currency, as far as single quotes tell: for sizes, not for values."""
    pairs = {}
    for name, value in quotes.items():
        kind, _, rest = name.partition("/RATE/")
        if kind == "FX" and rest.count("/") == 1 and value > 0.0:
            base, quote = rest.split("/")
            pairs[base, quote], pairs[quote, base] = value, 1.0 / value
    found = {home: 1.0}
    for _ in range(2):
        found |= {a: x * found[b] for (a, b), x in pairs.items() if b in found and a not in found}
    for name, value in quotes.items():
        kind, _, rest = name.partition("/PRICE/")
        if kind == "EQUITY" and rest.count("/") == 1:
            equity, currency = rest.split("/")
            found[equity] = value * found.get(currency, 1.0)
    return found


def _pieces(grid: str) -> list[str]:
    return [piece.strip() for piece in _CASHFLOWS.sub("", grid).split(",")]


def _extend(found: list[np.datetime64], as_of: np.datetime64, step: str, end: np.datetime64) -> None:
    """Go on by steps counted from ``as_of`` up to ``end``."""
    reached = found[-1] if found else as_of
    number, unit = int(step[:-1]), step[-1]
    k = 1
    while (day := dates.add_tenor(as_of, f"{k * number}{unit}")) <= end:
        if day > reached:
            found.append(day)
        k += 1


def _days(tenor: str) -> float:
    return int(tenor[:-1]) * _UNIT_DAYS[tenor[-1]]
