"""A flat market, the rates of some of whose currencies have two factors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from tests.support.flat_world import FlatWorld
from xva.market.correlation import correlation_matrix
from xva.market.market import Market
from xva.market.quotes import QuoteSet
from xva.models.cross_asset import CrossAssetModel
from xva.models.factor_correlations import with_own_factors
from xva.models.g2pp import G2pp
from xva.models.state_layout import StateLayout


class G2Terms(NamedTuple):
    """Constant parameters of a currency."""

    currency: str
    a: float
    b: float
    sigma: float
    eta: float
    rho: float

    def model(self) -> G2pp:
        """The model with these, not connected to any quote."""
        kappa, sigmas, rho = (
            torch.tensor(x, dtype=torch.float64)
            for x in ([self.a, self.b], [[self.sigma, self.eta]], self.rho)
        )
        return G2pp(self.currency, kappa, np.ones(1), sigmas, rho)


@dataclass(frozen=True)
class TwoFactorWorld(FlatWorld):
    """``two_factor`` by currency; the others have LGM."""

    two_factor: tuple[G2Terms, ...] = ()

    def _model(self, quotes: QuoteSet, market: Market) -> CrossAssetModel:
        plain = super()._model(quotes, market)
        two = {terms.currency: terms.model() for terms in self.two_factor}
        rates = {c: two.get(c, lgm) for c, lgm in plain.rates.items()}
        layout = StateLayout(tuple(rates), tuple(m.n_factors for m in rates.values()), tuple(plain.equities))
        joined = with_own_factors(market.correlations, layout, rates)
        return replace(plain, rates=rates, correlation=correlation_matrix(joined, layout.labels))


EUR = G2Terms("EUR", 0.5, 0.04, 0.012, 0.010, -0.7)
USD = G2Terms("USD", 0.35, 0.03, 0.009, 0.011, -0.6)


def two_factor_world() -> TwoFactorWorld:
    """EUR and USD with two factors, correlated with each other and with their exchange rate."""
    return TwoFactorWorld(
        rates={"EUR": 0.03, "USD": 0.04},
        fx={"USD": 1.10},
        fx_vols={"USD": 0.10},
        correlations={
            ("IR:EUR", "IR:USD"): 0.3,
            ("IR:EUR", "FX:USD"): -0.25,
            ("IR:USD", "FX:USD"): 0.2,
        },
        two_factor=(EUR, USD),
    )
