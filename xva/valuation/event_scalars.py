"""Scalars that trades take from the paths between grid dates: FX fixings of resets, states at exercises.

Each is ``constant + sum_f coefficient_f s_f`` of the state at the event date, keyed by what it is and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.cross_asset import CrossAssetModel
from xva.pricing.affine import CurveSource
from xva.valuation.compiled import CompiledSet

Floats = NDArray[np.float64]
EventKey = tuple[str, str, str, int]
WIDTH = 4  # states an event scalar depends on: x and ln Y of two currencies
_SAME_TIME = 1e-9


@dataclass(frozen=True)
class EventScalars:
    """Events in date order.

    ``time``, ``day`` ``(event,)``; ``states`` ``(event, 4)`` state numbers and ``used`` which of them count; ``constant``
    ``(event,)`` and ``coefficients`` ``(event, 4)``, zero where not used.
    """

    keys: tuple[EventKey, ...]
    time: Floats
    day: NDArray[np.int64]
    states: NDArray[np.int64]
    used: NDArray[np.bool_]
    constant: Tensor
    coefficients: Tensor


def reset_key(base: str, leg: str, start: float, day_zero: int) -> EventKey:
    """Key of the price of one ``base`` in ``leg`` currency at the start of a reset period."""
    return ("reset", base, leg, day_zero + round(365.0 * start))


def exercise_key(currency: str, expiry: float, day_zero: int) -> EventKey:
    """Key of the state at a physically settled swaption's expiry."""
    return ("exercise", currency, "", day_zero + round(365.0 * expiry))


def event_scalars(
    curves: CurveSource, model: CrossAssetModel, last: float, sets: Sequence[CompiledSet], day_zero: int
) -> EventScalars:
    """All events of ``sets`` after `as_of` and up to time ``last``; what happens on `as_of` has no law (`spot_cross`)."""
    found: dict[EventKey, float] = {}
    for compiled in sets:
        for reset in compiled.resets:
            for start in reset.start[reset.start > _SAME_TIME].tolist():
                found[reset_key(reset.base_currency, reset.currency, start, day_zero)] = start
        for swaption in compiled.swaptions:
            if swaption.physical and swaption.stop > swaption.expiry:
                found[exercise_key(swaption.currency, swaption.expiry, day_zero)] = swaption.expiry
    keys = sorted((k for k, t in found.items() if t <= last + _SAME_TIME), key=lambda k: (found[k], k))
    times = np.array([found[k] for k in keys])
    constant = torch.zeros(len(keys), dtype=torch.float64)
    coefficients = torch.zeros(len(keys), WIDTH, dtype=torch.float64)
    states = np.zeros((len(keys), WIDTH), dtype=np.int64)
    used = np.zeros((len(keys), WIDTH), dtype=bool)
    for kind, one, other in sorted({k[:3] for k in keys}):
        mine = np.flatnonzero([k[:3] == (kind, one, other) for k in keys])
        pick = torch.from_numpy(mine)
        if kind == "exercise":
            states[mine, 0], used[mine, 0] = model.index[f"IR:{one}"], True
            weights = torch.zeros(len(mine), WIDTH, dtype=torch.float64)
            weights[:, 0] = 1.0
        else:
            level, weights = _log_cross(curves, model, one, other, times[mine])
            constant = constant.index_put((pick,), level)
            for column, factor in enumerate((f"IR:{one}", f"FX:{one}", f"IR:{other}", f"FX:{other}")):
                if factor in model.index:
                    states[mine, column], used[mine, column] = model.index[factor], True
        coefficients = coefficients.index_put((pick,), weights)
    day = np.array([k[3] for k in keys], dtype=np.int64)
    return EventScalars(tuple(keys), times, day, states, used, constant, coefficients)


def spot_cross(curves: CurveSource, model: CrossAssetModel, base: str, leg: str) -> Tensor:
    """``ln`` of the price of one ``base`` in ``leg`` currency at `as_of`, ``()``."""
    level, weights = _log_cross(curves, model, base, leg, np.zeros(1))
    start, total = model.initial_state(), level[0]
    for column, factor in enumerate((f"IR:{base}", f"FX:{base}", f"IR:{leg}", f"FX:{leg}")):
        if factor in model.index:
            total = total + weights[0, column] * start[model.index[factor]]
    return total


def _log_cross(
    curves: CurveSource, model: CrossAssetModel, base: str, leg: str, time: Floats
) -> tuple[Tensor, Tensor]:
    """``ln (Y/N)_base - ln (Y/N)_leg``: constant ``(event,)`` and coefficients on (x, ln Y) of base and leg."""
    constant = torch.zeros(len(time), dtype=torch.float64)
    columns: list[Tensor] = []
    for sign, currency in ((1.0, base), (-1.0, leg)):
        h, square = model.rates[currency].log_numeraire_terms(time)
        constant = constant + sign * (curves.discount_curve(currency).log_discount(time) - square)
        foreign = 0.0 if currency == model.domestic else sign
        columns += [-sign * h, torch.full_like(h, foreign)]
    return constant, torch.stack(columns, dim=1)
