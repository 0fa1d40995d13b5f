"""The model's Gaussian state on a grid, as the few tensors that paths are made of.

``s_k = s_{k-1} + mu_k + L_k z_k`` on grid dates; event dates (FX resets, exercises) by a Gaussian bridge inside their
interval: with ``A`` the covariance of the event's increments with the interval's, the event scalar is
``e0 + load . s_{k-1} + M z_k + R xi`` with ``M = A L^-T`` and ``R`` the Cholesky factor of what is left.
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

Floats = NDArray[np.float64]
_SAME_TIME = 1e-9


@dataclass(frozen=True)
class GridState:
    """Increments of the state: ``initial`` ``(state,)``, ``drift`` ``(step, state)``, ``factor`` ``(step, state, state)``."""

    initial: Tensor
    drift: Tensor
    factor: Tensor


@dataclass(frozen=True)
class Event:
    """A scalar seen at an event date: ``constant + sum_f coefficient_f s_f`` over a few states.

    ``day`` counts days from 1970-01-01 and addresses the noise; ``states`` are state numbers.
    """

    time: float
    day: int
    states: tuple[int, ...]


@dataclass(frozen=True)
class EventLayout:
    """Which interval every event lies in and which residual noises it needs.

    ``step`` ``(event,)``; ``noises[k]`` lists the (day, state) addresses of interval k's residual normals.
    """

    events: tuple[Event, ...]
    step: NDArray[np.int64]
    noises: tuple[tuple[tuple[int, int], ...], ...]


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
    steps = model.covariances(knots)
    total = torch.cat([torch.zeros_like(steps[:1]), torch.cumsum(steps, 0)])
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


def event_layout(events: Sequence[Event], grid: Floats) -> EventLayout:
    """Place events in the grid's intervals; those on a grid date need no noise of their own."""
    step = np.array([int(np.searchsorted(grid, e.time - _SAME_TIME)) - 1 for e in events], dtype=np.int64)
    noises: list[list[tuple[int, int]]] = [[] for _ in range(len(grid) - 1)]
    for event, k in zip(events, step):
        if grid[k + 1] - event.time > _SAME_TIME:
            noises[k] += [a for s in event.states if (a := (event.day, s)) not in noises[k]]
    return EventLayout(tuple(events), step, tuple(tuple(sorted(n)) for n in noises))


def event_state(
    model: CrossAssetModel,
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    constant: Sequence[Tensor],
    coefficients: Sequence[Tensor],
) -> EventState:
    """Tensors of the event scalars; ``coefficients[j]`` is ``(len(events[j].states),)``."""
    n = len(model.factors)
    width = max((len(noise) for noise in layout.noises), default=0)
    rows: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}
    for k in sorted(set(layout.step.tolist())):
        mine = [j for j in range(len(layout.events)) if layout.step[j] == k]
        base = table.at(float(grid[k]))
        bridge = _bridge(layout, mine, k, table, base, state.factor[k])
        for j in mine:
            event = layout.events[j]
            increment = table.at(event.time) - base
            scatter = torch.zeros(len(event.states), n, dtype=base.dtype)
            scatter[torch.arange(len(event.states)), torch.tensor(event.states)] = 1.0
            load = coefficients[j] @ scatter
            mix = torch.linalg.solve_triangular(
                state.factor[k], (load @ increment)[:, None], upper=False
            ).squeeze(-1)
            residual = _residual(event, layout.noises[k], bridge, coefficients[j])
            padded = torch.nn.functional.pad(residual, (0, width - len(residual)))
            rows[j] = (constant[j] + (load * model.drifts(increment)).sum(), load, mix, padded)
    ordered = [rows[j] for j in range(len(layout.events))]
    if not ordered:
        empty = state.drift.new_zeros
        return EventState(empty(0), empty(0, n), empty(0, n), empty(0, width))
    return EventState(*(torch.stack(column) for column in zip(*ordered)))


def _bridge(
    layout: EventLayout, mine: Sequence[int], step: int, table: CovarianceTable, base: Tensor, factor: Tensor
) -> Tensor:
    """Cholesky factor ``(noise, noise)`` of the interval's residuals, given its increment."""
    noise = layout.noises[step]
    if not noise:
        return base.new_zeros(0, 0)
    time_of = {layout.events[j].day: layout.events[j].time for j in mine}
    times = np.array([time_of[day] for day, _ in noise])
    states = torch.tensor([s for _, s in noise])
    earlier = table.at(np.minimum(times[:, None], times[None, :])) - base
    m = torch.arange(len(noise))
    joint = earlier[m[:, None], m[None, :], states[:, None], states[None, :]]
    cross = (table.at(times) - base)[m, states]
    mix = torch.linalg.solve_triangular(factor, cross.T, upper=False).T
    return torch.linalg.cholesky(joint - mix @ mix.T)  # type: ignore[no-any-return]


def _residual(
    event: Event, noise: tuple[tuple[int, int], ...], bridge: Tensor, coefficient: Tensor
) -> Tensor:
    """``(noise,)`` weights of the interval's residual normals in the event scalar."""
    total = bridge.new_zeros(len(noise))
    for c, s in zip(coefficient, event.states):
        if (event.day, s) in noise:
            total = total + c * bridge[noise.index((event.day, s))]
    return total


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
