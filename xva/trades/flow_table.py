"""Linear flows of many trades by columns; a flow becomes a claim of its own when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from xva.numerics.types import Floats, Ints
from xva.trades.claims import CompoundedFlow, FixedFlow, IborFlow

LinearFlow = FixedFlow | IborFlow | CompoundedFlow
LINEAR = (FixedFlow, IborFlow, CompoundedFlow)
FIXED, IBOR, COMPOUNDED = range(3)
NONE: Final = -1
"""The index of a fixed flow."""


@final
@dataclass(frozen=True, eq=False)
class FlowTable:
    """`FixedFlow`, `IborFlow` and `CompoundedFlow` in rows, all columns ``(flow,)``.

    Parameters
    ----------
    names : tuple of str
        Currencies and indices.
    owner : ndarray
        Number of the trade, increasing; within a trade rows have the order of its claims.
    kind : ndarray
        `FIXED`, `IBOR` or `COMPOUNDED`.
    currency, index : ndarray
        Numbers in ``names``; `NONE` where there is no index.
    fixing, start, end, pay, amount, factor : ndarray
        As the claim has them, 0 where it does not; ``factor`` is an ibor flow's accrual, a compounded one's ``accrued``.
    """

    names: tuple[str, ...]
    owner: Ints
    kind: Ints
    currency: Ints
    index: Ints
    fixing: Floats
    start: Floats
    end: Floats
    pay: Floats
    amount: Floats
    factor: Floats

    def __len__(self) -> int:
        return len(self.owner)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, LinearFlow]]) -> FlowTable:
        """From claims, each with the number of its trade, in order."""
        names: dict[str, int] = {}
        found = [(owner, *_row(flow, names)) for owner, flow in rows]
        columns = np.array(found, dtype=np.float64).reshape(-1, 10).T
        return cls(tuple(names), *(c.astype(np.int64) for c in columns[:4]), *columns[4:])

    @classmethod
    def joined(cls, tables: Sequence[FlowTable]) -> FlowTable:
        """Rows of several tables in the order of trades; of one trade in that of the tables."""
        tables = [table for table in tables if len(table)]
        if len(tables) <= 1:
            return tables[0] if tables else cls.of(())
        names = tuple(dict.fromkeys(name for table in tables for name in table.names))
        parts = [table._renamed(names) for table in tables]
        whole = [np.concatenate([column[k] for column in parts]) for k in range(len(_COLUMNS))]
        order = np.argsort(whole[0], kind="stable")
        return cls(names, *(column[order] for column in whole))

    def where(self, kept: NDArray[Any] | slice) -> FlowTable:
        """Some of the rows, by mask, by number or from one to another."""
        return FlowTable(self.names, *(getattr(self, name)[kept] for name in _COLUMNS))

    def of_trades(self, numbers: Ints) -> FlowTable:
        """The rows of some trades in the order of ``numbers``; ``owner`` is the place there."""
        first = np.searchsorted(self.owner, numbers)
        counts = np.searchsorted(self.owner, numbers, side="right") - first
        owner = np.repeat(np.arange(len(numbers)), counts)
        row = np.arange(len(owner)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        found = self.where(row)
        return FlowTable(found.names, owner, *(getattr(found, name) for name in _COLUMNS[1:]))

    def claims(self) -> list[LinearFlow]:
        """Every row as a claim."""
        columns = [getattr(self, name).tolist() for name in _COLUMNS[1:]]
        return [_claim(self.names, *row) for row in zip(*columns)]

    def _renamed(self, names: tuple[str, ...]) -> list[NDArray[Any]]:
        """The columns with the numbers of other names."""
        to = np.array(
            [*(names.index(name) for name in self.names), NONE], dtype=np.int64
        )  # the last for NONE
        columns = [getattr(self, name) for name in _COLUMNS]
        columns[2:4] = [to[self.currency], to[self.index]]
        return columns


_COLUMNS = tuple(field.name for field in fields(FlowTable))[1:]


def _row(flow: LinearFlow, names: dict[str, int]) -> tuple[float, ...]:
    currency = names.setdefault(flow.currency, len(names))
    match flow:
        case FixedFlow():
            return (FIXED, currency, NONE, 0.0, 0.0, 0.0, flow.pay, flow.amount, 0.0)
        case IborFlow():
            return (IBOR, currency, names.setdefault(flow.index, len(names)), *flow[2:])
        case CompoundedFlow():
            index = names.setdefault(flow.index, len(names))
            return (COMPOUNDED, currency, index, 0.0, *flow[2:])


def _claim(
    names: tuple[str, ...], kind: int, currency: int, index: int, fixing: float, *rest: float
) -> LinearFlow:
    start, end, pay, amount, factor = rest
    if kind == FIXED:
        return FixedFlow(names[currency], pay, amount)
    if kind == IBOR:
        return IborFlow(names[currency], names[index], fixing, start, end, pay, amount, factor)
    return CompoundedFlow(names[currency], names[index], start, end, pay, amount, factor)
