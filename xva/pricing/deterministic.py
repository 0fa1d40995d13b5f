"""Value at t = 0 of linear claims: projected forwards times discount factors, no model.

Forwards of rates, equities and FX resets come off the curves, without convexity adjustments; a resetting
notional is the FX forward's. Everything is differentiable in what the market's tensors hang on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import DomainError, MarketDataError
from xva.trades.book_claims import BookClaims
from xva.trades.claims import Claim, CompoundedFlow, EquityFlow, FixedFlow, IborFlow, ResetPeriod
from xva.trades.flow_table import LINEAR, FlowTable

Columns = tuple[NDArray[np.float64], ...]
Names = tuple[str, ...]
Group = tuple[type[Any], Names]
Rows = tuple[NDArray[np.int64], Columns]
"""Numbers of the trades, and the claims' numbers in order."""


class Discounting(Protocol):
    """A curve: ``discount(t)`` has the shape of ``t``."""

    def discount(self, t: Any, /) -> Tensor: ...


class LinearMarket(Protocol):
    """What linear claims need of a market, as `xva.market.Market` has it."""

    def discount_curve(self, currency: str, /) -> Discounting: ...

    def projection_curve(self, index: str, /) -> Discounting: ...

    def fx_spot(self, currency: str, /) -> Tensor: ...

    def equity_spot(self, name: str, /) -> Tensor: ...

    def equity_currency(self, name: str, /) -> str: ...

    def dividend_yield(self, name: str, /) -> Tensor: ...


def linear_value(claims: Iterable[Claim], market: LinearMarket) -> Tensor:
    """Value of one trade's claims, in reporting currency, 0-dim; see `linear_values`."""
    return linear_values([claims], market)[0]


def linear_values(book: Sequence[Iterable[Claim]], market: LinearMarket) -> Tensor:
    """Values at t = 0 of many trades' linear claims.

    Parameters
    ----------
    book : sequence of iterables of claims
        One entry per trade, as `Trade.claims` gives them.
    market : LinearMarket

    Returns
    -------
    Tensor
        ``(trade,)`` float64 in reporting currency, positive when in our favour; 0 without claims.

    Raises
    ------
    DomainError
        A claim is an option: it has no value without a model.
    MarketDataError
        An equity is quoted in another currency than the claim's.
    """
    groups = _column_groups(book) if isinstance(book, BookClaims) else _groups(enumerate(book))
    total = torch.zeros(len(book), dtype=torch.float64)
    for (kind, names), (trade, columns) in groups.items():
        values = _VALUES[kind](names, columns, market) * market.fx_spot(names[0])
        total = total.index_add(0, torch.from_numpy(trade), values)
    return total


def flow_values(book: BookClaims, market: LinearMarket) -> tuple[NDArray[np.float64], Tensor]:
    """Every flow of the book's columns by itself: its pay time in years, and its value at t = 0 in reporting currency.

    Returns
    -------
    ndarray, Tensor
        ``(flow,)`` both, in the order of ``book.flows``.
    """
    flows = book.flows
    total = torch.zeros(len(flows.owner), dtype=torch.float64)
    for rows, (kind, names), (_, columns) in _flow_groups(flows):
        values = _VALUES[kind](names, columns, market) * market.fx_spot(names[0])
        total = total.index_copy(0, torch.from_numpy(rows), values)
    return flows.pay, total


def _groups(book: Iterable[tuple[int, Iterable[Claim]]]) -> dict[Group, Rows]:
    """Claims of one kind that hang on the same names, in the order in which the book first has one."""
    rows: dict[Group, list[tuple[float, ...]]] = {}
    for trade, claims in book:
        for claim in claims:
            names, numbers = _split(claim)
            rows.setdefault((type(claim), names), []).append((trade, *numbers))
    found: dict[Group, Rows] = {}
    for key, group in rows.items():
        trade, *columns = np.array(group, dtype=np.float64).T
        found[key] = (trade.astype(np.int64), tuple(columns))
    return found


def _column_groups(book: BookClaims) -> dict[Group, Rows]:
    """As `_groups`, so that values are the same to the last bit."""
    whole = _groups(book.others.items())
    for _, key, (trade, columns) in _flow_groups(book.flows):
        known = whole.get(key)
        if known is not None:
            order = np.argsort(np.concatenate([known[0], trade]), kind="stable")
            trade = np.concatenate([known[0], trade])[order]
            columns = tuple(np.concatenate(pair)[order] for pair in zip(known[1], columns))
        whole[key] = (trade, columns)
    first = {key: int(trade[0]) for key, (trade, _) in whole.items()}
    places = {key: _place(book[trade], key) for key, trade in first.items()}
    return {key: whole[key] for key in sorted(whole, key=lambda k: (first[k], places[k]))}


def _place(claims: Sequence[Claim], key: Group) -> int:
    """Number of the first claim of a group among a trade's."""
    return next(k for k, claim in enumerate(claims) if (type(claim), _split(claim)[0]) == key)


def _flow_groups(flows: FlowTable) -> Iterator[tuple[NDArray[np.int64], Group, Rows]]:
    """Flows of one kind that hang on the same names: their numbers in the table, and what `_groups` has of them."""
    count = len(flows.names) + 1
    code = (flows.kind * count + flows.currency) * count + flows.index + 1
    order = np.argsort(code, kind="stable")
    first = np.flatnonzero(np.diff(code[order], prepend=-1))
    for rows in np.split(order, first[1:]) if len(order) else ():
        mine, kind = flows.where(rows), LINEAR[flows.kind[rows[0]]]
        names = tuple(flows.names[k] for k in (mine.currency[0], mine.index[0]) if k >= 0)
        columns = (mine.start, mine.end, mine.pay, mine.amount, mine.factor)
        numbers = {FixedFlow: columns[2:4], IborFlow: (mine.fixing, *columns), CompoundedFlow: columns}
        yield rows, (kind, names), (mine.owner, numbers[kind])


def _split(claim: Claim) -> tuple[Names, tuple[float, ...]]:
    """The names that a claim hangs on, its currency first, and its numbers in order."""
    match claim:
        case FixedFlow():
            return claim[:1], claim[1:]
        case IborFlow() | CompoundedFlow():
            return claim[:2], claim[2:]
        case EquityFlow():
            return (claim.currency, claim.equity), claim[2:]
        case ResetPeriod():
            return (claim.currency, claim.base_currency, claim.index), (claim.base_amount, *claim[4:])
    raise DomainError(f"expected linear claims only, got a {type(claim).__name__}: price options by a model")


def _fixed(names: Names, columns: Columns, market: LinearMarket) -> Tensor:
    pay, amount = columns
    return torch.from_numpy(amount) * market.discount_curve(names[0]).discount(pay)


def _ibor(names: Names, columns: Columns, market: LinearMarket) -> Tensor:
    _, start, end, pay, amount, accrual = columns
    rate = _interest(names[1], start, end, market) / torch.from_numpy(accrual)
    return torch.from_numpy(amount) * rate * market.discount_curve(names[0]).discount(pay)


def _compounded(names: Names, columns: Columns, market: LinearMarket) -> Tensor:
    start, end, pay, amount, accrued = columns
    grown = torch.from_numpy(accrued) * (1.0 + _interest(names[1], start, end, market))
    return torch.from_numpy(amount) * (grown - 1.0) * market.discount_curve(names[0]).discount(pay)


def _equity(names: Names, columns: Columns, market: LinearMarket) -> Tensor:
    """Spot without the dividends until payment: discounting cancels the forward's growth."""
    currency, equity = names
    if market.equity_currency(equity) != currency:
        raise MarketDataError(
            f"equity {equity}: expected quotes in {currency} as the trade pays, "
            f"got {market.equity_currency(equity)}",
            [equity],
        )
    pay, quantity = columns
    kept = torch.exp(-market.dividend_yield(equity) * torch.from_numpy(pay))
    return torch.from_numpy(quantity) * market.equity_spot(equity) * kept


def _reset(names: Names, columns: Columns, market: LinearMarket) -> Tensor:
    currency, base, index = names
    amount, _, start, end, pay, accrual, spread, accrued, known_until = columns
    own = market.discount_curve(currency)
    spot = market.fx_spot(base) / market.fx_spot(currency)
    notional = (
        torch.from_numpy(amount) * spot * market.discount_curve(base).discount(start) / own.discount(start)
    )
    lent = own.discount(start) * torch.from_numpy((start > 0.0).astype(np.float64))
    coupon = torch.from_numpy(spread * accrual)
    if index:
        rest = 1.0 + _interest(index, np.maximum(start, known_until), end, market)
        coupon = coupon + torch.from_numpy(accrued) * rest - 1.0
    return notional * ((1.0 + coupon) * own.discount(pay) - lent)


def _interest(
    index: str, start: NDArray[np.float64], end: NDArray[np.float64], market: LinearMarket
) -> Tensor:
    """Interest on one unit over [start, end] at the forward of ``index``."""
    curve = market.projection_curve(index)
    return curve.discount(start) / curve.discount(end) - 1.0


_VALUES: dict[type[Any], Callable[[Names, Columns, LinearMarket], Tensor]] = {
    FixedFlow: _fixed,
    IborFlow: _ibor,
    CompoundedFlow: _compounded,
    EquityFlow: _equity,
    ResetPeriod: _reset,
}
