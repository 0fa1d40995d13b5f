"""The model's Gaussian state on a grid, as the few tensors that paths are made of.

``s_k = s_{k-1} + mu_k + L_k z_k`` on grid dates; event dates (FX resets, exercises) by a Gaussian bridge inside their
interval: with ``A`` the covariance of the event's increments with the interval's, the event scalar is
``e0 + load . s_{k-1} + M z_k + R xi`` with ``M = A L^-T`` and ``R`` the Cholesky factor of what is left. The normals xi are
addressed by (seed, path, date, factor); an event added earlier in the same interval changes R, and so the paths (not the
law) of the later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import CalibrationError
from xva.models.cross_asset import CrossAssetModel
from xva.valuation.event_scalars import EventScalars

Floats = NDArray[np.float64]
_SAME_TIME = 1e-9


@dataclass(frozen=True)
class GridState:
    """Increments of the state: ``initial`` ``(state,)``, ``drift`` ``(step, state)``, ``factor`` ``(step, state, state)``."""

    initial: Tensor
    drift: Tensor
    factor: Tensor


@dataclass(frozen=True)
class EventLayout:
    """Which interval every event lies in and which residual normals it needs.

    ``step`` ``(event,)``; ``noises[k]`` lists the (day, state) addresses of interval k's residual normals,
    ``noise_times[k]`` their times;
    ``address`` ``(event, 4)`` finds an event's states among them, -1 where it has no residual (unused, or on a grid date).
    """

    time: Floats
    step: NDArray[np.int64]
    noises: tuple[tuple[tuple[int, int], ...], ...]
    noise_times: tuple[NDArray[np.float64], ...]
    address: NDArray[np.int64]


@dataclass(frozen=True)
class EventState:
    """Event scalars: ``constant`` ``(event,)``, ``load`` and ``mix`` ``(event, state)``, ``residual`` ``(event, noise)``."""

    constant: Tensor
    load: Tensor
    mix: Tensor
    residual: Tensor


@dataclass(frozen=True)
class CovarianceTable:
    """Cumulative covariance ``(time, state, state)`` of the state at sorted ``times`` (0 included)."""

    times: Floats
    values: Tensor

    def at(self, time: Floats | float) -> Tensor:
        """Covariance at known times, ``(..., state, state)``."""
        return self.values[torch.from_numpy(np.asarray(self.position(time)))]

    def position(self, time: Floats | float) -> NDArray[np.int64]:
        """Rows of ``times``."""
        return np.searchsorted(self.times, np.asarray(time) - _SAME_TIME)


def covariance_table(model: CrossAssetModel, times: Sequence[Floats]) -> CovarianceTable:
    """Cumulative covariances at all of ``times`` and at 0."""
    knots = np.unique(np.concatenate([np.zeros(1), *times]))
    knots = knots[np.concatenate([[True], np.diff(knots) > _SAME_TIME])]
    n = len(model.factors)
    total = model.correlation.new_zeros(1, n, n)
    if len(knots) > 1:
        total = torch.cat([total, torch.cumsum(model.covariances(knots), 0)])
    return CovarianceTable(knots, total)


def grid_state(model: CrossAssetModel, table: CovarianceTable, grid: Floats) -> GridState:
    """Grid increments; ``grid`` ``(date,)`` starts at 0.

    Raises
    ------
    CalibrationError
        The factors are linearly dependent (a correlation of one, a volatility of zero).
    """
    steps = torch.diff(table.at(grid), dim=0)
    factor, failed = torch.linalg.cholesky_ex(steps)
    if bool(failed.any()):
        k = int(failed.nonzero()[0])
        raise CalibrationError(
            f"the factors' covariance over step {k + 1} (to {grid[k + 1]:.3f}y) is not positive definite at factor "
            f"{model.factors[int(failed[k]) - 1]}: expected no volatility of zero and no correlation of one",
            [model.factors[int(failed[k]) - 1]],
        )
    return GridState(model.initial_state(), model.drifts(steps), factor)


def event_layout(scalars: EventScalars, grid: Floats) -> EventLayout:
    """Place events in the grid's intervals; those on a grid date need no noise of their own."""
    step = (np.searchsorted(grid, scalars.time - _SAME_TIME) - 1).astype(np.int64)
    inside = grid[step + 1] - scalars.time > _SAME_TIME
    noises: list[set[tuple[int, int]]] = [set() for _ in range(len(grid) - 1)]
    needed = scalars.used & inside[:, None]
    for j, f in zip(*np.nonzero(needed)):
        noises[step[j]].add((int(scalars.day[j]), int(scalars.states[j, f])))
    ordered = tuple(tuple(sorted(n)) for n in noises)
    time_of = dict(zip(scalars.day.tolist(), scalars.time.tolist()))
    times = tuple(np.array([time_of[day] for day, _ in n]) for n in ordered)
    address = np.full(scalars.states.shape, -1, dtype=np.int64)
    for j, f in zip(*np.nonzero(needed)):
        address[j, f] = ordered[step[j]].index((int(scalars.day[j]), int(scalars.states[j, f])))
    return EventLayout(scalars.time, step, ordered, times, address)


def event_state(
    model: CrossAssetModel,
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
) -> EventState:
    """Tensors of the event scalars."""
    n_events, n = len(layout.step), len(model.factors)
    width = max((len(noise) for noise in layout.noises), default=0)
    if not n_events:
        empty = state.drift.new_zeros
        return EventState(empty(0), empty(0, n), empty(0, n), empty(0, width))
    step = torch.from_numpy(layout.step)
    place = torch.nn.functional.one_hot(torch.from_numpy(scalars.states), n).to(torch.float64)
    load = torch.einsum("jf,jfn->jn", scalars.coefficients, place)
    increment = table.at(layout.time) - table.at(grid[layout.step])
    covariance = torch.einsum("jn,jnm->jm", load, increment)
    mix = torch.linalg.solve_triangular(state.factor[step], covariance[:, :, None], upper=False)[:, :, 0]
    constant = scalars.constant + (load * model.drifts(increment)).sum(-1)
    residual = _residuals(table, grid, state, layout, scalars, width)
    return EventState(constant, load, mix, residual)


def _residuals(
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
    width: int,
) -> Tensor:
    """``(event, noise)`` weights of the interval's residual normals in each event scalar."""
    steps = [k for k, noise in enumerate(layout.noises) if noise]
    if not steps:
        return state.drift.new_zeros(len(layout.step), width)
    bridge = _bridges(table, grid, state, layout, steps, width)
    row_of = np.zeros(len(layout.noises), dtype=np.int64)
    row_of[steps] = np.arange(len(steps))
    known = layout.address >= 0
    rows = bridge[
        torch.from_numpy(row_of[layout.step])[:, None], torch.from_numpy(np.maximum(layout.address, 0))
    ]
    weight = scalars.coefficients * torch.from_numpy(known.astype(np.float64))
    return torch.einsum("jf,jfm->jm", weight, rows)


def _bridges(
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    steps: list[int],
    width: int,
) -> Tensor:
    """Cholesky factors ``(interval, noise, noise)`` of what the interval's increment leaves open."""
    n = state.factor.shape[-1]
    times = np.tile(grid[steps, None], (1, width))
    states = np.zeros((len(steps), width), dtype=np.int64)
    real = np.zeros((len(steps), width), dtype=bool)
    for row, k in enumerate(steps):
        count = len(layout.noises[k])
        times[row, :count] = layout.noise_times[k]
        states[row, :count] = [s for _, s in layout.noises[k]]
        real[row, :count] = True
    number = torch.from_numpy(states)
    base = table.at(grid[steps])
    earlier = table.position(np.minimum(times[:, :, None], times[:, None, :]))
    a, b = number[:, :, None], number[:, None, :]
    row_base = base[torch.arange(len(steps))[:, None, None], a, b]
    joint = table.values[torch.from_numpy(earlier), a, b] - row_base
    seen = table.values[torch.from_numpy(table.position(times)), number]
    cross = seen - torch.gather(base, 1, number[:, :, None].expand(-1, -1, n))
    mix = torch.linalg.solve_triangular(state.factor[steps], cross.transpose(1, 2), upper=False)
    left = joint - mix.transpose(1, 2) @ mix
    both = torch.from_numpy(real[:, :, None] & real[:, None, :])
    padding = torch.eye(width, dtype=left.dtype).expand_as(left)
    return torch.linalg.cholesky(torch.where(both, left, padding))  # type: ignore[no-any-return]


def state_paths(state: GridState, normals: Tensor) -> Tensor:
    """``(date, state, path)`` states on the grid, the first date being ``as_of``; ``normals`` ``(step, state, path)``."""
    steps = state.drift[:, :, None] + state.factor @ normals
    start = state.initial[None, :, None].expand(1, -1, normals.shape[-1])
    return torch.cumsum(torch.cat([start, steps]), 0)


def event_paths(
    state: EventState, layout: EventLayout, states: Tensor, normals: Tensor, residuals: Sequence[Tensor]
) -> Tensor:
    """``(event, path)`` event scalars; ``residuals[k]`` ``(noise, path)`` are interval k's own normals."""
    rows = []
    for j, k in enumerate(layout.step.tolist()):
        value = state.constant[j] + state.load[j] @ states[k] + state.mix[j] @ normals[k]
        own = residuals[k]
        rows.append(value + state.residual[j, : own.shape[0]] @ own if own.shape[0] else value)
    return torch.stack(rows) if rows else states.new_zeros(0, states.shape[-1])
