"""What path-dependent trades on several equities or exchange rates have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths
from xva.trades.single_asset import currencies_of, price
from xva.trades.terms import Terms


@dataclass(frozen=True, kw_only=True)
class MultiAssetTrade(PathTrade):
    """A trade on several underlyings that pays in one currency.

    Parameters
    ----------
    underlyings : tuple of str
        Each ``EQ/<name>`` or ``FX/<base>/<quote>``.
    currency : str
        Currency of payment. Prices in other currencies enter as numbers (quanto).
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it).
    underlying_currencies : tuple of str, optional
        Currency each underlying is quoted in; ``currency`` for all by default.
    """

    underlyings: tuple[str, ...]
    currency: str
    side: str
    underlying_currencies: tuple[str, ...] = ()

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return tuple((name[3:], quoted) for name, quoted in self._quoted() if name.startswith("EQ/"))

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted({self.currency}.union(*(currencies_of(*pair) for pair in self._quoted()))))

    @property
    def sign(self) -> float:
        return 1.0 if self.side == "long" else -1.0

    def prices(self, paths: Paths, day: np.datetime64) -> Tensor:
        """``(underlying, path)``."""
        return torch.stack([price(paths, name, day) for name in self.underlyings])

    def _quoted(self) -> list[tuple[str, str]]:
        own = self.underlying_currencies or (self.currency,) * len(self.underlyings)
        return list(zip(self.underlyings, own))

    @property
    def _count(self) -> int:
        return len(self.underlyings) if isinstance(self.underlyings, tuple) else 0

    def _check(self, terms: Terms) -> None:
        terms.underlyings("underlyings")
        terms.currency("currency")
        terms.choice("side", "long", "short")
        if self.underlying_currencies != ():
            terms.currency_of_each("underlying_currencies", "underlyings")


@dataclass(frozen=True, kw_only=True)
class PerformanceTrade(MultiAssetTrade):
    """A trade on the underlyings' performances: price over initial price.

    Parameters
    ----------
    initial_prices : tuple of float
        Of each underlying; the performances are 1 there.
    """

    initial_prices: tuple[float, ...]

    def performances(self, paths: Paths, day: np.datetime64) -> Tensor:
        """``(underlying, path)``."""
        prices = self.prices(paths, day)
        return prices / prices.new_tensor(self.initial_prices)[:, None]

    def worst(self, paths: Paths, day: np.datetime64) -> Tensor:
        """``(path,)`` performance of the worst performer."""
        return self.performances(paths, day).amin(dim=0)

    def _check(self, terms: Terms) -> None:
        super()._check(terms)
        terms.positives("initial_prices", self._count)
