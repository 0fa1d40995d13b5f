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

from xva.numerics.types import Floats
from xva.trades.claims import CompoundedFlow, FixedFlow, IborFlow

LinearFlow = FixedFlow | IborFlow | CompoundedFlow


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
    flows = list(flows)
    bonds: list[tuple[float, float, float]] = []
    forwards: list[tuple[str, bool, bool, float, float, float, float, float, float]] = []
    for (flow, stop), own in zip(flows, simulated or [False] * len(flows), strict=True):
        until = min(flow.pay, stop)
        match flow:
            case FixedFlow():
                bonds.append((flow.pay, until, flow.amount))
            case IborFlow():
                scaled = flow.amount / flow.accrual
                bonds.append((flow.pay, until, -scaled))
                forwards.append(
                    (flow.index, False, own, flow.fixing, flow.start, flow.end, flow.pay, until, scaled)
                )
            case CompoundedFlow():
                bonds.append((flow.pay, until, -flow.amount))
                grown = flow.amount * flow.accrued
                forwards.append(
                    (flow.index, True, own, flow.start, flow.start, flow.end, flow.pay, until, grown)
                )
    indices = tuple(sorted({f[0] for f in forwards}))
    rows = [(float(indices.index(f[0])), float(f[1]), float(f[2]), *f[3:]) for f in forwards]
    table = _add_up(np.array(bonds, dtype=np.float64).reshape(-1, 3))
    ratio = _add_up(np.array(rows, dtype=np.float64).reshape(-1, 9))
    return FlowBook(
        currency,
        indices,
        BondTable(*table.T),
        ForwardTable(
            ratio[:, 0].astype(np.int64),
            ratio[:, 1].astype(bool),
            ratio[:, 2].astype(bool),
            *ratio[:, 3:].T,
        ),
    )


def _add_up(rows: Floats) -> Floats:
    """Rows whose first columns agree become one, the last column (the amount) summed."""
    if not len(rows):
        return rows
    keys, inverse = np.unique(rows[:, :-1], axis=0, return_inverse=True)
    return np.column_stack([keys, np.bincount(inverse.ravel(), weights=rows[:, -1], minlength=len(keys))])
