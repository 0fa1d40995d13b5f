"""Tensors of the event scalars: their loads on the state, on an interval's normals, and on normals of their own.

See `state` for the law. All covariances of a run's events are looked up at once, as rows of single states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.exposure.state.event_scalars import EventScalars
from xva.exposure.state.state import CovarianceTable, EventLayout, EventState, GridState
from xva.models import CrossAssetModel
from xva.numerics.types import Floats, Ints


@dataclass(frozen=True)
class _Noises:
    """The residual normals of all intervals, one behind the other: each stands for a state at a time.

    That of an accrual stands for ``A - (H - H_k) x``: ``share`` ``(noise,)`` of the state ``other`` on top of its own.
    """

    edges: Ints
    start: Floats
    time: Floats
    state: Ints
    other: Ints
    share: Tensor


def event_state(
    model: CrossAssetModel,
    table: CovarianceTable,
    grid: Floats,
    state: GridState,
    layout: EventLayout,
    scalars: EventScalars,
    rows: Ints | None = None,
) -> EventState:
    """Tensors of the event scalars, or of those numbered ``rows``."""
    n = len(model.factors)
    chosen = np.arange(len(layout.step)) if rows is None else rows
    if not len(chosen):
        empty = state.drift.new_zeros
        width = max((len(noise) for noise in layout.noises), default=0)
        return EventState(empty(0), empty(0, n), empty(0, n), empty(0, width))
    step, coefficients = layout.step[chosen], scalars.coefficients[torch.from_numpy(chosen)]
    event, column = np.nonzero(scalars.used[chosen])
    states = scalars.states[chosen[event], column]
    noises = _noises(layout, scalars, grid)
    twice = np.flatnonzero(noises.share.detach().numpy())
    of_event, of_noise, of_other = table.rows(
        np.concatenate([grid[step[event]], noises.start, noises.start[twice]]),
        np.concatenate([layout.time[chosen[event]], noises.time, noises.time[twice]]),
        np.concatenate([states, noises.state, noises.other[twice]]),
    ).tensor_split([len(event), len(event) + len(noises.time)])
    of_noise = of_noise.index_add(0, torch.from_numpy(twice), noises.share[twice, None] * of_other)

    weight, owner = coefficients[event, column], torch.from_numpy(event)
    m = table.extended.shape[-1]
    load = weight.new_zeros(len(chosen), m).index_add(0, owner, weight[:, None] * _one_hot(states, m))
    covariance = weight.new_zeros(len(chosen), n).index_add(0, owner, weight[:, None] * of_event[:, :n])
    partner, share = model.drift_rule(scalars.accruals)
    against = of_event.gather(1, torch.from_numpy(partner[states])[:, None])[:, 0]
    drift = weight * torch.from_numpy(share[states]) * against
    constant = scalars.constant[torch.from_numpy(chosen)].index_add(0, owner, drift)
    factor = state.factor[torch.from_numpy(step)]
    mix = torch.linalg.solve_triangular(factor, covariance[:, :, None], upper=False)[:, :, 0]
    residual = _residuals(layout, state, noises, of_noise, coefficients, chosen)
    return EventState(constant, load[:, :n], mix, residual)


def _one_hot(states: Ints, width: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(states), width).to(torch.float64)


def _noises(layout: EventLayout, scalars: EventScalars, grid: Floats) -> _Noises:
    counts = np.array([len(noise) for noise in layout.noises], dtype=np.int64)
    edges = np.concatenate([[0], np.cumsum(counts)])
    state = np.array([s for noise in layout.noises for _, s in noise], dtype=np.int64)
    other, share = np.zeros_like(state), scalars.coefficients.new_zeros(len(state))
    accrues = np.flatnonzero([key[0] == "accrual" for key in scalars.keys])
    if len(accrues):
        place = edges[layout.step[accrues]] + layout.address[accrues, 1]
        other[place] = scalars.states[accrues, 0]
        gain = -scalars.coefficients[torch.from_numpy(accrues), 0]
        share = share.index_add(0, torch.from_numpy(place), gain)
    start, time = np.repeat(grid[:-1], counts), np.concatenate([np.zeros(0), *layout.noise_times])
    return _Noises(edges, start, time, state, other, share)


def _residuals(
    layout: EventLayout,
    state: GridState,
    noises: _Noises,
    seen: Tensor,
    coefficients: Tensor,
    chosen: Ints,
) -> Tensor:
    """``(event, noise)`` weights of the interval's residual normals in each event scalar chosen."""
    step, address = layout.step[chosen], layout.address[chosen]
    counts = np.diff(noises.edges)
    width = int(counts.max(initial=0))
    total = state.drift.new_zeros(len(chosen), width)
    wanted = np.unique(step[(address >= 0).any(1)])
    # intervals of about the same number of noises at once: padding all to the most costs many times as much
    size = np.ceil(np.log2(np.maximum(counts[wanted], 1))).astype(np.int64)
    for group in np.unique(size).tolist():
        steps = wanted[size == group]
        bridge = _bridges(state, noises, seen, steps)
        mine = np.flatnonzero(np.isin(step, steps))
        at = np.searchsorted(steps, step[mine])[:, None]
        found = bridge[torch.from_numpy(at), torch.from_numpy(np.maximum(address[mine], 0))]
        known = torch.from_numpy((address[mine] >= 0).astype(np.float64))
        weight = coefficients[torch.from_numpy(mine)] * known
        part = torch.einsum("jf,jfm->jm", weight, found)
        part = torch.nn.functional.pad(part, (0, width - part.shape[1]))
        total = total.index_add(0, torch.from_numpy(mine), part)
    return total


def _bridges(state: GridState, noises: _Noises, seen: Tensor, steps: Ints) -> Tensor:
    """Cholesky factors ``(interval, noise, noise)`` of what the interval's increment leaves open.

    ``seen`` ``(noise, state)`` is each noise's covariance with all states at its own time. Increments being independent, the
    covariance with a later noise is that of the later one's combination of states with this one's.
    """
    n, counts = state.factor.shape[-1], np.diff(noises.edges)[steps]
    width = int(counts.max())
    slot = np.arange(width)
    real = slot < counts[:, None]
    place = np.where(real, noises.edges[steps, None] + slot, noises.edges[steps, None])
    times = np.where(real, noises.time[place], 0.0)
    flat = torch.from_numpy(place.ravel())
    mine = seen.index_select(0, flat).reshape(*place.shape, -1)
    share = noises.share.index_select(0, flat).reshape(*place.shape, 1)
    weight = _one_hot(noises.state[place], mine.shape[-1]) + share * _one_hot(
        noises.other[place], mine.shape[-1]
    )
    joint = weight @ mine.transpose(1, 2)
    later = torch.from_numpy(times[:, :, None] >= times[:, None, :])
    joint = torch.where(later, joint, joint.transpose(1, 2))
    factor = state.factor[torch.from_numpy(steps)]
    mix = torch.linalg.solve_triangular(factor, mine[..., :n].transpose(1, 2), upper=False)
    left = joint - mix.transpose(1, 2) @ mix
    both = torch.from_numpy(real[:, :, None] & real[:, None, :])
    padding = torch.eye(width, dtype=left.dtype).expand_as(left)
    return torch.linalg.cholesky(torch.where(both, left, padding))  # type: ignore[no-any-return]
