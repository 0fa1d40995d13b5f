"""Sort volatility and equity quotes by what they belong to, and order them by expiry."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xva import dates
from xva.errors import InputErrors, Problem
from xva.market.labels import QuoteInfo
from xva.market.recipes import order_by_date, pillar_date

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Strip:
    """Quotes at the pillars ``times`` of one volatility curve, ordered."""

    quote_ids: tuple[str, ...]
    times: NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Quotes of one swaption surface, row by row."""

    quote_ids: tuple[str, ...]
    expiries: NDArray[np.float64]
    tenors: NDArray[np.float64]


@dataclass(frozen=True)
class EquityQuotes:
    """Quotes of one equity; ``dividend`` and ``vols`` may be missing."""

    currency: str
    price: str
    dividend: str | None
    vols: Strip | None


def grouped(quotes: Sequence[QuoteInfo], key: Callable[[QuoteInfo], Key]) -> dict[Key, list[QuoteInfo]]:
    """Quotes by key, in their order."""
    groups: dict[Key, list[QuoteInfo]] = {}
    for quote in quotes:
        groups.setdefault(key(quote), []).append(quote)
    return groups


def strips(
    as_of: np.datetime64,
    quotes: Sequence[QuoteInfo],
    key: Callable[[QuoteInfo], Key],
    problems: list[Problem],
) -> dict[Key, Strip]:
    """One ordered strip per key; what is wrong is added to ``problems``."""
    found: dict[Key, Strip] = {}
    for name, group in grouped(quotes, key).items():
        ids = [q.quote_id for q in group]
        try:
            ends = [pillar_date(as_of, q.tenor) for q in group]
            order, times = order_by_date(f"the {group[0].family} curve {group[0].curve}", as_of, ids, ends)
        except InputErrors as error:
            problems += error.problems
            continue
        found[name] = Strip(tuple(ids[k] for k in order), times)
    return found


def swaption_grids(
    as_of: np.datetime64, quotes: Sequence[QuoteInfo], problems: list[Problem]
) -> dict[str, Grid]:
    """One full grid per currency; holes in it are added to ``problems``."""
    found: dict[str, Grid] = {}
    for currency, group in grouped(quotes, lambda q: q.currency).items():
        by_node = {(_expiry(as_of, q), dates.tenor_years(q.terms["tenor"])): q.quote_id for q in group}
        expiries = {_expiry(as_of, q): q.terms["expiry"] for q in group}
        tenors = {dates.tenor_years(q.terms["tenor"]): q.terms["tenor"] for q in group}
        rows, columns = sorted(expiries), sorted(tenors)
        holes = [
            f"SWAPTION/RATE_NVOL/{currency}/{expiries[e]}/{tenors[t]}/ATM"
            for e in rows
            for t in columns
            if (e, t) not in by_node
        ]
        problems += [
            Problem(f"quote {hole}", "a value: the swaption grid must be full", "none", "add it")
            for hole in holes
        ]
        if not holes:
            ids = tuple(by_node[e, t] for e in rows for t in columns)
            found[currency] = Grid(ids, np.array(rows), np.array(columns))
    return found


def equity_quotes(
    as_of: np.datetime64, quotes: Mapping[str, Sequence[QuoteInfo]], problems: list[Problem]
) -> dict[str, EquityQuotes]:
    """Quotes by equity from those by family: one currency each, no dividend or volatility without price."""
    prices, dividends, vols = (quotes.get(f, ()) for f in ("equity", "dividend", "equity vol"))
    found: dict[str, EquityQuotes] = {}
    yields = {(q.terms["name"], q.currency): q.quote_id for q in dividends}
    curves = strips(as_of, vols, lambda q: (q.terms["name"], q.currency), problems)
    for quote in prices:
        name, key = quote.terms["name"], (quote.terms["name"], quote.currency)
        if name in found:
            got = f"also one in {found[name].currency}"
            problems.append(Problem(f"quote {quote.quote_id}", f"one price of {name}", got, "leave one out"))
        found[name] = EquityQuotes(quote.currency, quote.quote_id, yields.get(key), curves.get(key))
    priced = {(name, quoted.currency) for name, quoted in found.items()}
    for quote in (*dividends, *vols):
        name, currency = quote.terms["name"], quote.currency
        if (name, currency) not in priced:
            price = f"a quote EQUITY/PRICE/{name}/{currency}"
            problems.append(Problem(f"quote {quote.quote_id}", price, "none", "add it"))
    return found


def _expiry(as_of: np.datetime64, quote: QuoteInfo) -> float:
    return dates.years(as_of, pillar_date(as_of, quote.terms["expiry"]))
