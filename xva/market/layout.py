"""Where every quote goes: made once per list of quote ids and configuration, used by every rebuild."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from xva.errors import MarketDataError, Problem
from xva.market.checks import RangeTable, range_table
from xva.market.config import MarketConfig
from xva.market.fx_forwards import SpotPath, spot_path
from xva.market.labels import QuoteInfo, expected_form, quote_info
from xva.market.planner import Credit, CurvePlanner, Rates
from xva.market.surfaces import EquityQuotes, Grid, Strip, equity_quotes, grouped, strips, swaption_grids


@dataclass(frozen=True)
class Layout:
    """Everything about a market but the values.

    ``recipes`` are in building order; ``spots`` are FX quotes and powers whose product is one unit of the
    currency in reporting currency; ``problems`` is what is wrong with the ids themselves.
    """

    recipes: tuple[Rates, ...]
    credit: tuple[Credit, ...]
    recoveries: Mapping[str, str]
    spots: Mapping[str, SpotPath]
    fx_vols: Mapping[tuple[str, str], Strip]
    equities: Mapping[str, EquityQuotes]
    swaptions: Mapping[str, Grid]
    caps: Mapping[tuple[str, str], Strip]
    mean_reversions: Mapping[str, str]
    short_rate_vols: Mapping[str, Strip]
    rates_parameters: Mapping[tuple[str, str, str], str]
    correlations: Mapping[tuple[str, str], str]
    ranges: RangeTable
    problems: tuple[Problem, ...]

    @cached_property
    def used(self) -> frozenset[str]:
        """Quotes that something is built from."""
        curves = [i for r in self.recipes for i in r.quote_ids]
        curves += [i for c in self.credit for i in c.quote_ids]
        spots = [i for path in self.spots.values() for i, _ in path]
        strips: list[Strip | Grid] = [*self.fx_vols.values(), *self.caps.values(), *self.swaptions.values()]
        strips += self.short_rate_vols.values()
        strips += [q.vols for q in self.equities.values() if q.vols is not None]
        shares = [i for q in self.equities.values() for i in (q.price, q.dividend) if i is not None]
        flat = [*self.recoveries.values(), *self.mean_reversions.values(), *self.correlations.values()]
        flat += self.rates_parameters.values()
        return frozenset([*curves, *spots, *(i for s in strips for i in s.quote_ids), *shares, *flat])


@lru_cache(maxsize=16)
def layout(ids: tuple[str, ...], config: MarketConfig) -> Layout:
    """Sort quotes into curves, surfaces and factors; problems are collected, not raised."""
    problems: list[Problem] = []
    rows, infos = _read(ids, config, problems)
    quotes = grouped(infos, lambda q: q.family)
    planner = CurvePlanner(config, quotes)
    for currency in config.discount:
        planner.discount(currency)
    for index in config.projection:
        planner.projection(index)
    planner.funding()
    credit = planner.credit()
    problems += planner.problems
    vols, caps = quotes.get("FX vol", ()), quotes.get("cap vol", ())
    short = quotes.get("short-rate vol", ())
    found = Layout(
        recipes=tuple(planner.recipes.values()),
        credit=credit,
        recoveries={q.terms["name"]: q.quote_id for q in quotes.get("recovery", ())},
        spots=_spots(config, planner, problems),
        fx_vols=strips(config.as_of, vols, lambda q: (q.terms["base"], q.currency), problems),
        equities=equity_quotes(config.as_of, quotes, problems),
        swaptions=swaption_grids(config.as_of, quotes.get("swaption vol", ()), problems),
        caps=strips(config.as_of, caps, lambda q: (q.currency, q.terms["index_tenor"]), problems),
        mean_reversions={q.currency: q.quote_id for q in quotes.get("mean reversion", ())},
        short_rate_vols=strips(config.as_of, short, lambda q: q.currency, problems),
        rates_parameters={
            (q.terms["name"], q.currency, q.terms["parameter"]): q.quote_id
            for q in quotes.get("rates parameter", ())
        },
        correlations={
            (q.terms["first"], q.terms["second"]): q.quote_id for q in quotes.get("correlation", ())
        },
        ranges=range_table(rows, infos),
        problems=tuple(dict.fromkeys(problems)),
    )
    if config.scope is None:
        return found
    used = [(row, info) for row, info in zip(rows, infos) if info.quote_id in found.used]
    return replace(found, ranges=range_table([row for row, _ in used], [info for _, info in used]))


def _read(
    ids: Sequence[str], config: MarketConfig, problems: list[Problem]
) -> tuple[list[int], list[QuoteInfo]]:
    rows: list[int] = []
    infos: list[QuoteInfo] = []
    for row, quote_id in enumerate(ids):
        try:
            info = quote_info(quote_id)
            if config.asks(info):
                infos.append(info)
                rows.append(row)
        except MarketDataError:
            fix = "correct the id or remove the quote"
            problems.append(
                Problem(f"quote {quote_id}", expected_form(quote_id), "an id of no known form", fix)
            )
    return rows, infos


def _spots(config: MarketConfig, planner: CurvePlanner, problems: list[Problem]) -> dict[str, SpotPath]:
    """Paths to the reporting currency; missing ones are a problem for currencies with a curve.

    Of the currencies asked for, or of all that are quoted.
    """
    reporting = config.reporting_currency
    rates = planner.quotes.get("FX", ()) if config.scope is None else ()
    quoted = [c for q in rates for c in (q.terms["base"], q.currency)]
    found: dict[str, SpotPath] = {reporting: ()}
    for currency in dict.fromkeys([*config.discount, *quoted]):
        path = spot_path(planner.quotes.get("FX", ()), currency, reporting)
        if path is not None:
            found[currency] = path
        elif currency in config.discount:
            form = f"a quote FX/RATE/{reporting}/{currency} or a chain of FX quotes"
            problems.append(Problem(f"FX rate of {currency}", form, "none", "add it"))
    return found
