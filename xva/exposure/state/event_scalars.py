"""Scalars that trades take from the paths: FX fixings of resets, states at exercises and fixings, what coupons accrue.

Each is ``constant + sum_f coefficient_f s_f`` of the state at the event date, keyed by what it is and when. The state is the
model's, and of each currency with overnight coupons also ``A = int (H - H_k) dx`` since the grid date k before, because
``K_t = int_0^t x dH`` is ``K_k + (H_t - H_k) x_t - A_t``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.dates import SAME_TIME
from xva.exposure.compiled import CompiledSet
from xva.exposure.event_keys import EventKey, accrual_key
from xva.exposure.state.coupon_events import coupon_events
from xva.models import CrossAssetModel
from xva.numerics.types import Floats
from xva.pricing.affine import CurveSource

WIDTH = 4  # states an event scalar depends on: x and ln Y of two currencies


@dataclass(frozen=True)
class EventScalars:
    """Events in date order.

    ``time``, ``day`` ``(event,)``; ``states`` ``(event, 4)`` state numbers and ``used`` which of them count; ``base``
    ``(event,)`` the event that an accrual goes on from, -1 where it begins anew; ``constant`` ``(event,)`` and
    ``coefficients`` ``(event, 4)``, zero where not used. ``accruals`` are the currencies whose A follow the model's states.
    """

    keys: tuple[EventKey, ...]
    time: Floats
    day: NDArray[np.int64]
    states: NDArray[np.int64]
    used: NDArray[np.bool_]
    base: NDArray[np.int64]
    accruals: tuple[str, ...]
    constant: Tensor
    coefficients: Tensor


def event_scalars(
    curves: CurveSource, model: CrossAssetModel, times: Floats, sets: Sequence[CompiledSet], day_zero: int
) -> EventScalars:
    """All events of ``sets`` after `as_of` and up to the last of ``times``; those on `as_of` have no law (`spot_cross`).

    ``times`` are the grid's.
    """
    found = _wanted(sets, times, day_zero)
    last = float(times[-1]) + SAME_TIME
    keys = sorted((k for k, t in found.items() if t <= last), key=lambda k: (found[k], k))
    at = np.array([found[k] for k in keys])
    accruals = tuple(c for c in model.rates if any(k[:2] == ("accrual", c) for k in keys))
    constant = torch.zeros(len(keys), dtype=torch.float64)
    coefficients = torch.zeros(len(keys), WIDTH, dtype=torch.float64)
    states = np.zeros((len(keys), WIDTH), dtype=np.int64)
    used = np.zeros((len(keys), WIDTH), dtype=bool)
    for kind, one, other in sorted({k[:3] for k in keys}):
        mine = np.flatnonzero([k[:3] == (kind, one, other) for k in keys])
        pick = torch.from_numpy(mine)
        weights = torch.zeros(len(mine), WIDTH, dtype=torch.float64)
        columns: tuple[int | None, ...] = (model.layout.rates(one).start,)
        if kind == "state":
            weights[:, 0] = 1.0
        elif kind == "accrual":
            columns += (len(model.factors) + accruals.index(one),)
            h = model.lgm(one).h
            gain = h(at[mine]) - h(interval_start(times, at[mine]))
            weights = torch.cat([torch.stack([gain, -torch.ones_like(gain)], dim=1), weights[:, 2:]], dim=1)
        else:
            level, weights = _log_cross(curves, model, one, other, at[mine])
            constant = constant.index_put((pick,), level)
            columns = _cross_rows(model, one, other)
        for column, state in enumerate(columns):
            if state is not None:
                states[mine, column], used[mine, column] = state, True
        coefficients = coefficients.index_put((pick,), weights)
    day = np.array([k[3] for k in keys], dtype=np.int64)
    base = _bases(keys, at, times, day_zero)
    return EventScalars(tuple(keys), at, day, states, used, base, accruals, constant, coefficients)


def interval_start(grid: Floats, time: Floats) -> Floats:
    """The grid date before each ``time``; before, not at."""
    return grid[np.searchsorted(grid, time - SAME_TIME) - 1]


def _wanted(sets: Sequence[CompiledSet], times: Floats, day_zero: int) -> dict[EventKey, float]:
    found: dict[EventKey, float] = {}
    for compiled in sets:
        found.update(compiled.events(day_zero))
        found.update(coupon_events(compiled, times, day_zero))
    return found


def _bases(keys: Sequence[EventKey], at: Floats, times: Floats, day_zero: int) -> NDArray[np.int64]:
    """``(event,)`` number of what its currency had accrued on the grid date before, -1 where nobody needs that."""
    numbers = {key: k for k, key in enumerate(keys)}
    base = np.full(len(keys), -1, dtype=np.int64)
    for k, key in enumerate(keys):
        if key[0] == "accrual":
            before = float(interval_start(times, at[k : k + 1])[0])
            base[k] = numbers.get(accrual_key(key[1], before, day_zero), -1)
    return base


def spot_cross(curves: CurveSource, model: CrossAssetModel, base: str, leg: str) -> Tensor:
    """``ln`` of the price of one ``base`` in ``leg`` currency at `as_of`, ``()``."""
    level, weights = _log_cross(curves, model, base, leg, np.zeros(1))
    start, total = model.initial_state(), level[0]
    for column, row in enumerate(_cross_rows(model, base, leg)):
        if row is not None:
            total = total + weights[0, column] * start[row]
    return total


def _cross_rows(model: CrossAssetModel, base: str, leg: str) -> tuple[int | None, ...]:
    """Rows of x and ln Y of base and leg; the domestic currency has no ln Y."""
    return tuple(row for c in (base, leg) for row in (model.layout.rates(c).start, model.layout.fx(c)))


def _log_cross(
    curves: CurveSource, model: CrossAssetModel, base: str, leg: str, time: Floats
) -> tuple[Tensor, Tensor]:
    """``ln (Y/N)_base - ln (Y/N)_leg``: constant ``(event,)`` and coefficients on (x, ln Y) of base and leg."""
    constant = torch.zeros(len(time), dtype=torch.float64)
    columns: list[Tensor] = []
    for sign, currency in ((1.0, base), (-1.0, leg)):
        h, square = model.lgm(currency).log_numeraire_terms(time)
        constant = constant + sign * (curves.discount_curve(currency).log_discount(time) - square)
        foreign = 0.0 if currency == model.domestic else sign
        columns += [-sign * h, torch.full_like(h, foreign)]
    return constant, torch.stack(columns, dim=1)
