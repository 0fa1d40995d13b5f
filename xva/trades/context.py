"""What a trade needs beside its terms to say what it promises: a date, indices and past fixings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from xva import dates
from xva.errors import TradeError
from xva.market.conventions import BUILT_IN, STANDARD_INDICES, Conventions
from xva.market.indices import RateIndex
from xva.numerics.types import Dates, Floats


@dataclass(frozen=True)
class TradeContext:
    """The valuation date, the index definitions and what has been fixed.

    Parameters
    ----------
    as_of : datetime64[D]
    indices : mapping of name to RateIndex
        Default `STANDARD_INDICES`.
    fixings : mapping of (name, ISO date) to float
        Name of a rate index, or ``FX/EUR/USD`` for the USD price of one EUR. Taken as it is at the first
        use. Fixings before ``as_of`` are needed where a trade refers to them; one on ``as_of`` is used
        if it is there, else the market's own value that day is (spot, or the forward of the index).
    open_today : callable, optional
        Told the name of every fixing on ``as_of`` that a trade asks for and that is not there.
    conventions : Conventions
        By currency, for legs without an index.
    """

    as_of: np.datetime64
    indices: Mapping[str, RateIndex] = field(default_factory=lambda: STANDARD_INDICES)
    fixings: Mapping[tuple[str, str], float] = field(default_factory=dict)
    open_today: Callable[[str], object] | None = field(default=None, compare=False, repr=False)
    conventions: Conventions = field(default=BUILT_IN, repr=False)

    def __repr__(self) -> str:
        return f"TradeContext({self.as_of}: {len(self.indices)} indices, {len(self.fixings):,} fixings)"

    def times(self, days: Dates) -> Floats:
        """Actual/365 (Fixed) year fractions from ``as_of``, shape of ``days``."""
        return np.asarray(dates.years(self.as_of, days), dtype=np.float64)

    def time(self, day: np.datetime64) -> float:
        """Actual/365 (Fixed) year fraction from ``as_of``."""
        return float(dates.years(self.as_of, day))

    def index(self, name: str, currency: str = "") -> RateIndex:
        """The index ``name``, which must be in ``currency`` if one is given.

        Raises
        ------
        TradeError
            Unknown index, or an index of another currency.
        """
        try:
            index = self.indices[name]
        except KeyError:
            near = sorted(n for n, i in self.indices.items() if i.currency == currency) or sorted(
                self.indices
            )
            raise TradeError.of("index", f"one of {', '.join(near)}", repr(name), ids=[name]) from None
        if currency and index.currency != currency:
            raise TradeError.of("index", f"one in {currency}", f"{name} in {index.currency}", ids=[name])
        return index

    def ibor(self, name: str, currency: str) -> RateIndex:
        """As `index`, and it must not be an overnight index."""
        index = self.index(name, currency)
        if index.overnight:
            raise TradeError.of("index", "a term index such as 6M", f"the overnight {name}", ids=[name])
        return index

    def fixed(self, name: str, days: Dates) -> Floats:
        """What is fixed of ``name`` on ``days``: the fixings, NaN where still open.

        Raises
        ------
        TradeError
            A fixing before ``as_of`` is missing.
        """
        return self._complete(name, days, self._lookup(name, days))

    def known(self, name: str, days: Dates) -> Floats:
        """As `fixed`, but NaN also where a past fixing is missing."""
        values = self._lookup(name, days)
        if self.open_today is not None and bool((np.isnan(values) & (days == self.as_of)).any()):
            self.open_today(name)
        return values

    def fx_fixed(self, base: str, quote: str, days: Dates) -> Floats:
        """Units of ``quote`` per one ``base`` fixed on ``days``, NaN where open; from either quotation."""
        name = f"FX/{base}/{quote}"
        direct, inverse = self._lookup(name, days), self._lookup(f"FX/{quote}/{base}", days)
        return self._complete(name, days, np.where(np.isnan(direct), 1.0 / inverse, direct))

    def _lookup(self, name: str, days: Dates) -> Floats:
        """The fixings up to ``as_of``, NaN where there is none."""
        known_days, known = self._history.get(name, _NOTHING)
        place = np.minimum(np.searchsorted(known_days, days), len(known) - 1)
        return np.where((known_days[place] == days) & (days <= self.as_of), known[place], np.nan)

    def _complete(self, name: str, days: Dates, values: Floats) -> Floats:
        """``values``, none of which is open before ``as_of``; tells `open_today`."""
        gaps = np.asarray(days)[np.isnan(values)]
        missing = gaps[gaps < self.as_of]
        if missing.size:
            first, last = missing.min(), missing.max()
            when = f"on {first}" if first == last else f"on {missing.size} dates from {first} to {last}"
            fix = "add it to the fixings"
            raise TradeError.of(
                f"fixing of {name}", f"a past fixing {when}", "none", fix, ids=[name, str(first)]
            )
        if self.open_today is not None and bool((gaps == self.as_of).any()):
            self.open_today(name)
        return values

    @cached_property
    def _history(self) -> dict[str, tuple[Dates, Floats]]:
        series: dict[str, dict[str, float]] = {}
        for (name, day), value in self.fixings.items():
            series.setdefault(name, {})[day] = value
        history = {}
        for name, points in series.items():
            days = np.array(sorted(points), dtype="datetime64[D]")
            values = np.array([points[day] for day in sorted(points)], dtype=np.float64)
            if not np.isfinite(values).all():
                bad, got = days[~np.isfinite(values)][0], values[~np.isfinite(values)][0]
                where = f"fixing of {name} on {bad}"
                raise TradeError.of(where, "a finite number", str(got), ids=[name, str(bad)])
            history[name] = (days, values)
        return history


_NOTHING: tuple[Dates, Floats] = (np.array(["NaT"], dtype="datetime64[D]"), np.array([np.nan]))
