"""What all netting sets of a run share: market, model, dates, covariances, Chebyshev intervals and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.cross_asset import CrossAssetModel
from xva.numerics import chebyshev
from xva.pricing.affine import CurveSource
from xva.valuation.compiled import CompiledSet
from xva.valuation.event_scalars import EventKey, EventScalars, event_scalars
from xva.valuation.state import CovarianceTable, covariance_table

Floats = NDArray[np.float64]

HALF_WIDTH_SD = 5.5
FIRST_SCALE = 1e-3  # of the state at as_of, which has no spread


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


def make_frame(
    curves: CurveSource,
    model: CrossAssetModel,
    times: Floats,
    with_events: Sequence[CompiledSet],
    with_expiries: Sequence[CompiledSet],
    day_zero: int,
) -> tuple[Frame, EventScalars]:
    """The frame of a run and its event scalars, in date order.

    ``times`` ``(date,)`` starts at 0; ``day_zero`` is `as_of` in days from 1970-01-01. The frame serves the events and the
    option expiries of the netting sets named: of all sets in a run, of one in its reverse pass (whose events come with
    everybody's, since bridges inside an interval share their noise).
    """
    scalars = event_scalars(curves, model, float(times[-1]), with_events, day_zero)
    expiries = np.array(sorted(set().union(*(s.expiries for s in with_expiries))))
    table = covariance_table(model, [times, scalars.time, expiries])
    centre, scale = _intervals(model, table, times)
    numbers = {key: k for k, key in enumerate(scalars.keys)}
    return Frame(curves, model, times, table, centre, scale, numbers, day_zero), scalars


def _intervals(model: CrossAssetModel, table: CovarianceTable, times: Floats) -> tuple[Tensor, Tensor]:
    n = len(model.rates)
    with torch.no_grad():
        covariance = table.at(times)
        centre = model.drifts(covariance)[:, :n]
        scale = HALF_WIDTH_SD * torch.sqrt(torch.diagonal(covariance, dim1=1, dim2=2)[:, :n])
        scale = torch.where(scale > 0, scale, torch.full_like(scale, FIRST_SCALE))
    return centre.detach(), scale.detach()
