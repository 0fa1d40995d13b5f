"""Adjoints of one netting set's profiles within a block, dates walked backwards."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.registry import MEASURES, SIDES
from xva.exposure.block.data import BlockNoise, ExposureData
from xva.exposure.parts.kernel import (
    DateContext,
    DateTape,
    boundary_gradients,
    event_gradients,
    pull,
    state_gradient,
)
from xva.exposure.parts.netting_set import SetInputs

ROW_TENSORS = {
    "rows.log_receive": "rows.edges",
    "rows.load_receive": "rows.edges",
    "rows.log_deliver": "rows.edges",
    "rows.load_deliver": "rows.edges",
    "rows.stdev": "rows.edges",
    "pairs.scale": "terms",
    "pairs.h": "terms",
    "pairs.centre": "terms",
    "pairs.width": "pairs.edges",
    "tied.log": "tied.edges",
    "tied.load": "tied.edges",
    "tied.tie": "tied.edges",
    "memory.log": "memory.edges",
    "memory.load": "memory.edges",
    "memory.tie": "memory.edges",
}
DATE_TENSORS = ("smooth.coefficients", "equity", "live.coefficients")


class SetAdjoint:
    """Accumulates, for one netting set, sums over the block's paths.

    Per side (EPE, ENE) and date: derivatives to the date's inputs, ``<part>.<tensor>`` with a leading side axis. Per measure
    (with its weights): derivatives to the state's increments (``grid.initial``, ``grid.drift``, ``grid.factor``, only rows of
    active states), to the event scalars that it depends on (``events.*``, in the order of `SetInputs.events`) and exercise
    boundaries (``live.root``).
    """

    def __init__(self, data: ExposureData, number: int, states: Tensor) -> None:
        self.inputs = data.sets[number]
        self.layout = data.layout
        self.load = data.events.load
        self.weights = data.weights[:, number].to(states)
        self.active = torch.from_numpy(data.active[number]).to(states.device)
        n_steps, n_states, paths = len(data.days) - 1, states.shape[1], states.shape[2]
        n_measures, n_active = len(MEASURES), len(self.active)
        self.acc = states.new_zeros(n_measures, n_active, paths)
        self.sums: dict[str, Tensor] = {
            "grid.initial": states.new_zeros(n_measures, n_active),
            "grid.drift": states.new_zeros(n_measures, n_steps, n_active),
            "grid.factor": states.new_zeros(n_measures, n_steps, n_active, n_states),
        }
        for key in (*DATE_TENSORS, *ROW_TENSORS):
            tensor = input_tensor(self.inputs, key)
            if tensor.numel():
                self.sums[key] = states.new_zeros(2, *tensor.shape)
        self.spans = {key: row_edges(self.inputs, key) for key in ROW_TENSORS}
        self.event_adjoint: dict[int, Tensor] = {}
        own = self.own = self.inputs.events(self.layout)
        self.edges = np.searchsorted(self.layout.step[own], np.arange(n_steps + 1))
        if self.inputs.has_events:
            n_events = len(own)
            width = data.events.residual.shape[1]
            self.sums["live.root"] = states.new_zeros(n_measures, len(self.inputs.live.unit))
            self.sums["events.constant"] = states.new_zeros(n_measures, n_events)
            self.sums["events.load"] = states.new_zeros(n_measures, n_events, n_states)
            self.sums["events.mix"] = states.new_zeros(n_measures, n_events, n_states)
            self.sums["events.residual"] = states.new_zeros(n_measures, n_events, width)

    def date(self, at: DateContext, tape: DateTape, positive: Tensor) -> None:
        """Add one date: its inputs' derivatives per side, its states' to the running adjoints of the measures.

        ``positive`` ``(unit, path)`` is 1 where the netting set is worth more than nothing, else 0.
        """
        inputs = self.inputs
        # 1{V>0} for EPE; ENE = EPE - E[V], so its derivative is that of EPE less that of V
        for key, (masked, every) in pull(inputs, at, tape, positive).items():
            if key in DATE_TENSORS:
                where: int | slice = at.date
            else:
                where = slice(int(self.spans[key][at.date]), int(self.spans[key][at.date + 1]))
            self.sums[key][0, where] = masked
            self.sums[key][1, where] = masked - every
        every = state_gradient(inputs, at, tape)[self.active]
        if len(positive) == 1:
            epe = positive * every
        else:
            epe = state_gradient(inputs, at, tape, positive)[self.active]
        sided = (epe, epe - every)
        weight = self.weights[:, at.date]
        for m, side in enumerate(SIDES):
            self.acc[m].addcmul_(sided[side], weight[m])
        self._events(at, tape, positive, weight)

    def _events(self, at: DateContext, tape: DateTape, positive: Tensor, weight: Tensor) -> None:
        masks = (positive, positive - 1.0)
        for event, unit, swaption, slope in boundary_gradients(self.inputs, tape):
            found = torch.stack([weight[m] * masks[side][unit] * slope for m, side in enumerate(SIDES)])
            self.sums["live.root"][:, swaption] -= found.sum(-1)
            self._add_events(np.array([event]), found[:, None])
        for events, masked, every in event_gradients(self.inputs, at, tape, positive):
            sided = (masked, masked - every)
            self._add_events(events, torch.stack([weight[m] * sided[side] for m, side in enumerate(SIDES)]))

    def _add_events(self, events: NDArray[np.int64], bars: Tensor) -> None:
        """Add to the adjoints ``(measure, event, path)`` of increasing events, which are kept by their intervals."""
        place, steps = np.searchsorted(self.own, events), self.layout.step[events]
        for k in np.unique(steps).tolist():
            start, stop = int(self.edges[k]), int(self.edges[k + 1])
            if k not in self.event_adjoint:
                self.event_adjoint[k] = bars.new_zeros(len(bars), stop - start, bars.shape[-1])
            a, b = np.searchsorted(steps, [k, k + 1])
            self.event_adjoint[k].index_add_(
                1, torch.from_numpy(place[a:b] - start).to(bars.device), bars[:, a:b]
            )

    def step(self, t: int, noise: BlockNoise, states: Tensor) -> None:
        """All dates >= t are in: book the increment that led to t (the initial state for t = 0)."""
        if t == 0:
            self.sums["grid.initial"] += self.acc.sum(-1)
            return
        k = t - 1
        normals = noise.normals[k]
        n_measures, n_active, paths = self.acc.shape
        self.sums["grid.drift"][:, k] = self.acc.sum(-1)
        flat = self.acc.reshape(n_measures * n_active, paths)
        self.sums["grid.factor"][:, k] = (flat @ normals.T).reshape(n_measures, n_active, len(normals))
        if k in self.event_adjoint:
            self._events_of(k, self.event_adjoint.pop(k), noise, states)

    def _events_of(self, k: int, bars: Tensor, noise: BlockNoise, states: Tensor) -> None:
        """Book an interval's events ``(measure, event, path)``, and pass on what they have from events before."""
        where, residuals = slice(int(self.edges[k]), int(self.edges[k + 1])), noise.residuals[k]
        events, normals = self.own[where], noise.normals[k]
        self.sums["events.constant"][:, where] = bars.sum(-1)
        n, m = len(states[k]), len(normals)
        found = bars @ torch.cat([states[k], normals, residuals]).T
        self.sums["events.load"][:, where] = found[..., :n]
        self.sums["events.mix"][:, where] = found[..., n : n + m]
        self.sums["events.residual"][:, where, : len(residuals)] = found[..., n + m :]
        self.acc += self.load[events][:, self.active].T @ bars
        base = self.layout.base[events]
        if (base >= 0).any():
            order = np.flatnonzero(base >= 0)
            order = order[np.argsort(base[order], kind="stable")]
            self._add_events(base[order], bars[:, torch.from_numpy(order).to(bars.device)])

    def add_states(self, found: dict[str, Tensor]) -> None:
        """Add adjoints of the state's increments, rows of all states, that came from elsewhere (`conditional_adjoint`)."""
        for key, value in found.items():
            self.sums[key] += value.index_select(1 if key == "grid.initial" else 2, self.active)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Sums as float64 arrays."""
        return {key: value.double().cpu().numpy() for key, value in self.sums.items()}


def input_tensor(inputs: SetInputs, key: str) -> Tensor:
    """The tensor ``part.tensor`` of a netting set's inputs."""
    found: Any = inputs
    for name in key.split("."):
        found = getattr(found, name)
    return cast(Tensor, found)


def row_edges(inputs: SetInputs, key: str) -> NDArray[np.int64]:
    """``(date + 1,)`` where each date's rows of a row tensor begin and end."""
    match ROW_TENSORS[key]:
        case "rows.edges":
            return inputs.rows.edges
        case "pairs.edges":
            return inputs.pairs.edges
        case "tied.edges":
            return inputs.tied.edges
        case "memory.edges":
            return inputs.memory.edges
        case _:
            return inputs.pairs.term_edges[inputs.pairs.edges]
