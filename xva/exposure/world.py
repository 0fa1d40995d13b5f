"""Quotes to everything that depends on the market: curves and the calibrated cross-asset model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import CalibrationError, MarketDataError
from xva.market import Market, MarketConfig, QuoteSet, build_market, correlation_matrix
from xva.market.conventions import convention_of
from xva.market.factors import equity_factor, fx_factor
from xva.models import CrossAssetModel, Lgm, LognormalAsset
from xva.models.g2pp import G2Terms, with_second_factors
from xva.models.lgm_calibration import calibrate_lgm
from xva.models.lognormal_calibration import RateLeg, calibrate_lognormal
from xva.models.rates_model import RatesModel
from xva.models.state_layout import StateLayout
from xva.models.swaption_strip import StripSwap, strip_swap
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


def measure_name(currency: str, as_of: np.datetime64, horizon: float) -> str:
    """Of the measure that a horizon makes, with the bond's maturity."""
    maturity = as_of.astype("datetime64[D]") + np.timedelta64(round(365.0 * horizon), "D")
    return f"forward measure of the {currency} zero bond of {maturity} (LGM)"


def plain(build: BuildWorld) -> BuildWorld:
    """The builder without a horizon of its own."""
    return build.plain if isinstance(build, AtHorizon) else build


@dataclass(frozen=True)
class WorldBuilder:
    """The standard chain: bootstraps, a co-terminal swaption strip per currency, ATM FX and equity volatilities.

    Parameters
    ----------
    config : MarketConfig
    currencies : tuple of str
        The model's, the reporting currency first.
    equities : tuple of str
    coterminal : str
        Expiry plus swap length of the swaptions that LGM is calibrated to, ``"20Y"``.
    stated : bool
        Nothing is calibrated to swaptions: LGM has the ``HULL_WHITE/VOLATILITY`` quotes for volatilities.
    two_factor : tuple of G2Terms
        Of the currencies whose rates have two factors.
    """

    config: MarketConfig
    currencies: tuple[str, ...]
    equities: tuple[str, ...]
    coterminal: str = "20Y"
    stated: bool = False
    two_factor: tuple[G2Terms, ...] = ()

    def __call__(self, quotes: QuoteSet, previous: World | None = None) -> World:
        reusable = None if quotes.values.requires_grad else previous
        market = build_market(quotes, self.config, reusable.market if reusable else None)
        return World(market, self._model(market, reusable))

    def _model(self, market: Market, previous: World | None) -> CrossAssetModel:
        home = self.currencies[0]
        two = {terms.currency: terms.model() for terms in self.two_factor}
        rates: dict[str, RatesModel] = {
            c: two.get(c) or self._lgm(market, c, previous) for c in self.currencies
        }
        layout = StateLayout(self.currencies, tuple(m.n_factors for m in rates.values()), self.equities)
        own = {c: model.correlation for c, model in two.items() if c in rates}
        joined = with_second_factors(market.correlations, layout, own)
        correlation = correlation_matrix(joined, layout.labels)

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

    def _lgm(self, market: Market, currency: str, previous: World | None) -> Lgm:
        if previous and tree.equal(self._behind(market, currency), self._behind(previous.market, currency)):
            return tree.map_tensors(previous.model.lgm(currency), lambda t: t.detach())
        if self.stated:
            given = market.short_rate_vol(currency)
            return Lgm(currency, market.mean_reversion(currency), given.times, given.vols)
        vols = market.swaption_vol(currency)
        index = convention_of(currency).swaption_index
        if index not in market.config.indices:
            raise MarketDataError(
                f"LGM {currency}: expected the index of the currency's quoted swaptions, got {index or 'none'} -> use "
                'currencies of the conventions table, or state the model (calibration = "stated")',
                [currency],
            )
        strip = _strip(self.config, index, tuple(vols.expiries.tolist()), self.coterminal)
        if not strip:
            raise CalibrationError(
                f"LGM {currency}: expected swaption expiries at least a year before {self.coterminal}, got "
                f"{', '.join(f'{e:.2f}y' for e in vols.expiries)}",
                [currency],
            )
        quoted = vols.vol(np.array([s.expiry for s in strip]), np.array([s.tenor for s in strip]))
        return calibrate_lgm(
            currency,
            market.mean_reversion(currency),
            strip,
            quoted,
            market.discount_curve(currency),
            market.projection_curve(index),
            [f"SWAPTION/RATE_NVOL/{currency} at {s.expiry:.2f}y x {s.tenor:.2f}y" for s in strip],
        )

    def _behind(self, market: Market, currency: str) -> tuple[object, ...]:
        """What an LGM is calibrated to."""
        if self.stated:
            return market.short_rate_vol(currency), market.mean_reversion(currency)
        index = convention_of(currency).swaption_index
        return (
            market.swaption_vol(currency),
            market.mean_reversion(currency),
            market.discount_curve(currency),
            market.projection_curve(index) if index in market.config.indices else (),
        )


def paths_move(base: World, other: World) -> bool:
    """Whether anything that paths and values on them are made of differs: the model, or a curve of cash flows.

    An index that nothing quotes has no curve on either market, and no trade on it.
    """
    if not tree.equal(other.model, base.model):
        return True
    config = base.market.config
    names = {*config.discount.values(), *config.projection.values()}
    return any(not tree.equal(other.market.curves.get(n), base.market.curves.get(n)) for n in names)


@lru_cache(maxsize=64)
def _strip(
    config: MarketConfig, index: str, expiries: Sequence[float], coterminal: str
) -> tuple[StripSwap, ...]:
    """Underlyings of the co-terminal strip: they depend on dates only."""
    end = dates.add_tenor(config.as_of, coterminal)
    last = float(dates.years(config.as_of, end))
    terms = config.indices[index]
    return tuple(
        strip_swap(config.as_of, terms, e, end) for e in sorted(np.unique(expiries)) if e <= last - 0.99
    )
