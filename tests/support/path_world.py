"""Paths for trades that need them, written without the platform's models: tables of prices, and lognormal ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from xva.models.path_model import Observer, place
from xva.trades import TradeContext
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths

Dates = np.ndarray
AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF)
VOL = 0.25


@dataclass(frozen=True)
class Table(Observer):
    """Prices ``(time, path)`` by ``EQ/<name>`` or ``FX/<base>/<quote>`` on times; deterministic rates by currency."""

    times: np.ndarray
    prices: Mapping[str, Tensor]
    rates: Mapping[str, float] = field(default_factory=dict)
    domestic: str = "USD"

    def equity(self, name: str, time: float) -> Tensor:
        return self.prices[f"EQ/{name}"][place(self.times, time)]

    def fx(self, base: str, quote: str, time: float) -> Tensor:
        row = place(self.times, time)
        if f"FX/{base}/{quote}" in self.prices:
            return self.prices[f"FX/{base}/{quote}"][row]
        return 1.0 / self.prices[f"FX/{quote}/{base}"][row]

    def bond(self, currency: str, time: float, maturity: float) -> Tensor:
        rate = self.rates.get(currency, 0.03)
        return torch.full((self._paths(),), np.exp(-rate * (maturity - time)), dtype=torch.float64)

    def growth(self, index: str, time: float, start: float, end: float) -> Tensor:
        return 1.0 / self.bond(index, start, end)

    def deflator(self, currency: str, time: float) -> Tensor:
        money = self.bond(self.domestic, 0.0, time)
        return money if currency == self.domestic else money * self.fx(currency, self.domestic, time)

    def log_variance(self, name: str, early: float, late: float) -> Tensor:
        return torch.tensor(VOL**2 * (late - early), dtype=torch.float64)

    def _paths(self) -> int:
        return next(iter(self.prices.values())).shape[1]


def days_of(trade: PathTrade, context: TradeContext, report: Sequence[np.datetime64]) -> Dates:
    """``as_of``, what the trade looks at and the report dates."""
    every = [context.as_of, *trade.observation_dates(context), *report]
    return np.unique(np.array(every, dtype="datetime64[D]"))


def names_of(trade: PathTrade) -> list[str]:
    """``EQ/...`` and ``FX/...`` that the trade looks at."""
    names = [f"EQ/{name}" for name, _ in trade.equities]
    rates = [n for n in getattr(trade, "underlyings", [getattr(trade, "underlying", "")]) if n[:2] == "FX"]
    if hasattr(trade, "base_currency"):
        rates.append(f"FX/{trade.base_currency}/{trade.quote_currency}")
    return names + rates


def paths_of(
    days: Dates,
    prices: Mapping[str, Tensor],
    report: Sequence[np.datetime64] = (),
    context: TradeContext = CONTEXT,
    width: float = 0.0,
    domestic: str = "USD",
) -> Paths:
    """Prices ``(day, path)`` as a trade sees them."""
    table = Table(context.times(days), prices, domestic=domestic)
    dates = np.array(report, dtype="datetime64[D]")
    return Paths(context, table, dates, table._paths(), width)


def given(
    trade: PathTrade,
    rows: Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]],
    report: Sequence[np.datetime64] = (),
    context: TradeContext = CONTEXT,
) -> Paths:
    """Prices written down day by day: ``as_of`` and the trade's dates; a list per underlying if there are several."""
    names = names_of(trade)
    table = torch.tensor(rows, dtype=torch.float64)
    prices = {name: table if len(names) == 1 else table[k] for k, name in enumerate(names)}
    return paths_of(days_of(trade, context, report), prices, report, context)


def with_prices(paths: Paths, prices: Mapping[str, Tensor], width: float | None = None) -> Paths:
    assert isinstance(paths.observer, Table)
    table = replace(paths.observer, prices=prices)
    return replace(paths, observer=table, width=paths.width if width is None else width)


def random_shares(trade: PathTrade, paths: Paths, seed: int) -> Tensor:
    """``(exercise date, path)`` shares that add up to less than 1."""
    shape = trade.none_exercised(paths.context, paths.n_paths).shape
    draws = torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return draws / (draws.sum(0, keepdim=True) + 0.1) if shape[0] else draws


def total(paths: Paths, flows: Sequence[Flow]) -> Tensor:
    """``(path,)`` of all flows, deflated."""
    parts = [paths.deflated(flow) for flow in flows]
    return torch.stack(parts).sum(0) if parts else torch.zeros(paths.n_paths, dtype=torch.float64)
