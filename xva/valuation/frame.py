"""What all netting sets of a run share: market, model, dates, covariances, Chebyshev intervals and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.cross_asset import CrossAssetModel
from xva.numerics import chebyshev
from xva.pricing.affine import CurveSource
from xva.valuation.compiled import CompiledReset, CompiledSet, CompiledSwaption
from xva.valuation.state import CovarianceTable, Event, covariance_table

Floats = NDArray[np.float64]
EventKey = tuple[str, ...]

HALF_WIDTH_SD = 5.5
FIRST_SCALE = 1e-3  # of the state at as_of, which has no spread
_SAME_TIME = 1e-9


@dataclass(frozen=True)
class Frame:
    """What all netting sets of a run share: market, model, dates, covariances, Chebyshev intervals, events.

    ``times`` ``(date,)`` starts at 0; ``centre`` and ``scale`` ``(date, currency)`` map states to [-1, 1];
    ``event_of`` finds an event's number by its key (`reset_key`, `exercise_key`); ``day_zero`` is `as_of` in days
    from 1970-01-01.
    """

    curves: CurveSource
    model: CrossAssetModel
    times: Floats
    table: CovarianceTable
    centre: Tensor
    scale: Tensor
    event_of: dict[EventKey, int]
    day_zero: int

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(self.model.rates)

    def nodes(self, currency: str, count: int) -> Tensor:
        """Chebyshev nodes in the currency's state, ``(date, count)``; constants of the run."""
        c = self.currencies.index(currency)
        return self.centre[:, c, None] + self.scale[:, c, None] * chebyshev.nodes(count)


@dataclass(frozen=True)
class EventScalar:
    """An event and its value ``constant + coefficients . states`` (see `state.Event`)."""

    key: EventKey
    event: Event
    constant: Tensor
    coefficients: Tensor


def make_frame(
    curves: CurveSource, model: CrossAssetModel, times: Floats, sets: Sequence[CompiledSet], day_zero: int
) -> tuple[Frame, list[EventScalar]]:
    """The frame of a run and its event scalars, in date order.

    ``times`` ``(date,)`` starts at 0; ``day_zero`` is `as_of` in days from 1970-01-01.
    """
    scalars = _event_scalars(curves, model, float(times[-1]), sets, day_zero)
    expiries = np.array(sorted(set().union(*(s.expiries for s in sets))))
    table = covariance_table(model, [times, np.array([e.event.time for e in scalars]), expiries])
    centre, scale = _intervals(model, table, times)
    numbers = {e.key: k for k, e in enumerate(scalars)}
    return Frame(curves, model, times, table, centre, scale, numbers, day_zero), scalars


def _intervals(model: CrossAssetModel, table: CovarianceTable, times: Floats) -> tuple[Tensor, Tensor]:
    n = len(model.rates)
    with torch.no_grad():
        covariance = table.at(times)
        centre = model.drifts(covariance)[:, :n]
        scale = HALF_WIDTH_SD * torch.sqrt(torch.diagonal(covariance, dim1=1, dim2=2)[:, :n])
        scale = torch.where(scale > 0, scale, torch.full_like(scale, FIRST_SCALE))
    return centre.detach(), scale.detach()


def reset_key(reset: CompiledReset, day_zero: int) -> EventKey:
    """Key of the FX fixing of a reset period."""
    return ("reset", reset.period.base_currency, reset.period.currency, _day(reset.period.start, day_zero))


def exercise_key(swaption: CompiledSwaption, day_zero: int) -> EventKey:
    """Key of the state at a physically settled swaption's expiry."""
    return ("exercise", swaption.currency, _day(swaption.expiry, day_zero))


def _day(time: float, day_zero: int) -> str:
    return str(day_zero + round(365.0 * time))


def _event_scalars(
    curves: Any, model: CrossAssetModel, last: float, sets: Sequence[CompiledSet], day_zero: int
) -> list[EventScalar]:
    found: dict[EventKey, EventScalar] = {}
    for compiled in sets:
        for reset in compiled.resets:
            key = reset_key(reset, day_zero)
            if key not in found and reset.period.start <= last + _SAME_TIME:
                found[key] = _reset_scalar(key, reset, curves, model)
        for swaption in compiled.swaptions:
            key = exercise_key(swaption, day_zero)
            if swaption.physical and key not in found and swaption.expiry <= last + _SAME_TIME:
                event = Event(swaption.expiry, int(key[-1]), (model.index[f"IR:{swaption.currency}"],))
                one = torch.ones(1, dtype=torch.float64)
                found[key] = EventScalar(key, event, one.new_zeros(()), one)
    return sorted(found.values(), key=lambda e: (e.event.time, e.key))


def _reset_scalar(
    key: EventKey, reset: CompiledReset, curves: CurveSource, model: CrossAssetModel
) -> EventScalar:
    """ln of the price of one base unit in the resetting currency at the reset: ``ln (Y/N)_base - ln (Y/N)_leg``."""
    time = reset.period.start
    states: list[int] = []
    coefficients: list[Tensor] = []
    constant = torch.zeros((), dtype=torch.float64)
    for sign, currency in ((1.0, reset.period.base_currency), (-1.0, reset.period.currency)):
        h, square = model.rates[currency].log_numeraire_terms(time)
        states.append(model.index[f"IR:{currency}"])
        coefficients.append(-sign * h)
        log_p = curves.discount_curve(currency).log_discount(np.array([time]))[0]
        constant = constant + sign * (log_p - square)
        if currency != model.domestic:
            states.append(model.index[f"FX:{currency}"])
            coefficients.append(sign * torch.ones_like(h))
    event = Event(time, int(key[-1]), tuple(states))
    return EventScalar(key, event, constant, torch.stack(coefficients))
