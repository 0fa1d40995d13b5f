"""What all netting sets of a run share: market, model, dates, covariances, Chebyshev intervals and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from xva.exposure.compiled import CompiledSet
from xva.exposure.event_keys import EventKey
from xva.exposure.state.event_scalars import EventScalars, event_scalars
from xva.exposure.state.state import CovarianceTable, covariance_table
from xva.models import CrossAssetModel
from xva.numerics import chebyshev
from xva.numerics.types import Floats
from xva.pricing.affine import CurveSource

HALF_WIDTH_SD = 5.5
FIRST_SCALE = 1e-3  # of the state at as_of, which has no spread


@dataclass(frozen=True)
class Spread:
    """Law of the rates states ``(date, rates factor)``, without graph.

    ``mean``, ``deviation``; ``reach`` is the largest exponent ``|H| scale`` that a bond of the book has on the interval,
    ``middle`` the middle of its bonds' ``H``.
    """

    mean: Tensor
    deviation: Tensor
    reach: Tensor
    middle: Tensor


@dataclass(frozen=True)
class Frame:
    """What all netting sets of a run share: market, model, dates, covariances, Chebyshev intervals, events.

    ``times`` ``(date,)`` starts at 0; ``centre`` and ``scale`` ``(date, rates factor)`` map states to [-1, 1]: the interval
    takes in 5.5 standard deviations around the paths' mean and around where a deflated bond of the book has its value,
    which is at ``-H zeta``. ``event_of`` finds an event's number by its key (`event_keys`); ``day_zero`` is
    `as_of` in days from 1970-01-01.
    """

    curves: CurveSource
    model: CrossAssetModel
    times: Floats
    table: CovarianceTable
    centre: Tensor
    scale: Tensor
    spread: Spread
    event_of: dict[EventKey, int]
    day_zero: int

    @property
    def currencies(self) -> tuple[str, ...]:
        return tuple(self.model.rates)

    @cached_property
    def currency_covariances(self) -> Tensor:
        """The table's ``(time, state, state)`` of rates and FX alone: the adjoint of every look-up in it is as large."""
        n = self.model.layout.equity_rows.start
        return self.table.values[:, :n, :n].contiguous()

    def price_of(self, currency: str) -> float:
        """Today's price of one unit of a currency, without graph."""
        fx = self.model.fx.get(currency)
        return 1.0 if fx is None else float(fx.spot.detach())

    def nodes(self, currency: str, count: int) -> Tensor:
        """Chebyshev nodes in the currency's state, ``(date, count)``; constants of the run."""
        c = self.model.layout.rates(currency).start
        return self.centre[:, c, None] + self.scale[:, c, None] * chebyshev.nodes(count)

    def bond_load(self, currency: str, h: Tensor) -> Tensor:
        """``(term, state)`` load of deflated bonds of ``currency``: 1 on ln Y if foreign, ``-h`` ``(term, factor)`` on x."""
        return self.model.bond_load(currency, h)


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
    scalars = event_scalars(curves, model, times, with_events, day_zero)
    expiries = np.array(sorted(set().union(*(s.expiries for s in with_expiries))))
    table = covariance_table(model, [times, scalars.time, expiries], times, scalars.accruals)
    centre, scale, spread = _intervals(model, table, times, _last_times(model, with_expiries))
    numbers = {key: k for k, key in enumerate(scalars.keys)}
    return Frame(curves, model, times, table, centre, scale, spread, numbers, day_zero), scalars


def _last_times(model: CrossAssetModel, sets: Sequence[CompiledSet]) -> Floats:
    """``(currency,)`` last time to which the sets' flows discount; 0 where there are none."""
    found = [s.last_times for s in sets]
    return np.array([max((f.get(c, 0.0) for f in found), default=0.0) for c in model.rates])


def _intervals(
    model: CrossAssetModel, table: CovarianceTable, times: Floats, last: Floats
) -> tuple[Tensor, Tensor, Spread]:
    n = model.layout.n_rates
    with torch.no_grad():
        covariance = table.at(times)
        mean = model.drifts(covariance)[:, :n]
        deviation = torch.sqrt(torch.diagonal(covariance, dim1=1, dim2=2)[:, :n])
        deviation = torch.where(
            deviation > 0, deviation, torch.full_like(deviation, FIRST_SCALE / HALF_WIDTH_SD)
        )
        h = torch.cat(
            [
                torch.stack([rates.loadings(times), rates.loadings(np.maximum(times, end))])
                for rates, end in zip(model.rates.values(), last, strict=True)
            ],
            dim=-1,
        )
        value = -h * deviation**2
        lower = torch.minimum(mean - HALF_WIDTH_SD * deviation, value.amin(0) - HALF_WIDTH_SD * deviation)
        upper = torch.maximum(mean + HALF_WIDTH_SD * deviation, value.amax(0) + HALF_WIDTH_SD * deviation)
        centre, scale = 0.5 * (lower + upper), 0.5 * (upper - lower)
        reach, middle = h.abs().amax(0) * scale, h.mean(0)
        spread = Spread(mean.detach(), deviation.detach(), reach.detach(), middle.detach())
    return centre.detach(), scale.detach(), spread
