"""The market of one moment: every curve, volatility and spot, each a tensor connected to the quotes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import MarketDataError
from xva.market.config import MarketConfig
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve
from xva.market.volatility import CapVols, ShortRateVols, SwaptionVols, VolCurve

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """What a curve was built from.

    Parameters
    ----------
    quote_ids : tuple of str
        Its own quotes.
    values : ndarray
        ``(quote,)`` their values.
    needs : tuple of str
        Curves it depends on.
    """

    quote_ids: tuple[str, ...]
    values: NDArray[np.float64]
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Equity:
    """One equity: price and continuous dividend yield (0-dim tensors), volatility if quoted."""

    currency: str
    spot: Tensor
    dividend_yield: Tensor
    vol: VolCurve | None


@dataclass(frozen=True, kw_only=True)
class Market:
    """Curves, volatilities and spots, built by `xva.market.build.build_market`.

    Tensors sit in frozen dataclasses and dicts only, connected to the quotes; pillars are numpy arrays.

    Parameters
    ----------
    config : MarketConfig
    curves : dict
        Discount, projection and funding curves by curve name.
    survivals : dict
        Survival curves by credit name.
    recoveries, fx_spots, mean_reversions : dict
        0-dim tensors by name or currency; spots are units of reporting currency per unit.
    fx_vols : dict
        By (base, quote) currency as quoted.
    equities, swaption_vols : dict
        By name, by currency.
    cap_vols : dict
        By (currency, index tenor).
    short_rate_vols : dict
        Stated Hull-White volatilities by currency, each up to its pillar.
    rates_parameters : dict
        Stated parameters of rates models by (model, currency, parameter), 0-dim.
    correlations : dict
        Quoted pairs (factor, factor) to 0-dim tensors; a pair without a quote has correlation 0.
    sources : dict
        What each curve (by curve name) and survival curve (``CREDIT-<name>``) was built from.
    unused : tuple of str
        Quotes that nothing was built from.
    """

    config: MarketConfig
    curves: dict[str, DiscountCurve]
    survivals: dict[str, SurvivalCurve]
    recoveries: dict[str, Tensor]
    fx_spots: dict[str, Tensor]
    fx_vols: dict[tuple[str, str], VolCurve]
    equities: dict[str, Equity]
    swaption_vols: dict[str, SwaptionVols]
    cap_vols: dict[tuple[str, str], CapVols]
    mean_reversions: dict[str, Tensor]
    short_rate_vols: dict[str, ShortRateVols]
    correlations: dict[tuple[str, str], Tensor]
    sources: dict[str, Source]
    unused: tuple[str, ...]
    rates_parameters: dict[tuple[str, str, str], Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = (
            f"{len(self.curves)} curves, {len(self.survivals)} credit curves, {len(self.equities)} equities"
        )
        return f"Market({self.config.as_of}, {self.config.reporting_currency}: {parts})"

    @property
    def as_of(self) -> np.datetime64:
        return self.config.as_of

    @property
    def reporting_currency(self) -> str:
        return self.config.reporting_currency

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies with a discount curve, the reporting currency first."""
        return (self.reporting_currency, *(c for c in self.config.discount if c != self.reporting_currency))

    def discount_curve(self, currency: str) -> DiscountCurve:
        """Discount curve under collateral in the reporting currency."""
        name = _need(self.config.discount, currency, f"discount curve of {currency}", "a discount curve name")
        return _need(self.curves, name, f"discount curve {name} of {currency}", "quotes for it")

    def projection_curve(self, index: str) -> DiscountCurve:
        """Curve that the index's fixings are projected on."""
        name = _need(self.config.projection, index, f"projection curve of {index}", "its curve's name")
        form = f"quotes IR_SWAP/RATE/… of {index} or ZERO/RATE/…/{name}/…"
        return _need(self.curves, name, f"projection curve {name} of {index}", form)

    def survival_curve(self, name: str) -> SurvivalCurve:
        """Survival curve of a credit name."""
        form = f"quotes CDS/CREDIT_SPREAD/{name}/SR/<currency>/<tenor>"
        return _need(self.survivals, name, f"survival curve of {name}", form)

    def recovery(self, name: str) -> Tensor:
        """Recovery rate of a credit name, in [0, 1)."""
        return _need(self.recoveries, name, f"recovery of {name}", f"RECOVERY_RATE/RATE/{name}/SR/<currency>")

    def funding_curve(self, side: str) -> DiscountCurve:
        """Own borrowing (``side="borrow"``) or lending (``"lend"``) curve in reporting currency."""
        names = {"borrow": self.config.borrow, "lend": self.config.lend}
        name = _need(names, side, f"funding side {side}", "borrow or lend")
        form = f"quotes ZERO/YIELD_SPREAD/{self.reporting_currency}/{name}/A365/<tenor>"
        return _need(self.curves, f"FUNDING-{name}", f"funding curve {name}", form)

    def fx_spot(self, currency: str) -> Tensor:
        """Units of reporting currency per unit of ``currency``, 0-dim."""
        form = f"a quote FX/RATE/{self.reporting_currency}/{currency} or a chain of FX quotes"
        return _need(self.fx_spots, currency, f"FX rate of {currency}", form)

    def fx_vol(self, currency: str) -> VolCurve:
        """Lognormal volatility of the currency against the reporting currency."""
        pair = (self.reporting_currency, currency)
        quoted = pair if pair in self.fx_vols else pair[::-1]
        form = f"quotes FX_OPTION/RATE_LNVOL/{self.reporting_currency}/{currency}/<expiry>/ATM"
        return _need(self.fx_vols, quoted, f"FX volatility of {currency}", form)

    def equity_spot(self, name: str) -> Tensor:
        """Price of one share in the equity's own currency, 0-dim."""
        return self._equity(name).spot

    def equity_currency(self, name: str) -> str:
        """Currency that the equity is quoted in."""
        return self._equity(name).currency

    def dividend_yield(self, name: str) -> Tensor:
        """Continuous dividend yield per year, 0-dim; 0 without a quote."""
        return self._equity(name).dividend_yield

    def equity_vol(self, name: str) -> VolCurve:
        """Lognormal volatility of the equity in its own currency."""
        equity = self._equity(name)
        if equity.vol is None:
            form = f"EQUITY_OPTION/RATE_LNVOL/{name}/{equity.currency}/<expiry>/ATMF"
            raise MarketDataError(f"equity volatility of {name}: expected quotes {form}, got none", [name])
        return equity.vol

    def swaption_vol(self, currency: str) -> SwaptionVols:
        """Normal swaption volatilities of the currency."""
        form = f"quotes SWAPTION/RATE_NVOL/{currency}/<expiry>/<tenor>/ATM"
        return _need(self.swaption_vols, currency, f"swaption volatility of {currency}", form)

    def cap_vol(self, currency: str, index_tenor: str | None = None) -> CapVols | None:
        """Flat normal cap volatilities, of the first quoted index tenor if none is given; None without."""
        found = [v for (c, t), v in self.cap_vols.items() if c == currency and index_tenor in (None, t)]
        return found[0] if found else None

    def mean_reversion(self, currency: str) -> Tensor:
        """Mean reversion of the currency's short rate per year, 0-dim."""
        form = f"a quote MEAN_REVERSION/RATE/{currency}"
        return _need(self.mean_reversions, currency, f"mean reversion of {currency}", form)

    def short_rate_vol(self, currency: str) -> ShortRateVols:
        """Stated Hull-White volatilities of the currency: absolute, per square root of a year."""
        form = f"quotes HULL_WHITE/VOLATILITY/{currency}/<pillar>"
        return _need(self.short_rate_vols, currency, f"short-rate volatility of {currency}", form)

    def rates_parameter(self, model: str, currency: str, parameter: str) -> Tensor:
        """A stated parameter of a currency's rates model, 0-dim."""
        form = f"a quote RATES_MODEL/{model}/{currency}/{parameter}"
        what = f"{parameter} of {model} rates of {currency}"
        return _need(self.rates_parameters, (model, currency, parameter), what, form)

    def quote_ids(self, curve: str) -> tuple[str, ...]:
        """Quotes that a curve depends on, those of the curves beneath it included.

        ``curve`` is a curve name or, for a survival curve, ``CREDIT-<name>``.
        """
        source = _need(self.sources, curve, f"curve {curve}", f"one of {', '.join(self.sources)}")
        ids = dict.fromkeys(source.quote_ids)
        for name in source.needs:
            ids.update(dict.fromkeys(self.quote_ids(name)))
        return tuple(ids)

    def _equity(self, name: str) -> Equity:
        form = f"a quote EQUITY/PRICE/{name}/<currency>"
        return _need(self.equities, name, f"equity {name}", form)


def _need(found: Mapping[Any, T], key: object, what: str, form: str) -> T:
    if key not in found:
        raise MarketDataError(f"{what}: expected {form}, got none -> add it to the market", [str(key)])
    return found[key]
