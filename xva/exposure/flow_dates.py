"""On which of its own dates a book has to be seen, so that an exposure grid loses little of it.

A date's exposure stands for the interval before it, after that date's flows. What ends at T is therefore seen from the
last grid date before T only up to that date, and not at all where there is none. With the day before T *and* T on the grid,
the day before stands for the last day too (`measures.XvaSpec.day_before`), and nothing of it is lost.

The loss of a flow is its size times the time it is not seen. Sizes are rough (nothing is valued): they decide which dates
are worth having, never a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from xva.exposure.compiled import Breaks
from xva.numerics.types import Floats, Ints
from xva.trades import PathTrade, Trade, TradeContext
from xva.trades.claims import (
    Caplet,
    Claim,
    CompoundedFlow,
    EquityFlow,
    ExchangeOption,
    FixedFlow,
    IborFlow,
    ResetPeriod,
    SwaptionClaim,
)

_RATE = 0.03  # what a rate to come is taken for
_OPEN = 0.1  # share of what is exchanged that may be gained or lost by then
_LOOK = 0.1  # share of a path-dependent trade that may end on one of its observation dates
_DAYS = 365.0


@final
@dataclass(frozen=True)
class FlowDates:
    """Days on which something of a book ends, and what it weighs.

    ``day`` ``(day,)`` after ``as_of``, increasing; ``share`` ``(day,)`` per day not seen, of the netting set's size
    times days, summed over ``sets`` netting sets.
    """

    day: Ints
    share: Floats
    sets: int

    def unseen(self, grid: Ints) -> float:
        """Share of the book's size times days that a grid ``(date,)`` of days, 0 first, does not see; 1 is all."""
        return float(self.share @ _gaps(self.day, grid)) / max(self.sets, 1)

    def added(self, grid: Ints, most: int, enough: float = 1e-3) -> Ints:
        """The grid with the pairs (day before, day) that help most per date, one after the other.

        Parameters
        ----------
        grid : ndarray
            ``(date,)`` days after ``as_of``, 0 first.
        most : int
            Dates after ``as_of``; a longer grid is left alone.
        enough : float
            Share not seen below which nothing more is added.
        """
        found = grid
        total = np.concatenate([[0.0], np.cumsum(self.share)])
        while len(self.day) and self.unseen(found) > enough:
            place = np.searchsorted(found, self.day)
            before, at = found[place - 1], np.append(found, np.iinfo(np.int64).max)[place]
            end = np.searchsorted(self.day, at, side="right")
            seen = total[end] - total[np.arange(len(self.day))]
            cost = (before < self.day - 1).astype(np.int64) + (at > self.day)
            gain = np.where(cost > 0, (self.day - before) * seen / np.maximum(cost, 1), 0.0)
            best = int(np.argmax(gain))
            if gain[best] <= 0.0 or len(found) - 1 + cost[best] > most:
                break
            found = np.union1d(found, [self.day[best] - 1, self.day[best]])
        return found


def flow_dates(
    trades: Sequence[Trade],
    claims: Sequence[Sequence[Claim]],
    context: TradeContext,
    prices: Mapping[str, float],
    breaks: Breaks = "truncate",
) -> FlowDates:
    """The days on which something of a book ends.

    Parameters
    ----------
    claims : sequence
        Of each trade.
    prices : mapping
        Of a unit of each currency and equity (by name) in one and the same currency; 1 where missing.
    """
    by_set: dict[str, dict[int, float]] = {}
    for trade, parts in zip(trades, claims, strict=True):
        stop = np.inf
        if breaks == "truncate" and trade.break_date is not None:
            stop = context.time(trade.break_date)
        sizes = _Sizes(prices, stop)
        sizes.claims(parts)
        if isinstance(trade, PathTrade) and not trade.matured(context.as_of):
            sizes.path_trade(trade, context)
        mine = by_set.setdefault(trade.netting_set, {})
        for day, size in sizes.by_day().items():
            mine[day] = mine.get(day, 0.0) + size
    total: dict[int, float] = {}
    seen = 0
    for mine in by_set.values():
        whole = sum(day * size for day, size in mine.items())
        seen += whole > 0.0
        for day, size in mine.items() if whole > 0.0 else ():
            total[day] = total.get(day, 0.0) + size / whole
    days = sorted(total)
    return FlowDates(np.array(days, dtype=np.int64), np.array([total[d] for d in days]), seen)


def _gaps(day: Ints, grid: Ints) -> Ints:
    """Days from the last date that sees what ends on ``day``; 0 where the day and the one before are on the grid."""
    place = np.searchsorted(grid, day)
    gap = day - grid[place - 1]
    on_grid = np.append(grid, -1)[place] == day
    return np.where((gap == 1) & on_grid, 0, gap)


class _Sizes:
    """What one trade pays by day: net, and what is exchanged."""

    def __init__(self, prices: Mapping[str, float], stop: float) -> None:
        self.prices, self.stop = prices, stop
        self.net: dict[int, float] = {}
        self.gross: dict[int, float] = {}

    def by_day(self) -> dict[int, float]:
        """Sizes of the days after ``as_of``."""
        return {d: abs(self.net[d]) + _OPEN * self.gross[d] for d in self.net if d > 0}

    def add(self, time: float, net: float, gross: float | None = None) -> None:
        day = round(_DAYS * min(time, self.stop))
        self.net[day] = self.net.get(day, 0.0) + net
        self.gross[day] = self.gross.get(day, 0.0) + abs(net if gross is None else gross)

    def claims(self, parts: Sequence[Claim]) -> None:
        for claim in parts:
            match claim:
                case FixedFlow() | IborFlow() | CompoundedFlow():
                    self.add(claim.pay, self._flow(claim))
                case EquityFlow():
                    self.add(claim.pay, claim.quantity * self._price(claim.equity))
                case Caplet():
                    self.add(claim.pay, claim.amount * _RATE * self._price(claim.currency))
                case ExchangeOption():
                    receive, deliver = (
                        a.amount * self._price(a.name) for a in (claim.receive, claim.deliver)
                    )
                    self.add(claim.expiry, receive - deliver, receive)
                case ResetPeriod():
                    self.add(claim.pay, 0.0, claim.base_amount * self._price(claim.base_currency))
                case SwaptionClaim():
                    for flow in claim.flows:
                        # half of it is gone where it is not exercised
                        self.add(claim.expiry, 0.5 * self._flow(flow))
                        self.add(
                            flow.pay if claim.settlement == "physical" else claim.expiry,
                            0.5 * self._flow(flow),
                        )
                case other:
                    for time, name, amount in other.payments:
                        self.add(time, amount * self._price(name))

    def path_trade(self, trade: PathTrade, context: TradeContext) -> None:
        """All of it at its end, a part on every date on which it may end early."""
        size = 1.0
        for name in ("notional", "quantity", "strike"):
            value = getattr(trade, name, None)
            size *= value if isinstance(value, float | int) and value > 0 else 1.0
        self.add(context.time(trade.maturity), size)
        for day in trade.observation_dates(context):
            self.add(context.time(day), _LOOK * size)

    def _flow(self, flow: FixedFlow | IborFlow | CompoundedFlow) -> float:
        match flow:
            case FixedFlow():
                amount = flow.amount
            case IborFlow():
                amount = flow.amount * _RATE
            case CompoundedFlow():
                amount = flow.amount * (flow.accrued * (1.0 + _RATE * (flow.end - flow.start)) - 1.0)
        return amount * self._price(flow.currency)

    def _price(self, name: str) -> float:
        return self.prices.get(name, 1.0)
