"""Adjoints of one netting set's profiles within a block, dates walked backwards."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.registry import MEASURES, SIDES
from xva.exposure.block.data import BlockNoise, ExposureData
from xva.exposure.block.netting_set_sums import NettingSetSums
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.kernel import DateTape, decisions, event_gradients, input_adjoint, state_gradient
from xva.exposure.state.state import EventState, GridState


class NettingSetAdjoint:
    """Accumulates, for one netting set, sums over the block's paths (`NettingSetSums`).

    Per side (EPE, ENE) and date: derivatives to the date's rows of the parts' tensors. Per measure (with its weights):
    derivatives to the state's increments, to the event scalars that it depends on, and to exercise boundaries.
    """

    def __init__(self, data: ExposureData, number: int, states: Tensor) -> None:
        self.layout = data.layout
        self.load = data.events.load
        self.weights = data.weights[:, number].to(states)
        self.active = torch.from_numpy(data.active[number]).to(states.device)
        inputs = data.sets[number]
        n_steps, n_states, paths = len(data.days) - 1, states.shape[1], states.shape[2]
        n_measures, n_active = len(MEASURES), len(self.active)
        self.acc = states.new_zeros(n_measures, n_active, paths)
        self.dated = inputs.tensors()
        own = self.own = inputs.events(self.layout)
        self.edges = np.searchsorted(self.layout.step[own], np.arange(n_steps + 1))
        self.event_adjoint: dict[int, Tensor] = {}
        events: EventState | None = None
        boundaries: dict[str, Tensor] = {}
        if inputs.has_events:
            n_events, width = len(own), data.events.residual.shape[1]
            events = EventState(
                states.new_zeros(n_measures, n_events),
                states.new_zeros(n_measures, n_events, n_states),
                states.new_zeros(n_measures, n_events, n_states),
                states.new_zeros(n_measures, n_events, width),
            )
            boundaries = {
                name: states.new_zeros(n_measures, len(value))
                for part in inputs.parts
                for name, value in part.boundaries.items()
            }
        self.sums = NettingSetSums(
            {
                name: states.new_zeros(2, *dated.value.shape)
                for name, dated in self.dated.items()
                if dated.value.numel()
            },
            GridState(
                states.new_zeros(n_measures, n_active),
                states.new_zeros(n_measures, n_steps, n_active),
                states.new_zeros(n_measures, n_steps, n_active, n_states),
            ),
            events,
            boundaries,
        )

    def date(self, at: DateContext, tape: DateTape, positive: Tensor) -> None:
        """Add one date: its inputs' derivatives per side, its states' to the running adjoints of the measures.

        ``positive`` ``(unit, path)`` is 1 where the netting set is worth more than nothing, else 0.
        """
        # 1{V>0} for EPE; ENE = EPE - E[V], so its derivative is that of EPE less that of V
        for name, (masked, every) in input_adjoint(tape, positive).items():
            where, sums = self.dated[name].on(at.date), self.sums.inputs[name]
            sums[0, where] = masked
            sums[1, where] = masked - every
        every = state_gradient(at, tape)[self.active]
        if len(positive) == 1:
            epe = positive * every
        else:
            epe = state_gradient(at, tape, positive)[self.active]
        sided = (epe, epe - every)
        weight = self.weights[:, at.date]
        for m, side in enumerate(SIDES):
            self.acc[m].addcmul_(sided[side], weight[m])
        self._events(tape, positive, weight)

    def _events(self, tape: DateTape, positive: Tensor, weight: Tensor) -> None:
        masks = (positive, positive - 1.0)
        for decision in decisions(tape):
            slope, unit = decision.slope, decision.unit
            found = torch.stack([weight[m] * masks[side][unit] * slope for m, side in enumerate(SIDES)])
            self.sums.boundaries[decision.boundary][:, decision.place] -= found.sum(-1)
            self._add_events(np.array([decision.event]), found[:, None])
        for events, masked, every in event_gradients(tape, positive):
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
            self.sums.grid.initial.add_(self.acc.sum(-1))
            return
        k = t - 1
        normals = noise.normals[k]
        n_measures, n_active, paths = self.acc.shape
        self.sums.grid.drift[:, k] = self.acc.sum(-1)
        flat = self.acc.reshape(n_measures * n_active, paths)
        self.sums.grid.factor[:, k] = (flat @ normals.T).reshape(n_measures, n_active, len(normals))
        if k in self.event_adjoint:
            self._events_of(k, self.event_adjoint.pop(k), noise, states)

    def _events_of(self, k: int, bars: Tensor, noise: BlockNoise, states: Tensor) -> None:
        """Book an interval's events ``(measure, event, path)``, and pass on what they have from events before."""
        where, residuals = slice(int(self.edges[k]), int(self.edges[k + 1])), noise.residuals[k]
        events, normals = self.own[where], noise.normals[k]
        sums = self.sums.events
        assert sums is not None  # there are events
        sums.constant[:, where] = bars.sum(-1)
        n, m = len(states[k]), len(normals)
        found = bars @ torch.cat([states[k], normals, residuals]).T
        sums.load[:, where] = found[..., :n]
        sums.mix[:, where] = found[..., n : n + m]
        sums.residual[:, where, : len(residuals)] = found[..., n + m :]
        self.acc += self.load[events][:, self.active].T @ bars
        base = self.layout.base[events]
        if (base >= 0).any():
            order = np.flatnonzero(base >= 0)
            order = order[np.argsort(base[order], kind="stable")]
            self._add_events(base[order], bars[:, torch.from_numpy(order).to(bars.device)])

    def add_states(self, found: GridState) -> None:
        """Add adjoints of the state's increments, rows of all states, that came from elsewhere (`conditional_adjoint`)."""
        own = self.sums.grid
        own.initial.add_(found.initial.index_select(1, self.active))
        own.drift.add_(found.drift.index_select(2, self.active))
        own.factor.add_(found.factor.index_select(2, self.active))
