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

    def between(self, start: Floats, end: Floats) -> Tensor:
        """Covariance of increments between known times, states of accruals included, ``(..., state, state)``."""
        first, last = (torch.from_numpy(self.position(t)) for t in (start, end))
        return self.extended[last] - self.extended[first]

    def position(self, time: Floats | float) -> NDArray[np.int64]:
        """Rows of ``times``."""
        return np.searchsorted(self.times, np.asarray(time) - _SAME_TIME)


def covariance_table(
    model: CrossAssetModel,
    times: Sequence[Floats],
    grid: Floats | None = None,
    accruals: tuple[str, ...] = (),
) -> CovarianceTable:
    """Cumulative covariances at all of ``times``, which those of ``grid`` are among, and at 0."""
    knots = np.unique(np.concatenate([np.zeros(1), *times]))
    knots = knots[np.concatenate([[True], np.diff(knots) > _SAME_TIME])]
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


def event_state(
    model: CrossAssetModel,
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
    rows: NDArray[np.int64] | None = None,
) -> EventState:
    """Tensors of the event scalars, or of those numbered ``rows``."""
    n = len(model.factors)
    width = max((len(noise) for noise in layout.noises), default=0)
    chosen = np.arange(len(layout.step)) if rows is None else rows
    if not len(chosen):
        empty = state.drift.new_zeros
        return EventState(empty(0), empty(0, n), empty(0, n), empty(0, width))
    pick = torch.from_numpy(chosen)
    step, coefficients = layout.step[chosen], scalars.coefficients[pick]
    place = torch.nn.functional.one_hot(torch.from_numpy(scalars.states[chosen]), table.extended.shape[-1])
    load = torch.einsum("jf,jfn->jn", coefficients, place.to(torch.float64))
    increment = table.between(grid[step], layout.time[chosen])
    covariance = torch.einsum("jn,jnm->jm", load, increment[:, :, :n])
    factor = state.factor[torch.from_numpy(step)]
    mix = torch.linalg.solve_triangular(factor, covariance[:, :, None], upper=False)[:, :, 0]
    constant = scalars.constant[pick] + (load * model.drifts(increment, scalars.accruals)).sum(-1)
    residual = _residuals(table, grid, state, layout, scalars, chosen, width)
    return EventState(constant, load[:, :n], mix, residual)


def _residuals(
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
    chosen: NDArray[np.int64],
    width: int,
) -> Tensor:
    """``(event, noise)`` weights of the interval's residual normals in each event scalar chosen."""
    total = state.drift.new_zeros(len(chosen), width)
    step, address = layout.step[chosen], layout.address[chosen]
    counts = np.array([len(noise) for noise in layout.noises])
    wanted = np.unique(step[(address >= 0).any(1)])
    # intervals of about the same number of noises at once: padding all to the most costs many times as much
    size = np.ceil(np.log2(np.maximum(counts[wanted], 1))).astype(np.int64)
    for group in np.unique(size).tolist():
        steps = wanted[size == group]
        bridge = _bridges(table, grid, state, layout, scalars, steps.tolist())
        mine = np.flatnonzero(np.isin(step, steps))
        at = np.searchsorted(steps, step[mine])[:, None]
        found = bridge[torch.from_numpy(at), torch.from_numpy(np.maximum(address[mine], 0))]
        known = torch.from_numpy((address[mine] >= 0).astype(np.float64))
        weight = scalars.coefficients[torch.from_numpy(chosen[mine])] * known
        part = torch.einsum("jf,jfm->jm", weight, found)
        part = torch.nn.functional.pad(part, (0, width - part.shape[1]))
        total = total.index_add(0, torch.from_numpy(mine), part)
    return total


def _bridges(
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
    steps: list[int],
) -> Tensor:
    """Cholesky factors ``(interval, noise, noise)`` of what the interval's increment leaves open.

    A noise stands for a state, that of an accrual for ``A - (H - H_k) x``. Increments being independent, its covariance with
    a later one is that of the later one's combination with its own value.
    """
    n = state.factor.shape[-1]
    width = max(len(layout.noises[k]) for k in steps)
    times = np.tile(grid[steps, None], (1, width))
    states = np.zeros((len(steps), width), dtype=np.int64)
    real = np.zeros((len(steps), width), dtype=bool)
    for place, k in enumerate(steps):
        count = len(layout.noises[k])
        times[place, :count] = layout.noise_times[k]
        states[place, :count] = [s for _, s in layout.noises[k]]
        real[place, :count] = True
    weight = _combinations(layout, scalars, steps, states, table.extended.shape[-1])
    starts = np.broadcast_to(grid[steps, None], times.shape)
    seen = torch.einsum("kwn,kwnm->kwm", weight, table.between(starts, times))
    joint = weight @ seen.transpose(1, 2)
    later = torch.from_numpy(times[:, :, None] >= times[:, None, :])
    joint = torch.where(later, joint, joint.transpose(1, 2))
    mix = torch.linalg.solve_triangular(state.factor[steps], seen[..., :n].transpose(1, 2), upper=False)
    left = joint - mix.transpose(1, 2) @ mix
    both = torch.from_numpy(real[:, :, None] & real[:, None, :])
    padding = torch.eye(width, dtype=left.dtype).expand_as(left)
    return torch.linalg.cholesky(torch.where(both, left, padding))  # type: ignore[no-any-return]


def _combinations(
    layout: EventLayout, scalars: EventScalars, steps: list[int], states: NDArray[np.int64], n: int
) -> Tensor:
    """``(interval, noise, state)``: the combination of the state that every noise stands for."""
    weight = torch.nn.functional.one_hot(torch.from_numpy(states), n).to(torch.float64)
    row_of = {k: row for row, k in enumerate(steps)}
    accrues = [j for j, key in enumerate(scalars.keys) if key[0] == "accrual" and layout.step[j] in row_of]
    if accrues:
        rows = torch.tensor([row_of[int(k)] for k in layout.step[accrues]])
        place, on = (torch.from_numpy(a) for a in (layout.address[accrues, 1], scalars.states[accrues, 0]))
        weight = weight.index_put((rows, place, on), -scalars.coefficients[accrues, 0])
    return weight


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
