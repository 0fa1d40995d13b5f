"""What path-dependent trades on one equity or one exchange rate have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Paths
from xva.trades.terms import Terms

Day = np.datetime64


def price(paths: Paths, underlying: str, day: Day) -> Tensor:
    """``(path,)`` price of ``EQ/<name>`` or rate ``FX/<base>/<quote>``."""
    if underlying.startswith("FX/"):
        _, base, quote = underlying.split("/")
        return paths.fx(base, quote, day)
    return paths.equity(underlying.removeprefix("EQ/"), day)


def currencies_of(underlying: str, currency: str) -> set[str]:
    """Currencies to simulate for an underlying; ``currency`` is an equity's own."""
    return set(underlying.split("/")[1:]) if underlying.startswith("FX/") else {currency}


def to_come(context: TradeContext, days: Iterable[Day]) -> Dates:
    """Sorted dates after ``as_of``, each once."""
    every = np.unique(np.array(list(days), dtype="datetime64[D]"))
    return every[every > context.as_of]


def last_report(paths: Paths) -> Day:
    """The last report date, ``as_of`` where there is none."""
    return max([paths.context.as_of, *paths.report])


def reached(paths: Paths, gap: Tensor, day: Day) -> Tensor:
    """1 where ``gap`` >= 0 on ``day``, else 0: `Paths.step` with its edge included, as term sheets have it."""
    return 1.0 - paths.step(-gap, day)


def intrinsic(option_type: str, level: Tensor, strike: float) -> Tensor:
    """What a ``call`` or ``put`` pays at expiry, per unit."""
    sign = 1.0 if option_type == "call" else -1.0
    return torch.relu(sign * (level - strike))


@dataclass(frozen=True, kw_only=True)
class SingleAssetTrade(PathTrade):
    """An option on one underlying, settled in cash in the currency the underlying is quoted in.

    Parameters
    ----------
    underlying : str
        ``EQ/<name>`` or ``FX/<base>/<quote>`` (units of quote per one base).
    currency : str
        The equity's currency, or the quote currency.
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it).
    option_type : str
        ``call`` or ``put``.
    quantity, strike : float
        Positive number of shares or units of base; positive price of one.
    """

    underlying: str
    currency: str
    side: str
    option_type: str
    quantity: float
    strike: float

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        return ((self.underlying[3:], self.currency),) if self.underlying.startswith("EQ/") else ()

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(sorted(currencies_of(self.underlying, self.currency)))

    @property
    def size(self) -> float:
        """Quantity, negative where we are short."""
        return self.quantity if self.side == "long" else -self.quantity

    def payoff(self, level: Tensor) -> Tensor:
        """Of one unit, for whoever holds it."""
        return intrinsic(self.option_type, level, self.strike)

    def _check(self, terms: Terms) -> None:
        terms.underlying("underlying")
        terms.currency("currency")
        if str(self.underlying).startswith("FX/") and not str(self.underlying).endswith(f"/{self.currency}"):
            terms.reject("currency", f"the quote currency of {self.underlying}")
        terms.choice("side", "long", "short")
        terms.choice("option_type", "call", "put")
        terms.positive("quantity", "strike")
