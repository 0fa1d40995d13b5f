"""The linear part of a set of trades in one currency, added up by date.

In the currency's LGM every linear flow is a sum of terms ``w exp(-h x - q zeta(t)/2)`` (deflated by the currency's own
numeraire): a bond has ``h = H(T), q = H(T)^2``; a floating coupon not yet fixed, with the projection/discount ratio
deterministic, one more such term with ``h = H_S - H_E + H_p``. Coupons fixed but unpaid and overnight coupons that are
accruing have the path's own fixing where they are ``simulated`` (`xva.exposure.parts.running_coupons`); else they take their
closed-form Gaussian conditional mean given x, under the currency's own measure, which keeps deflated values martingales
when multiplied by Y.
Ten thousand swaps cost what one costs: terms of the same dates are added before any tensor exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xva.numerics.types import Floats, Ints
from xva.trades.flow_table import COMPOUNDED, FIXED, IBOR, FlowTable, LinearFlow

_A_YEAR, _MANY_DAYS = 365.0, 1 << 17
_LARGEST = 1 << 62


@dataclass(frozen=True)
class BondTable:
    """Known amounts: ``amount`` at ``pay``, counted while ``t < until`` (the earlier of payment and break)."""

    pay: Floats
    until: Floats
    amount: Floats


@dataclass(frozen=True)
class ForwardTable:
    """``amount * P_index(start)/P_index(end)`` paid at ``pay``; ``fixing`` is when it stops being a forward.

    Before ``fixing`` (and ``until``) a forward; from then to ``until`` its conditional mean or, where ``simulated``, what the
    path made of it. ``compounded`` marks overnight coupons, whose rate accrues over [start, end]; the others are known at
    ``fixing``.
    """

    index: NDArray[np.int64]
    compounded: NDArray[np.bool_]
    simulated: NDArray[np.bool_]
    fixing: Floats
    start: Floats
    end: Floats
    pay: Floats
    until: Floats
    amount: Floats


@dataclass(frozen=True)
class FlowBook:
    """Linear flows of one currency, added up by date."""

    currency: str
    indices: tuple[str, ...]
    bonds: BondTable
    forwards: ForwardTable

    @property
    def last(self) -> float:
        """Time of the last flow counted."""
        ends = np.concatenate([self.bonds.until, self.forwards.until])
        return float(ends.max()) if ends.size else 0.0

    @property
    def last_bond(self) -> float:
        """Latest maturity of a bond that a flow is made of."""
        table = self.forwards  # a settlement discounted at its index has start and end exchanged
        ends = np.concatenate([self.bonds.pay, table.start, table.end, table.pay])
        return float(ends.max()) if ends.size else 0.0


def flow_book(
    currency: str, flows: Iterable[tuple[LinearFlow, float]], simulated: Sequence[bool] | None = None
) -> FlowBook:
    """Add up ``(flow, break time)`` pairs of one currency; the break is ``inf`` where there is none.

    ``simulated`` says of each flow whether its fixing is the path's own; of none if omitted.
    """
    pairs = list(flows)
    table = FlowTable.of((k, flow) for k, (flow, _) in enumerate(pairs))
    stop = np.array([stop for _, stop in pairs], dtype=np.float64)
    own = np.zeros(len(pairs), dtype=bool) if simulated is None else np.array(simulated, dtype=bool)
    return table_book(currency, table, stop, own)


def table_book(currency: str, flows: FlowTable, stop: Floats, simulated: NDArray[np.bool_]) -> FlowBook:
    """As `flow_book`, from columns of one currency; break times and ``simulated`` are ``(flow,)``."""
    until = np.minimum(flows.pay, stop)
    floats, ibor = flows.kind != FIXED, flows.kind == IBOR
    size = np.divide(flows.amount, flows.factor, out=flows.amount.copy(), where=ibor)
    bonds = _add_up([flows.pay, until], np.where(floats, -size, size))
    numbers = np.unique(flows.index[floats]).tolist()
    indices = tuple(sorted(flows.names[k] for k in numbers))
    to = np.zeros(max(numbers, default=0) + 1)
    for k in numbers:
        to[k] = indices.index(flows.names[k])
    f = flows.where(floats)
    compounded = f.kind == COMPOUNDED
    keys: list[Floats] = [
        np.asarray(to[f.index], dtype=np.float64),
        compounded.astype(np.float64),
        simulated[floats].astype(np.float64),
        np.where(compounded, f.start, f.fixing),
        f.start,
        f.end,
        f.pay,
        until[floats],
    ]
    ratio = _add_up(keys, np.where(compounded, f.amount * f.factor, size[floats]))
    return FlowBook(
        currency,
        indices,
        BondTable(*bonds),
        ForwardTable(ratio[0].astype(np.int64), ratio[1].astype(bool), ratio[2].astype(bool), *ratio[3:]),
    )


def _add_up(keys: Sequence[Floats], amounts: Floats) -> list[Floats]:
    """Rows that agree in all ``keys`` become one, their amounts summed in the order of rows; sorted by the keys."""
    if not len(amounts):
        return [*keys, amounts]
    row, place = _alike(keys)
    sums: Floats = np.bincount(place, weights=amounts, minlength=len(row)).astype(np.float64)
    return [*(column[row] for column in keys), sums]


def _alike(keys: Sequence[Floats]) -> tuple[Ints, Ints]:
    """A row of each kind, kinds sorted by the keys, and the kind of each row."""
    code, size = np.zeros(len(keys[0]), dtype=np.int64), 1
    for column in keys:
        rank, count = _ranks(column)
        if size * count > _LARGEST:
            found, code = np.unique(code, return_inverse=True)
            size = len(found)
        code, size = code * count + rank, size * count
    _, row, place = np.unique(code, return_index=True, return_inverse=True)
    return row, place


def _ranks(column: Floats) -> tuple[Ints, int]:
    """Numbers in the order of the values, equal for equal ones, and how many there may be; times are whole days, mostly."""
    days = np.rint(_A_YEAR * column)
    if np.array_equal(days / _A_YEAR, column):
        whole = days.astype(np.int64)
        first = whole.min()
        if (count := int(whole.max() - first) + 1) < _MANY_DAYS:
            return whole - first, count
    found, place = np.unique(column, return_inverse=True)
    return place, len(found)
