"""Quotes to everything that depends on the market: curves and the calibrated cross-asset model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from xva.market import Market, MarketConfig, QuoteSet, build_market, correlation_matrix
from xva.market.factors import equity_factor, fx_factor
from xva.models import CrossAssetModel, LognormalAsset
from xva.models.factor_correlations import with_own_factors
from xva.models.lgm_terms import LgmTerms
from xva.models.lognormal_calibration import RateLeg, calibrate_lognormal
from xva.models.rates_model import RatesModel
from xva.models.rates_terms import RatesTerms, Repriced
from xva.models.state_layout import StateLayout
from xva.numerics import tree


@dataclass(frozen=True)
class World:
    """A market and the model calibrated to it; every tensor is connected to the quotes."""

    market: Market
    model: CrossAssetModel

    def __repr__(self) -> str:
        return f"World({self.market!r})"


class BuildWorld(Protocol):
    """Rebuilds the world from quotes; with ``previous``, what a quote does not reach is reused bit for bit."""

    def __call__(self, quotes: QuoteSet, previous: World | None = None) -> World: ...


@dataclass(frozen=True)
class AtHorizon:
    """Worlds of a builder, with the zero bond of ``years`` as every currency's numeraire."""

    plain: BuildWorld
    years: float

    def at(self, world: World) -> World:
        """A world of the plain builder, with this horizon."""
        return replace(world, model=world.model.at_horizon(self.years))

    def __call__(self, quotes: QuoteSet, previous: World | None = None) -> World:
        if previous is not None:  # what is reused has to be what would be built, to the last bit
            previous = replace(previous, model=previous.model.at_horizon(0.0))
        return self.at(self.plain(quotes, previous))


def measure_name(model: CrossAssetModel, as_of: np.datetime64, horizon: float) -> str:
    """Of the measure that a horizon makes, with the bond's maturity."""
    currency = model.domestic
    maturity = as_of.astype("datetime64[D]") + np.timedelta64(round(365.0 * horizon), "D")
    return f"forward measure of the {currency} zero bond of {maturity} ({model.rates[currency].title})"


def plain(build: BuildWorld) -> BuildWorld:
    """The builder without a horizon of its own."""
    return build.plain if isinstance(build, AtHorizon) else build


@dataclass(frozen=True)
class WorldBuilder:
    """The standard chain: bootstraps, every currency's rates by its terms, ATM FX and equity volatilities.

    Parameters
    ----------
    config : MarketConfig
    currencies : tuple of str
        The model's, the reporting currency first.
    equities : tuple of str
    terms : RatesTerms
        Of rates, where a currency has none of its own.
    own_terms : mapping of currency to RatesTerms
    """

    config: MarketConfig
    currencies: tuple[str, ...]
    equities: tuple[str, ...]
    terms: RatesTerms = field(default_factory=LgmTerms)
    own_terms: Mapping[str, RatesTerms] = field(default_factory=dict)

    def __call__(self, quotes: QuoteSet, previous: World | None = None) -> World:
        reusable = None if quotes.values.requires_grad else previous
        market = build_market(quotes, self.config, reusable.market if reusable else None)
        return World(market, self._model(market, reusable))

    def repriced(self, world: World) -> dict[str, Repriced]:
        """By currency, what rates that are calibrated make of the quotes that they were calibrated to."""
        rates = world.model.rates
        found = {c: self.terms_of(c).repriced(world.market, c, rates[c]) for c in self.currencies}
        return {c: one for c, one in found.items() if one is not None}

    def terms_of(self, currency: str) -> RatesTerms:
        """What is stated of a currency's rates."""
        return self.own_terms.get(currency, self.terms)

    def _model(self, market: Market, previous: World | None) -> CrossAssetModel:
        home = self.currencies[0]
        rates = {c: self._rates(market, c, previous) for c in self.currencies}
        layout = StateLayout(self.currencies, tuple(m.n_factors for m in rates.values()), self.equities)
        correlation = correlation_matrix(with_own_factors(market.correlations, layout, rates), layout.labels)

        def legs_of(asset: int, *signed: tuple[float, str]) -> tuple[list[RateLeg], Tensor]:
            """Rates factors in an asset's forward, and the correlation between them."""
            rows = [(s, c, k) for s, c in signed for k in range(layout.n_rates)[layout.rates(c)]]
            legs = [
                RateLeg(s, rates[c], k - layout.rates(c).start, correlation[k, asset]) for s, c, k in rows
            ]
            place = torch.tensor([k for _, _, k in rows])
            return legs, correlation[place[:, None], place[None, :]]

        fx = {}
        for c in self.currencies[1:]:
            legs, joint = legs_of(layout.currency_rows(c)[-1], (1.0, home), (-1.0, c))
            vols = market.fx_vol(c)
            sigmas = calibrate_lognormal(fx_factor(c), vols.times, vols.vols, legs, joint)
            zero = torch.zeros((), dtype=torch.float64)
            fx[c] = LognormalAsset(c, c, market.fx_spot(c), vols.times, sigmas, zero)
        equities = {}
        for e in self.equities:
            c = market.equity_currency(e)
            legs, joint = legs_of(layout.equity(e), (1.0, c))
            vols = market.equity_vol(e)
            sigmas = calibrate_lognormal(equity_factor(e), vols.times, vols.vols, legs, joint)
            spot, carry = market.equity_spot(e), market.dividend_yield(e)
            equities[e] = LognormalAsset(e, c, spot, vols.times, sigmas, carry)
        return CrossAssetModel(home, rates, fx, equities, correlation)

    def _rates(self, market: Market, currency: str, previous: World | None) -> RatesModel:
        terms = self.terms_of(currency)
        if previous and tree.equal(terms.behind(market, currency), terms.behind(previous.market, currency)):
            return tree.map_tensors(previous.model.rates[currency], lambda t: t.detach())
        return terms.model(market, currency)


def paths_move(base: World, other: World) -> bool:
    """Whether anything that paths and values on them are made of differs: the model, or a curve of cash flows.

    An index that nothing quotes has no curve on either market, and no trade on it.
    """
    if not tree.equal(other.model, base.model):
        return True
    config = base.market.config
    names = {*config.discount.values(), *config.projection.values()}
    return any(not tree.equal(other.market.curves.get(n), base.market.curves.get(n)) for n in names)
