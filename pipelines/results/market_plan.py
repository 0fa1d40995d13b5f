"""What a job's market is built from: curves in the order of building with quotes and pillars, and quotes left out with why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.jobs.inputs import LoadedJob
from xva.market import Market, MarketConfig, QuoteInfo, build_market, quote_info
from xva.market.layout import Layout, layout
from xva.market.planner import Credit, Rates


@dataclass(frozen=True)
class PillarRow:
    """A quote of a curve, the pillar it brings, and what the curve is there."""

    quote: str
    value: float
    date: np.datetime64
    years: float
    result: float


@dataclass(frozen=True)
class CurvePlan:
    """One curve: its place in the order of building, the kinds of its quotes, the curves beneath, its pillars by date.

    ``what`` says what the results are: discount factors or survival probabilities.
    """

    position: int
    name: str
    kinds: tuple[str, ...]
    needs: tuple[str, ...]
    what: str
    pillars: tuple[PillarRow, ...]


@dataclass(frozen=True)
class CurrencyPlan:
    """A currency, its discount curve and its conventions in words."""

    currency: str
    discount: str
    terms: str


@dataclass(frozen=True)
class MarketPlan:
    """A job's market. ``projection`` is by index; ``left_out`` are quotes by the reason why nothing is built from them."""

    name: str
    as_of: np.datetime64
    reporting_currency: str
    currencies: tuple[CurrencyPlan, ...]
    projection: Mapping[str, str]
    curves: tuple[CurvePlan, ...]
    left_out: Mapping[str, tuple[str, ...]]


def market_plan(job: LoadedJob) -> MarketPlan:
    """What the market of a loaded (so valid) job is built from."""
    config = job.market_config
    plan = layout(job.quotes.ids, config)
    with torch.no_grad():
        market = job.checked.world.market if job.checked is not None else build_market(job.quotes, config)
        curves = _curves(plan, market, dict(zip(job.quotes.ids, job.quotes.values.tolist())))
    left: dict[str, list[str]] = {}
    for quote_id, fault in job.unused.items():
        left.setdefault(fault or _why(quote_info(quote_id), config), []).append(quote_id)
    return MarketPlan(
        job.spec.name,
        job.as_of,
        config.reporting_currency,
        tuple(CurrencyPlan(c, name, _terms(c, config)) for c, name in config.discount.items()),
        {i: name for i, name in config.projection.items() if name in market.curves},
        curves,
        {why: tuple(ids) for why, ids in left.items()},
    )


def _curves(plan: Layout, market: Market, values: Mapping[str, float]) -> tuple[CurvePlan, ...]:
    found = []
    recipes: list[Rates | Credit] = [*plan.recipes, *plan.credit]
    for position, recipe in enumerate(recipes, 1):
        survival = position > len(plan.recipes)
        times = np.array(list(recipe.pillars.values()))
        if survival:
            results = market.survival_curve(recipe.name).survival(times)
        else:
            results = market.curves[recipe.name].discount(times)
        rows = [
            PillarRow(i, values[i], market.as_of + np.timedelta64(round(365.0 * t), "D"), t, p)
            for (i, t), p in zip(recipe.pillars.items(), results.tolist())
        ]
        rows.sort(key=lambda row: row.years)
        name, what = (f"CREDIT-{recipe.name}", "survival") if survival else (recipe.name, "discount factor")
        kinds = tuple(dict.fromkeys(quote_info(row.quote).family for row in rows))
        needs = tuple(dict.fromkeys(recipe.needs))
        found.append(CurvePlan(position, name, kinds, needs, what, tuple(rows)))
    return tuple(found)


def _terms(currency: str, config: MarketConfig) -> str:
    row = config.conventions.of(currency)
    overnight = config.overnight_index(currency)
    return (
        f"calendar {row.calendar}, FX spot in {row.spot_lag} days, {row.points:g} points to one unit, "
        f"overnight {overnight.name if overnight else 'none'}, swaptions on {row.swaption_index or 'none'}"
    )


def _why(info: QuoteInfo, config: MarketConfig) -> str:
    """Why nothing of the book is built from a sound quote."""
    currencies = {
        info.terms[k] for k in ("currency", "base", "flat_currency") if info.terms.get(k)
    } - config.discount.keys()
    if info.family in ("CDS", "hazard rate", "recovery"):
        return "credit of a name that the book has not"
    if info.family in ("equity", "equity vol", "dividend"):
        return "an equity that the book has not"
    if currencies:
        return f"in currencies that the book has not: {', '.join(sorted(currencies))}"
    named = config.curves.get(info.curve)
    if named is not None and not named.takes(info.quote_id):
        return f"not among the quotes of [market.curves.{info.curve}]"
    return f"{info.family} that no curve or model of the book needs"
