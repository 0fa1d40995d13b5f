"""What every trade of a book still promises, made at once; linear flows stay in columns until somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final, overload

import numpy as np
from numpy.typing import NDArray

from xva.errors import TradeError
from xva.numerics.types import Ints
from xva.trades.claims import Claim
from xva.trades.context import TradeContext
from xva.trades.flow_table import LINEAR, FlowTable, LinearFlow
from xva.trades.trade import Trade

Refuse = Callable[[int, TradeError], object]


@final
@dataclass(frozen=True, eq=False)
class BookClaims(Sequence[tuple[Claim, ...]]):
    """Claims by trade, in the order of ``trades``; each trade's are those of `Trade.claims`.

    Parameters
    ----------
    trades : tuple of Trade
    context : TradeContext
    flows : FlowTable
        Of the trades that promise linear flows alone.
    others : mapping
        The claims of the other trades by number, increasing; without an entry where there are none.
    """

    trades: tuple[Trade, ...]
    context: TradeContext
    flows: FlowTable
    others: Mapping[int, tuple[Claim, ...]]

    def serves(self, trades: tuple[Trade, ...], context: TradeContext) -> bool:
        """Whether these are the claims of ``trades`` as of ``context``."""
        return self.trades == trades and self.context == context

    def __len__(self) -> int:
        return len(self.trades)

    @overload
    def __getitem__(self, number: int) -> tuple[Claim, ...]: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[tuple[Claim, ...]]: ...
    def __getitem__(self, number: int | slice) -> tuple[Claim, ...] | Sequence[tuple[Claim, ...]]:
        if isinstance(number, slice):
            return [self[k] for k in range(*number.indices(len(self)))]
        place = range(len(self))[number]
        return self.others[place] if place in self.others else self._linear(place)

    def __iter__(self) -> Iterator[tuple[Claim, ...]]:
        return (self[k] for k in range(len(self)))

    def of(self, numbers: Sequence[int]) -> BookClaims:
        """The claims of some trades, in that order."""
        others = {k: self.others[n] for k, n in enumerate(numbers) if n in self.others}
        flows = self.flows.of_trades(np.array(numbers, dtype=np.int64))
        return BookClaims(tuple(self.trades[n] for n in numbers), self.context, flows, others)

    def where(self, kept: NDArray[np.bool_]) -> BookClaims:
        """The same trades, those left out without claims; ``kept`` ``(trade,)``."""
        others = {k: claims for k, claims in self.others.items() if kept[k]}
        return BookClaims(self.trades, self.context, self.flows.where(kept[self.flows.owner]), others)

    def followed_by(self, more: BookClaims) -> BookClaims:
        """Those of this book, then those of another."""
        behind = len(self)
        others = {**self.others, **{k + behind: claims for k, claims in more.others.items()}}
        flows = FlowTable.joined([self.flows, replace(more.flows, owner=more.flows.owner + behind)])
        return BookClaims((*self.trades, *more.trades), self.context, flows, others)

    @property
    def counts(self) -> Ints:
        """``(trade,)`` how many claims each has."""
        found = np.bincount(self.flows.owner, minlength=len(self))
        for number, claims in self.others.items():
            found[number] = len(claims)
        return found

    def _linear(self, number: int) -> tuple[Claim, ...]:
        first, last = np.searchsorted(self.flows.owner, [number, number + 1])
        return tuple(self.flows.where(slice(first, last)).claims())


def book_claims(trades: Sequence[Trade], context: TradeContext, refuse: Refuse | None = None) -> BookClaims:
    """The claims of a book.

    Parameters
    ----------
    refuse : callable, optional
        Told number and error of every trade that cannot be turned into claims, which then has none; by default the
        first error is raised.
    """
    kinds: dict[type[Trade], dict[int, Trade]] = {}
    for k, trade in enumerate(trades):
        kinds.setdefault(type(trade), {})[k] = trade
    tables: list[FlowTable] = []
    made: set[int] = set()
    for kind, mine in kinds.items():
        table, found = kind.claims_by_columns(mine, context)
        tables.append(table)
        made |= found
    linear: list[tuple[int, LinearFlow]] = []
    others: dict[int, tuple[Claim, ...]] = {}
    for k, trade in enumerate(trades):
        if k in made:
            continue
        try:
            claims = trade.claims(context)
        except TradeError as error:
            if refuse is None:
                raise
            refuse(k, error)
            continue
        flows = [(k, claim) for claim in claims if isinstance(claim, LINEAR)]
        if len(flows) == len(claims):
            linear += flows
        else:
            others[k] = claims
    return BookClaims(tuple(trades), context, FlowTable.joined([*tables, FlowTable.of(linear)]), others)
