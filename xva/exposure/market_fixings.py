"""Fixings as a market has them: what it expects of a day to come, and what stands in for a day's own while it is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from xva import dates
from xva.errors import DomainError
from xva.exposure.world import World
from xva.market import Market
from xva.market.indices import RateIndex
from xva.models.cross_asset_paths import PathMarket
from xva.trades import Paths, PathTrade, Trade, TradeContext


@dataclass(frozen=True)
class OpenFixing:
    """A fixing of the valuation date that trades ask for and nobody has given.

    Parameters
    ----------
    name : str
        As in the table of fixings.
    value : float
        The market's, that is used instead: spot, or the forward of the index.
    trades : tuple of str
        Ids of the trades that ask for it.
    """

    name: str
    value: float
    trades: tuple[str, ...]


def open_fixings(trades: Iterable[Trade], context: TradeContext, world: World) -> tuple[OpenFixing, ...]:
    """Fixings of ``context.as_of`` that the market stands in for, by name.

    Values are for people to read: a trade's own value takes them from the market's tensors, so that derivatives see it.
    """
    asked: list[str] = []
    found: dict[str, list[str]] = {}
    listening = replace(context, open_today=asked.append)
    for trade in trades:
        asked.clear()
        if not isinstance(trade, PathTrade):
            trade.claims(listening)
        elif not trade.matured(context.as_of):
            _look(trade, listening, world)
        for name in dict.fromkeys(asked):
            found.setdefault(name, []).append(trade.trade_id)
    market, day = world.market, context.as_of.astype("datetime64[D]")
    return tuple(
        OpenFixing(name, market_fixing(market, context.indices, name, day), tuple(found[name]))
        for name in sorted(found)
    )


def _look(trade: PathTrade, context: TradeContext, world: World) -> None:
    """Let a trade look at one path, on which nothing moves."""
    indices = [context.index(name) for name in trade.indices]
    names = [name for name, _ in trade.equities]
    bundle = PathMarket.select(world.market, world.model, trade.currencies, indices, names)
    days = np.union1d([context.as_of], trade.observation_dates(context)).astype("datetime64[D]")
    model = bundle
    with torch.no_grad():
        start = model.initial()[:, None]
        observer = model.observe(context.times(days), [start] * len(days))
        paths = Paths(context, observer, days[:1], 1)
        trade.cashflows(paths, trade.none_exercised(context, 1))
        trade.state(paths)


def market_fixing(market: Market, indices: Mapping[str, RateIndex], name: str, day: np.datetime64) -> float:
    """What a market expects to be fixed on ``day``: a forward, which on its own date is the spot.

    Raises
    ------
    DomainError
        The name of no index, ``FX/…`` or ``EQ/…``.
    MarketDataError
        The market has no such curve or price.
    """
    with torch.no_grad():
        if name.startswith("FX/"):
            base, quote = name.split("/")[1:]
            return _deliverable(market, base, day) / _deliverable(market, quote, day)
        if name.startswith("EQ/"):
            return _equity(market, name.removeprefix("EQ/"), day)
        if name not in indices:
            raise DomainError(f"fixing: expected an index, FX/… or EQ/…, got {name!r}", [name])
        return _rate(market, indices[name], day)


def _discount(market: Market, currency: str, day: np.datetime64) -> float:
    time = np.array([dates.years(market.as_of, day)])
    return float(market.discount_curve(currency).discount(time)[0])


def _deliverable(market: Market, currency: str, day: np.datetime64) -> float:
    """Value today of one unit of a currency on ``day``."""
    return float(market.fx_spot(currency)) * _discount(market, currency, day)


def _equity(market: Market, name: str, day: np.datetime64) -> float:
    time, currency = float(dates.years(market.as_of, day)), market.equity_currency(name)
    spot, carry = float(market.equity_spot(name)), float(market.dividend_yield(name))
    return spot * float(np.exp(-carry * time)) / _discount(market, currency, day)


def _rate(market: Market, index: RateIndex, day: np.datetime64) -> float:
    start = dates.business_days(day, index.fixing_lag, index.calendar)
    if index.overnight:
        end = dates.business_days(start, 1, index.calendar)
    else:
        end = dates.advance(start, index.tenor, index.calendar)
    ends = np.array([dates.years(market.as_of, start), dates.years(market.as_of, end)])
    first, last = market.projection_curve(index.name).discount(ends).numpy()
    return float((first / last - 1.0) / dates.year_fraction(index.day_count, start, end))
