"""Quotes to market: one differentiable function of the quotes' values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from xva.errors import CalibrationError, InputErrors, Problem
from xva.market.checks import variance_problems
from xva.market.config import MarketConfig
from xva.market.correlation import correlation_problems
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve
from xva.market.layout import Layout, layout
from xva.market.market import Equity, Market, Source
from xva.market.quotes import QuoteSet
from xva.market.recipes import Recipe
from xva.market.surfaces import EquityQuotes, Strip
from xva.market.volatility import CapVols, ShortRateVols, SwaptionVols, VolCurve
from xva.numerics.tree import map_tensors
from xva.numerics.types import Floats

Curve = TypeVar("Curve", DiscountCurve, SurvivalCurve)


def build_market(quotes: QuoteSet, config: MarketConfig, previous: Market | None = None) -> Market:
    """Curves, volatilities and spots from quotes.

    Parameters
    ----------
    quotes : QuoteSet
        Differentiable in ``quotes.values``, to second order.
    config : MarketConfig
    previous : Market, optional
        A market of the same configuration: curves whose quotes, and those of the curves beneath, are bitwise
        the same are taken from it, detached. Only used if ``quotes`` does not require grad.

    Returns
    -------
    Market

    Raises
    ------
    InputErrors
        Everything wrong with the quotes one by one (unknown ids, missing quotes, values out of range, a
        correlation matrix that is not positive semi-definite), all at once.
    CalibrationError
        No curve reprices the quotes, or a CDS strip has an arbitrage; names the quotes.
    """
    plan = layout(quotes.ids, config)
    values: Floats = quotes.values.detach().cpu().numpy()
    picked = _Values(quotes, values)
    correlations = {pair: quotes[i] for pair, i in plan.correlations.items()}
    _check(plan, picked, correlations)
    reusable = previous if previous is not None and not quotes.values.requires_grad else None
    if reusable is not None and reusable.config != config:
        reusable = None
    builder = _CurveBuilder(picked, reusable)
    curves = {r.name: builder.curve(r) for r in plan.recipes}
    survivals = {r.name: builder.survival(r) for r in plan.credit}
    builder.finish()
    return Market(
        config=config,
        curves={n: c for n, c in curves.items() if c is not None},
        survivals={n: c for n, c in survivals.items() if c is not None},
        recoveries={name: quotes[i] for name, i in plan.recoveries.items()},
        fx_spots={currency: picked.product(path) for currency, path in plan.spots.items()},
        fx_vols={pair: VolCurve(s.times, picked.select(s.quote_ids)) for pair, s in plan.fx_vols.items()},
        equities={name: _equity(q, picked) for name, q in plan.equities.items()},
        swaption_vols={
            c: SwaptionVols(
                g.expiries, g.tenors, picked.select(g.quote_ids).reshape(len(g.expiries), len(g.tenors))
            )
            for c, g in plan.swaptions.items()
        },
        cap_vols={key: CapVols(s.times, picked.select(s.quote_ids)) for key, s in plan.caps.items()},
        mean_reversions={currency: quotes[i] for currency, i in plan.mean_reversions.items()},
        short_rate_vols={
            c: ShortRateVols(s.times, picked.select(s.quote_ids)) for c, s in plan.short_rate_vols.items()
        },
        rates_parameters={key: quotes[i] for key, i in plan.rates_parameters.items()},
        correlations=correlations,
        sources=builder.sources,
        unused=tuple(i for i in quotes.ids if i not in plan.used),
    )


class _Values:
    """Quotes by id, as tensors connected to the leaf and as plain numbers."""

    def __init__(self, quotes: QuoteSet, plain: Floats) -> None:
        self.quotes = quotes
        self.plain = plain

    def select(self, ids: tuple[str, ...]) -> Tensor:
        rows = torch.tensor([self.quotes.index[i] for i in ids])
        return self.quotes.values.index_select(0, rows)

    def numbers(self, ids: tuple[str, ...]) -> Floats:
        found: Floats = self.plain[[self.quotes.index[i] for i in ids]]
        return found

    def product(self, powers: tuple[tuple[str, float], ...]) -> Tensor:
        value = self.quotes.values.new_ones(())
        for quote_id, power in powers:
            value = value * self.quotes[quote_id] if power > 0 else value / self.quotes[quote_id]
        return value


class _CurveBuilder:
    """Builds curves in order, takes what has not changed from a previous market, collects failures."""

    def __init__(self, values: _Values, previous: Market | None) -> None:
        self.values = values
        self.previous = previous
        self.curves: dict[str, DiscountCurve] = {}
        self.sources: dict[str, Source] = {}
        self.unchanged: set[str] = set()
        self.errors: list[CalibrationError] = []

    def curve(self, recipe: Recipe[DiscountCurve]) -> DiscountCurve | None:
        old = self.previous.curves if self.previous is not None else {}
        built = self._make(recipe.name, recipe, old.get(recipe.name))
        if built is not None:
            self.curves[recipe.name] = built
        return built

    def survival(self, recipe: Recipe[SurvivalCurve]) -> SurvivalCurve | None:
        old = self.previous.survivals if self.previous is not None else {}
        return self._make(f"CREDIT-{recipe.name}", recipe, old.get(recipe.name))

    def finish(self) -> None:
        """Raise what failed: the error itself, or one with all messages."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            lines = "\n".join(f"  {e.message}" for e in self.errors)
            ids = [i for e in self.errors for i in e.ids]
            raise CalibrationError(f"{len(self.errors)} curves cannot be built:\n{lines}", ids)

    def _make(self, key: str, recipe: Recipe[Curve], old: Curve | None) -> Curve | None:
        if any(name not in self.curves for name in recipe.needs):
            return None
        source = Source(recipe.quote_ids, self.values.numbers(recipe.quote_ids), recipe.needs)
        self.sources[key] = source
        if old is not None and self._same(key, source):
            self.unchanged.add(key)
            return map_tensors(old, torch.Tensor.detach)
        try:
            return recipe.build(self.values.select(recipe.quote_ids), self.curves)
        except CalibrationError as error:
            self.errors.append(error)
            return None

    def _same(self, key: str, source: Source) -> bool:
        before = self.previous.sources.get(key) if self.previous is not None else None
        return (
            before is not None
            and before.quote_ids == source.quote_ids
            and before.needs == source.needs
            and np.array_equal(before.values, source.values)
            and all(name in self.unchanged for name in source.needs)
        )


def _equity(quoted: EquityQuotes, values: _Values) -> Equity:
    dividend = values.quotes[quoted.dividend] if quoted.dividend else values.quotes.values.new_zeros(())
    vols = quoted.vols
    vol = VolCurve(vols.times, values.select(vols.quote_ids)) if vols is not None else None
    return Equity(quoted.currency, values.quotes[quoted.price], dividend, vol)


def _check(plan: Layout, values: _Values, correlations: Mapping[tuple[str, str], Tensor]) -> None:
    problems: list[Problem] = [*plan.problems, *plan.ranges.problems(values.plain)]
    strips: list[Strip] = [*plan.fx_vols.values()]
    strips += [q.vols for q in plan.equities.values() if q.vols is not None]
    for strip in strips:
        problems += variance_problems(strip.quote_ids, strip.times, values.numbers(strip.quote_ids))
    for recipe in plan.recipes:
        problems += recipe.problems(values.numbers(recipe.quote_ids))
    problems += correlation_problems(correlations)
    if problems:
        raise InputErrors(problems)
