"""G2++ as a job states it: five parameters, and whether a swaption strip has a say in the volatilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, cast, final

import numpy as np
import torch

from xva.errors import MarketDataError
from xva.market import Market
from xva.models.g2pp import SMALLEST_REVERSION, G2pp
from xva.models.g2pp_calibration import at_money, fitted_to, scaled_to
from xva.models.rates_model import RatesModel
from xva.models.rates_terms import Need, RatesTerms, Repriced
from xva.models.swaption_strip import behind_strip, check_tenor, quoted_strip, swaption_need

MOST_REVERSION = 5.0
MOST_VOLATILITY = 0.1
_NAME = "G2PP"  # in quote ids


@final
@dataclass(frozen=True)
class G2ppTerms(RatesTerms):
    """``dx = -a x dt + sigma dW``, ``dy = -b y dt + eta dZ``, ``dW dZ = rho dt``, ``r = x + y + phi``, per year.

    Parameters
    ----------
    a, b, sigma, eta, rho : float
        Stated; each is the quote ``RATES_MODEL/G2PP/<currency>/<name>``.
    fit : str
        ``none``: these are the parameters. ``scale``: of sigma and eta only the ratio counts, and a scale per expiry reprices
        the co-terminal strip exactly. ``volatilities``: sigma and eta are where the least squares fit of two constants to
        the strip starts. Why not more: `xva.models.g2pp_calibration`.
    coterminal : str
        Expiry plus length of the strip's swaptions.
    """

    kind: ClassVar[str] = "g2++"
    title: ClassVar[str] = G2pp.title
    factors: ClassVar[int] = 2
    linear_only: ClassVar[bool] = True

    a: float
    b: float
    sigma: float
    eta: float
    rho: float
    fit: Literal["none", "scale", "volatilities"] = "none"
    coterminal: str = "20Y"

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            if not SMALLEST_REVERSION <= value <= MOST_REVERSION:
                said = f"a mean reversion per year, {SMALLEST_REVERSION:g} to {MOST_REVERSION:g}"
                raise MarketDataError.of(name, said, f"{value:g}", "0.05 is a half-life of 14 years")
        for name, value in (("sigma", self.sigma), ("eta", self.eta)):
            if not 0.0 < value <= MOST_VOLATILITY:
                said = (
                    f"an absolute volatility per square root of a year, above 0 and up to {MOST_VOLATILITY:g}"
                )
                raise MarketDataError.of(name, said, f"{value:g}", "write one per cent as 0.01")
        if not -1.0 < self.rho < 1.0:
            raise MarketDataError.of(
                "rho", "a correlation between -1 and 1, neither of them", f"{self.rho:g}"
            )
        check_tenor(self.coterminal)

    def quotes(self, currency: str) -> Mapping[str, float]:
        return {f"RATES_MODEL/{_NAME}/{currency}/{n.upper()}": getattr(self, n) for n in _PARAMETERS}

    def needs(self, currency: str) -> Sequence[Need]:
        return () if self.fit == "none" else (swaption_need(currency),)

    def behind(self, market: Market, currency: str) -> tuple[object, ...]:
        stated = tuple(market.rates_parameter(_NAME, currency, n.upper()) for n in _PARAMETERS)
        return stated if self.fit == "none" else (*stated, *behind_strip(market, currency))

    def model(self, market: Market, currency: str) -> G2pp:
        a, b, sigma, eta, rho = (market.rates_parameter(_NAME, currency, n.upper()) for n in _PARAMETERS)
        stated = G2pp(currency, torch.stack([a, b]), np.ones(1), torch.stack([sigma, eta])[None], rho)
        if self.fit == "none":
            return stated
        strip = quoted_strip(market, currency, self.coterminal, self.title)
        options = at_money(strip.swaps, stated, strip.discount, strip.projection)
        fit = scaled_to if self.fit == "scale" else fitted_to
        return fit(stated, options, strip.vols, strip.names)

    def repriced(self, market: Market, currency: str, model: RatesModel) -> Repriced | None:
        if self.fit == "none":
            return None
        rates, strip = cast(G2pp, model), quoted_strip(market, currency, self.coterminal, self.title)
        with torch.no_grad():
            options = at_money(strip.swaps, rates, strip.discount, strip.projection)
            found = torch.stack([o.vol(rates.covariance(o.expiry)) for o in options])
        return Repriced(strip.names, strip.vols.detach().numpy(), found.numpy())


_PARAMETERS = tuple(f.name for f in fields(G2ppTerms))[:5]
