"""The model's Gaussian state on a grid, as the few tensors that paths are made of.

``s_k = s_{k-1} + mu_k + L_k z_k`` on grid dates; event dates (FX resets, exercises, fixings) by a Gaussian bridge inside
their interval: with ``A`` the covariance of the event's increments with the interval's, the event scalar is
``e0 + load . s_{k-1} + M z_k + R xi`` with ``M = A L^-T`` and ``R`` the Cholesky factor of what is left. What a currency's
overnight rate accrues over an interval is one more scalar of this kind, which goes on from the interval before. The normals
xi are addressed by (seed, path, date, factor); what is accrued on the grid date comes first, then events by date: one
added earlier in the same interval changes R, and so the paths (not the law) of the later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.dates import SAME_TIME
from xva.exposure.state.event_scalars import EventScalars
from xva.models import CrossAssetModel
from xva.numerics.types import Floats


@dataclass(frozen=True)
class GridState:
    """Increments of the state: ``initial`` ``(state,)``, ``drift`` ``(step, state)``, ``factor`` ``(step, state, state)``."""

    initial: Tensor
    drift: Tensor
    factor: Tensor


@dataclass(frozen=True)
class EventLayout:
    """Which interval every event lies in and which residual normals it needs.

    ``step`` and ``base`` (`EventScalars`) ``(event,)``; ``noises[k]`` lists the (day, state) addresses of interval k's
    residual normals, ``noise_times[k]`` their times; ``address`` ``(event, 4)`` finds an event's states among them, -1 where
    it has no residual (unused, or on a grid date). ``accruals`` name the states that follow the model's.
    """

    time: Floats
    step: NDArray[np.int64]
    noises: tuple[tuple[tuple[int, int], ...], ...]
    noise_times: tuple[NDArray[np.float64], ...]
    address: NDArray[np.int64]
    base: NDArray[np.int64]
    accruals: tuple[str, ...]


@dataclass(frozen=True)
class EventState:
    """Event scalars: ``constant`` ``(event,)``, ``load`` and ``mix`` ``(event, state)``, ``residual`` ``(event, noise)``."""

    constant: Tensor
    load: Tensor
    mix: Tensor
    residual: Tensor


@dataclass(frozen=True)
class CovarianceTable:
    """Cumulative covariance ``(time, state, state)`` of the state at sorted ``times`` (0 included).

    ``extended`` has the states of ``accruals`` too (`CrossAssetModel.covariances`), whose covariances are of one grid
    interval each.
    """

    times: Floats
    values: Tensor
    extended: Tensor
    accruals: tuple[str, ...] = ()

    def at(self, time: Floats | float) -> Tensor:
        """Covariance at known times, ``(..., state, state)``."""
        return self.values[torch.from_numpy(np.asarray(self.position(time)))]

    def rows(self, start: Floats, end: Floats, states: NDArray[np.int64]) -> Tensor:
        """Covariances ``(row, state)`` of ``states``' increments between known times with all states', accruals included.

        One look-up for all rows: the adjoint of each is as large as the table.
        """
        width = self.extended.shape[-1]
        place = np.concatenate([self.position(t) * width + states for t in (end, start)])
        found = self.extended.reshape(-1, width).index_select(0, torch.from_numpy(place))
        last, first = found.tensor_split(2)
        return last - first

    def position(self, time: Floats | float) -> NDArray[np.int64]:
        """Rows of ``times``."""
        return np.searchsorted(self.times, np.asarray(time) - SAME_TIME)


def covariance_table(
    model: CrossAssetModel,
    times: Sequence[Floats],
    grid: Floats | None = None,
    accruals: tuple[str, ...] = (),
) -> CovarianceTable:
    """Cumulative covariances at all of ``times``, which those of ``grid`` are among, and at 0."""
    knots = np.unique(np.concatenate([np.zeros(1), *times]))
    knots = knots[np.concatenate([[True], np.diff(knots) > SAME_TIME])]
    n = len(model.factors)
    total = model.correlation.new_zeros(1, n + len(accruals), n + len(accruals))
    if len(knots) > 1:
        total = torch.cat([total, torch.cumsum(model.covariances(knots, accruals, grid), 0)])
    return CovarianceTable(knots, total[:, :n, :n], total, accruals)


def grid_state(model: CrossAssetModel, table: CovarianceTable, grid: Floats) -> GridState:
    """Grid increments; ``grid`` ``(date,)`` starts at 0.

    Raises
    ------
    CalibrationError
        The factors are linearly dependent (a correlation of one, a volatility of zero).
    """
    steps = torch.diff(table.at(grid), dim=0)
    return GridState(model.initial_state(), model.drifts(steps), model.step_factors(steps, grid))


def event_layout(scalars: EventScalars, grid: Floats) -> EventLayout:
    """Place events in the grid's intervals; those on a grid date need no noise of their own."""
    step = (np.searchsorted(grid, scalars.time - SAME_TIME) - 1).astype(np.int64)
    inside = grid[step + 1] - scalars.time > SAME_TIME
    noises: list[set[tuple[int, int]]] = [set() for _ in range(len(grid) - 1)]
    needed = scalars.used & inside[:, None]
    accrues = np.array([key[0] == "accrual" for key in scalars.keys], dtype=bool)
    needed[accrues] = False
    needed[accrues, 1] = True  # of int x dH as a whole, given the grid's states
    for j, f in zip(*np.nonzero(needed)):
        noises[step[j]].add((int(scalars.day[j]), int(scalars.states[j, f])))
    ends = np.full(len(noises), -1, dtype=np.int64)
    ends[step[~inside]] = scalars.day[~inside]
    ordered = tuple(tuple(sorted(n, key=lambda a: (a[0] != end, a))) for n, end in zip(noises, ends.tolist()))
    time_of = dict(zip(scalars.day.tolist(), scalars.time.tolist()))
    times = tuple(np.array([time_of[day] for day, _ in n]) for n in ordered)
    address = np.full(scalars.states.shape, -1, dtype=np.int64)
    for j, f in zip(*np.nonzero(needed)):
        address[j, f] = ordered[step[j]].index((int(scalars.day[j]), int(scalars.states[j, f])))
    return EventLayout(scalars.time, step, ordered, times, address, scalars.base, scalars.accruals)


def state_paths(state: GridState, normals: Tensor) -> Tensor:
    """``(date, state, path)`` states on the grid, the first date being ``as_of``; ``normals`` ``(step, state, path)``."""
    steps = state.drift[:, :, None] + state.factor @ normals
    start = state.initial[None, :, None].expand(1, -1, normals.shape[-1])
    return torch.cumsum(torch.cat([start, steps]), 0)


def event_paths(
    state: EventState, layout: EventLayout, states: Tensor, normals: Tensor, residuals: Sequence[Tensor]
) -> Tensor:
    """``(event, path)`` event scalars; ``residuals[k]`` ``(noise, path)`` are interval k's own normals."""
    rows: list[Tensor] = []
    edges = np.searchsorted(layout.step, np.arange(len(residuals) + 1))
    for k in np.unique(layout.step).tolist():
        a, b, own = int(edges[k]), int(edges[k + 1]), residuals[k]
        value = state.constant[a:b, None] + state.load[a:b] @ states[k] + state.mix[a:b] @ normals[k]
        if own.shape[0]:
            value = value + state.residual[a:b, : own.shape[0]] @ own
        base = layout.base[a:b]
        if (base >= 0).any():
            nothing = torch.zeros_like(value[0])
            value = value + torch.stack([rows[j] if j >= 0 else nothing for j in base.tolist()])
        rows.extend(value)
    return torch.stack(rows) if rows else states.new_zeros(0, states.shape[-1])
