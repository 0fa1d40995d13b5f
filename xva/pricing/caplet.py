"""Caplets and floorlets under LGM as exchange options between a forward and a strike bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from xva.errors import TradeError
from xva.models import Lgm
from xva.models.lgm import at_unique
from xva.numerics.types import Floats
from xva.pricing.affine import CurveSource, forward_weights, running_exponents
from xva.pricing.exchange import SMALLEST_STDEV, AffineRows
from xva.pricing.flow_book import BondTable, FlowBook, ForwardTable
from xva.trades.claims import Caplet


@dataclass(frozen=True)
class CapletBook:
    """Caplets of one currency; ``book.forwards`` holds one row per caplet with amount |notional tau|/accrual."""

    book: FlowBook
    strike_factor: Floats
    sign: NDArray[np.int64]
    position: Floats


def caplet_book(
    currency: str, caplets: Sequence[tuple[Caplet, float]], simulated: Sequence[bool] | None = None
) -> CapletBook:
    """``(caplet, break time)`` pairs of one currency, in the order given.

    ``simulated`` says of each whether its fixing is the path's own; of none if omitted.
    """
    bad = [c for c, _ in caplets if 1.0 + c.accrual * c.strike <= 0.0]
    if bad:
        raise TradeError(f"a caplet's strike must be above -1/accrual, got {bad[0].strike}")
    indices = tuple(sorted({c.index for c, _ in caplets}))
    columns = np.array(
        [
            (c.fixing, c.start, c.end, c.pay, min(c.pay, stop), abs(c.amount) / c.accrual)
            for c, stop in caplets
        ],
        dtype=np.float64,
    ).reshape(-1, 6)
    empty = np.zeros(0)
    table = ForwardTable(
        np.array([indices.index(c.index) for c, _ in caplets], dtype=np.int64),
        np.zeros(len(caplets), dtype=bool),
        np.array(simulated or [False] * len(caplets), dtype=bool),
        *columns.T,
    )
    return CapletBook(
        FlowBook(currency, indices, BondTable(empty, empty, empty), table),
        np.array([1.0 + c.accrual * c.strike for c, _ in caplets]),
        np.array([c.sign for c, _ in caplets], dtype=np.int64),
        np.array([np.sign(c.amount) for c, _ in caplets]),
    )


def caplet_rows(
    caplets: CapletBook,
    curves: CurveSource,
    lgm: Lgm,
    times: Floats,
    date: NDArray[np.int64],
    row: NDArray[np.int64],
) -> AffineRows:
    """Caplets ``row`` seen at dates ``times[date]``, forward or (fixed, unpaid) as conditional mean; sorted by date."""
    table = caplets.book.forwards
    time = times[date]
    fixed = time >= table.fixing[row]
    zeta_t, zeta_f = at_unique(lgm.zeta, time), at_unique(lgm.zeta, table.fixing[row])
    h_s, h_e = at_unique(lgm.h, table.start[row]), at_unique(lgm.h, table.end[row])
    h_p = at_unique(lgm.h, table.pay[row])
    gap = h_s - h_e
    h_run, shift_run = running_exponents(table, row, time, lgm)
    shift_forward = -0.5 * (gap + h_p) ** 2 * zeta_t
    is_fixed = torch.from_numpy(fixed)
    log_weight = torch.log(forward_weights(caplets.book, curves))[torch.from_numpy(row)]
    log_a = log_weight + torch.where(is_fixed, shift_run, shift_forward)
    h_a = torch.where(is_fixed, h_run, gap + h_p)
    log_p = at_unique(curves.discount_curve(caplets.book.currency).log_discount, table.pay[row])
    constant = torch.from_numpy(np.log(table.amount[row] * caplets.strike_factor[row]))
    log_b = constant + log_p - 0.5 * h_p**2 * zeta_t
    ones = torch.ones_like(zeta_t)
    after = zeta_f * (1.0 - zeta_f / torch.where(zeta_t > 0, zeta_t, ones))
    spread = torch.where(is_fixed, after, zeta_f - zeta_t)
    # a rate fixed today has no variance left: intrinsic value, with no derivative to a zero variance
    live = spread.detach() > SMALLEST_STDEV**2
    stdev = torch.where(live, gap.abs() * torch.sqrt(torch.where(live, spread, ones)), SMALLEST_STDEV * ones)
    cap = torch.from_numpy(caplets.sign[row] > 0)
    return AffineRows(
        date,
        torch.from_numpy(caplets.position[row]),
        torch.where(cap, log_a, log_b),
        torch.where(cap, h_a, h_p),
        torch.where(cap, log_b, log_a),
        torch.where(cap, h_p, h_a),
        stdev,
    )
