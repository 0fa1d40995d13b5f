"""The market's conventions by currency, in one table: calendars, FX spot lags, rate indices, quoted swaps, FX points.

The table is data, `xva/market/data/currencies.toml`, with the source of every row. What a row leaves out, and every currency
without a row, has the defaults of `CurrencyConvention`. No module has a table by currency.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from itertools import chain
from typing import Any, final

import numpy as np

from xva import dates
from xva.errors import InputErrors, MarketDataError, Problem
from xva.market.indices import RateIndex, SwapConvention, lag_problems, problems_of

_IBOR_SWAP = SwapConvention("1Y", "30/360")
BASIS_FREQUENCY = "3M"
"""Periods of swaps of overnight against overnight, in one currency or in two."""


@final
@dataclass(frozen=True, kw_only=True)
class CurrencyConvention:
    """One currency's row; the defaults are those of a currency that the table does not have.

    Parameters
    ----------
    currency : str
    calendar : str
        Of payments and of FX settlement, a name of `xva.dates`.
    spot_lag : int
        Business days from an FX trade to its spot; a pair takes the longer of its two. USD has 1, because it settles in
        one day against some (CAD, TRY) and in two, by their lag, against the others.
    points : float
        FX points to one unit, of pairs quoted in this currency. A job may state its own by pair.
    ibor_swap : SwapConvention
        Swaps against an index that does not say its own; against an overnight index they are annual on the index's day count.
    indices : tuple of RateIndex
        The currency's standard rate indices.
    swaption_index : str
        Name of the index under quoted swaptions; empty: none is known, and the currency's model has to be stated.

    Raises
    ------
    InputErrors
        All that is wrong.
    """

    currency: str
    calendar: str = "WEEKENDS"
    spot_lag: int = 2
    points: float = 1e4
    ibor_swap: SwapConvention = _IBOR_SWAP
    indices: tuple[RateIndex, ...] = ()
    swaption_index: str = ""

    def __post_init__(self) -> None:
        where, names = f"currency {self.currency}", [i.name for i in self.indices]
        overnight = [i.name for i in self.indices if i.overnight]
        others = [i.name for i in self.indices if i.currency != self.currency]
        index = self.swaption_index
        problems = problems_of(
            where,
            calendar=(dates.is_calendar(self.calendar), dates.CALENDARS_IN_WORDS, self.calendar),
            points=(self.points > 0.0, "FX points to one unit, > 0", self.points),
            indices=(not others, f"indices in {self.currency}", ", ".join(others)),
            overnight=(len(overnight) <= 1, "one overnight index at most", ", ".join(overnight)),
            swaption_index=(index in {"", *names}, f"one of {', '.join(names) or 'its indices'}", index),
        ) + lag_problems(where, spot_lag=self.spot_lag)
        if problems:
            raise InputErrors(problems)


@final
@dataclass(frozen=True)
class Conventions:
    """The table: rows by currency, and what follows from them.

    Parameters
    ----------
    rows : mapping of str to CurrencyConvention
    """

    rows: Mapping[str, CurrencyConvention] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Conventions({', '.join(self.rows)})"

    def __hash__(self) -> int:
        return hash(frozenset(self.rows.items()))

    @cached_property
    def indices(self) -> dict[str, RateIndex]:
        """All indices by name, in the order of the table."""
        return {i.name: i for row in self.rows.values() for i in row.indices}

    def of(self, currency: str) -> CurrencyConvention:
        """The currency's row, or the defaults if it has none: the one rule for a currency that the table does not know."""
        return self.rows.get(currency) or CurrencyConvention(currency=currency)

    def swap(self, index: RateIndex) -> SwapConvention:
        """Fixed leg of the quoted swap: the index's own, else overnight annual on its day count, ibor by currency."""
        if index.swap is not None:
            return index.swap
        if index.overnight:
            return SwapConvention("1Y", index.day_count)
        return self.of(index.currency).ibor_swap

    def standard_swap(self, index: object, currency: object) -> SwapConvention:
        """The swap that the market quotes on an index; the currency's ibor swap where the name is none of the table's."""
        known = self.indices.get(index) if isinstance(index, str) else None
        return self.swap(known) if known is not None else self.of(str(currency)).ibor_swap

    def standard_basis_frequency(self, *indices: object) -> str:
        """Periods of the overnight legs of a swap of floating against floating: those of the ibor leg, if there is one."""
        known = [self.indices[i] for i in indices if isinstance(i, str) and i in self.indices]
        return next((index.tenor for index in known if not index.overnight), BASIS_FREQUENCY)

    def with_rows(self, rows: Mapping[str, CurrencyConvention]) -> Conventions:
        """The table with these rows in the place of their currencies' own."""
        return Conventions({**self.rows, **rows})

    def fx_calendar(self, first: str, second: str) -> str:
        """The calendar on whose business days a pair settles."""
        return dates.joint_calendar(self.of(first).calendar, self.of(second).calendar)

    def fx_spot_date(self, as_of: np.datetime64, first: str, second: str) -> np.datetime64:
        """When an FX trade of ``as_of`` settles."""
        lag = max(self.of(first).spot_lag, self.of(second).spot_lag)
        return np.datetime64(dates.business_days(as_of, lag, self.fx_calendar(first, second)))


def read_conventions(tables: Mapping[str, Any]) -> Conventions:
    """The table that is written as `xva/market/data/currencies.toml` is.

    Raises
    ------
    InputErrors
        All that is wrong with all rows.
    """
    rows, problems = {}, []
    for currency, table in tables.items():
        try:
            rows[currency] = _row(currency, table)
        except InputErrors as error:
            problems += [Problem(f"[{currency}] {p.where}", p.expected, p.got, p.fix) for p in error.problems]
        except (TypeError, KeyError) as error:
            problems.append(Problem(f"[{currency}]", "the keys of a currency", str(error)))
    if problems:
        raise InputErrors(problems)
    return Conventions(rows)


def _row(currency: str, table: Mapping[str, Any]) -> CurrencyConvention:
    terms = dict(table)
    single = ((name, t) for name, t in terms.pop("indices", {}).items())
    families = chain.from_iterable(_family(name, t) for name, t in terms.pop("terms", {}).items())
    usual = {"calendar": terms.get("calendar", CurrencyConvention.calendar)}
    indices = tuple(_index(currency, name, usual | t) for name, t in chain(single, families))
    if "ibor_swap" in terms:
        terms["ibor_swap"] = SwapConvention(**terms["ibor_swap"])
    return CurrencyConvention(currency=currency, indices=indices, **terms)


def _family(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The indices of a family: one a tenor, each with what the family has and its own swap."""
    shared = {k: v for k, v in table.items() if k not in ("tenors", "swaps")}
    for tenor in table["tenors"]:
        own = {"swap": swap} if (swap := table.get("swaps", {}).get(tenor)) else {}
        yield f"{name}-{tenor}", shared | {"tenor": tenor} | own


def _index(currency: str, name: str, table: Mapping[str, Any]) -> RateIndex:
    terms = {k: v for k, v in table.items() if k != "source"}
    swap = SwapConvention(**terms.pop("swap")) if "swap" in terms else None
    return RateIndex(name=name, currency=currency, swap=swap, **terms)


def _built_in() -> Conventions:
    text = resources.files("xva.market").joinpath("data", "currencies.toml").read_text(encoding="utf-8")
    try:
        return read_conventions(tomllib.loads(text))
    except InputErrors as error:
        raise MarketDataError(f"the conventions that come with the platform: {error.message}") from None


BUILT_IN = _built_in()
"""The conventions that come with the platform."""
TABLE: Mapping[str, CurrencyConvention] = BUILT_IN.rows
STANDARD_INDICES: dict[str, RateIndex] = BUILT_IN.indices


def convention_of(currency: str) -> CurrencyConvention:
    """The currency's built-in row, or the defaults (`Conventions.of`)."""
    return BUILT_IN.of(currency)


def swap_convention(index: RateIndex) -> SwapConvention:
    """Fixed leg of the quoted swap (`Conventions.swap`), of built-in currencies."""
    return BUILT_IN.swap(index)


def standard_swap(index: object, currency: object) -> SwapConvention:
    """Fixed leg of the swap that the market quotes on an index; of the currency's ibor swap where the name is none of ours."""
    return BUILT_IN.standard_swap(index, currency)


def standard_basis_frequency(*indices: object) -> str:
    """Periods of the overnight legs of a swap of floating against floating: those of the ibor leg, if there is one."""
    return BUILT_IN.standard_basis_frequency(*indices)


def fx_calendar(first: str, second: str) -> str:
    """The calendar on whose business days a pair settles (`Conventions.fx_calendar`), of built-in currencies."""
    return BUILT_IN.fx_calendar(first, second)


def fx_spot_date(as_of: np.datetime64, first: str, second: str) -> np.datetime64:
    """When an FX trade of ``as_of`` settles (`Conventions.fx_spot_date`), of built-in currencies."""
    return BUILT_IN.fx_spot_date(as_of, first, second)
