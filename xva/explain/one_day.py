"""The same book a day later on the same quotes: theta, and what a night costs.

Rolled is the valuation date alone. Quotes keep their values and their tenors, so curves and volatilities move along with the
date (a 10y rate stays the 10y rate); exposure dates, trades and random numbers stay. Fixings that fall due meanwhile are
taken as today's market implies them: index rates and FX rates at their forwards. What pays, expires or settles meanwhile is
gone from the value the day after, which is what a desk sees.

It is a revaluation and not a derivative: schedules jump with the date, so the limit of a small step means little. Dates that
the roll passes over leave the grid, and what the measures had on them is part of the difference. Random numbers stay where
they were, on a grid that has lost dates too, so that a difference has the error of a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import xarray as xr

from xva import dates
from xva.blocks import BlockResult
from xva.errors import DomainError
from xva.exposure import ExposureEngine, WorldBuilder
from xva.exposure.block import ExposurePlan
from xva.exposure.market_fixings import market_fixing
from xva.exposure.world import plain
from xva.market import Market
from xva.models.random import merged_rotation
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES, scramble_means
from xva.sensitivities.by_quote import standard_error
from xva.sensitivities.truncation import measure_samples, sides
from xva.trades import TradeContext

MapRun = Callable[[Callable[[int], BlockResult], Iterable[int]], Iterable[BlockResult]]
Fixings = Mapping[tuple[str, str], float]


def roll(engine: ExposureEngine, business_days: int = 1, map_run: MapRun = map) -> xr.Dataset:
    """Values and measures today and some business days later.

    Parameters
    ----------
    engine : ExposureEngine
    business_days : int
        In the reporting currency's calendar.
    map_run : callable
        ``map`` or a pool's, over blocks.

    Returns
    -------
    Dataset
        ``before, after, change, theta (measure, netting_set)`` and ``total_…  (measure,)``, each with ``_se`` over the
        scrambles; a change's is that of the difference, path by path. ``theta`` is the change per calendar day.
        ``value_before, value_after, value_change (netting_set,)`` at t = 0. Attributes ``as_of, rolled_to, calendar_days,
        business_days, implied_fixings`` (how many), ``dates_passed``.

    Raises
    ------
    DomainError
        As `rolled`.
    """
    later = rolled(engine, business_days)
    (before, values), (after, later_values) = (_measured(e, map_run) for e in (engine, later))
    as_of, rolled_to = (e.book.context.as_of for e in (engine, later))
    days = int((rolled_to - as_of).astype("timedelta64[D]").astype(np.int64))
    variables: dict[str, Any] = {}
    found = {"before": before, "after": after, "change": after - before, "theta": (after - before) / days}
    for name, samples in found.items():
        total = samples.sum(-1)
        variables[name] = (("measure", "netting_set"), samples.mean(0))
        variables[f"{name}_se"] = (("measure", "netting_set"), standard_error(samples))
        variables[f"total_{name}"] = (("measure",), total.mean(0))
        variables[f"total_{name}_se"] = (("measure",), standard_error(total))
    for name, amounts in (("before", values), ("after", later_values), ("change", later_values - values)):
        variables[f"value_{name}"] = (("netting_set",), amounts)
    labels = {"measure": list(MEASURE_NAMES), "netting_set": [n.name for n in engine.book.netting_sets]}
    attributes = {
        "units": engine.world.market.reporting_currency,
        "as_of": str(as_of),
        "rolled_to": str(rolled_to),
        "calendar_days": days,
        "business_days": business_days,
        "implied_fixings": len(later.book.context.fixings) - len(engine.book.context.fixings),
        "dates_passed": len(engine.dates) - len(later.dates),
        "fixings": "as the market of as_of implies them",
    }
    return xr.Dataset(variables, labels, attributes)


def rolled(engine: ExposureEngine, business_days: int = 1) -> ExposureEngine:
    """The engine of the same book, quotes and simulation, some business days later.

    Raises
    ------
    DomainError
        Fewer than one day, trades without closed form (their surrogates are of today), no exposure date left, or a market
        that is not built from quotes by a `WorldBuilder`.
    """
    engine.refuse_path_trades("a roll to another date")
    build, book = plain(engine.build), engine.book
    if not isinstance(build, WorldBuilder):
        raise DomainError(f"a roll: expected a market built by WorldBuilder, got {type(build).__name__}")
    if business_days < 1:
        raise DomainError(f"a roll: expected one business day or more, got {business_days}")
    as_of = book.context.as_of.astype("datetime64[D]")
    home = build.config.conventions.of(build.config.reporting_currency).calendar
    later = dates.business_days(as_of, business_days, home)
    ahead = engine.dates[engine.dates > later]
    if not len(ahead):
        raise DomainError(
            f"a roll to {later}: expected exposure dates after it, the last is {engine.dates[-1]}"
        )
    fixings = {**implied_fixings(engine.world.market, book.context, later), **book.context.fixings}
    there = replace(book, context=replace(book.context, as_of=later, fixings=fixings, open_today=None))
    builder = replace(build, config=replace(build.config, as_of=later))
    passed = len(engine.dates) - 1 - len(ahead)
    rotation = merged_rotation(engine.rotation, engine.times[1:], passed)
    return ExposureEngine(there, engine.quotes, builder, ahead, engine.xva, engine.simulation, rotation)


def implied_fixings(
    market: Market, context: TradeContext, until: np.datetime64
) -> dict[tuple[str, str], float]:
    """Fixings from ``as_of`` to ``until`` that are not known: forwards of the market.

    Every index with a projection curve on its business days, and the FX rate of every pair of currencies (the way round that
    the known fixings have it) on all days. An overnight rate is published on the day after, so that of ``until`` is open.
    """
    days = np.arange(context.as_of.astype("datetime64[D]"), until + 1)
    asked: list[tuple[str, np.datetime64]] = []
    for name in market.config.projection:
        if name in context.indices and market.config.projection[name] in market.curves:
            index = context.indices[name]
            published = days[:-1] if index.overnight else days
            good = published[dates.adjust(published, index.calendar, "F") == published]
            asked += [(name, day) for day in good]
    known = {name for name, _ in context.fixings}
    for a, b in combinations(market.currencies, 2):
        base, quote = (b, a) if f"FX/{b}/{a}" in known else (a, b)
        asked += [(f"FX/{base}/{quote}", day) for day in days]
    return {
        (name, str(day)): market_fixing(market, context.indices, name, day)
        for name, day in asked
        if (name, str(day)) not in context.fixings
    }


def _measured(engine: ExposureEngine, map_run: MapRun) -> tuple[Floats, Floats]:
    """``(scramble, measure, netting_set)`` as a run reports them, and values at t = 0 ``(netting_set,)``."""
    plan: ExposurePlan = engine.plan(adjoint=False)
    sums = [result.sums for result in map_run(plan.run, range(plan.n_blocks))]
    means = scramble_means(plan.data, sums)
    weights = plan.data.weights.numpy()
    samples = measure_samples(weights, sides(means))
    return samples, np.mean([m["value"][:, 0] for m in means], axis=0)
