"""Nested paths from the outer states of one date, and what trades make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.errors import DomainError
from xva.models import walk
from xva.models.grids import refined
from xva.models.path_model import Walk
from xva.numerics.tree import map_tensors
from xva.pricing.nested.book import NestedBook
from xva.pricing.nested.gradients import first_step_score
from xva.pricing.nested.noise import InnerPaths
from xva.trades import Paths

_PATHS = 1 << 15  # of one part: enough to keep Python's share small, few enough for a cache


@dataclass(frozen=True)
class Part:
    """Of some outer states and scrambles; shapes as in `NestedValues`."""

    means: Tensor
    known: Tensor
    alive: Tensor
    gradients: Tensor | None


class Nest:
    """One date's work, cut into parts."""

    def __init__(
        self, book: NestedBook, outer: Walk, day: np.datetime64, inner: InnerPaths, gradient: bool, first: int
    ) -> None:
        self._book, self._inner, self._gradient, self._first = book, inner, gradient, first
        self._day, now = day, book.context.time(day)
        self._model = map_tensors(book.model, torch.Tensor.detach)
        self._keep(outer, now)
        later = book.times[book.times > now + SAME_TIME]
        self.knots = refined(np.concatenate([[now], later]), inner.longest)
        self.dimension = (len(self.knots) - 1) * book.model.n_normals

    def _keep(self, outer: Walk, now: float) -> None:
        needed = np.append(self._book.times[self._book.times < now - SAME_TIME], now)
        distance = np.abs(outer.times[:, None] - needed).min(0)
        if bool((distance > SAME_TIME).any()):
            missing = needed[distance > SAME_TIME]
            raise DomainError(
                f"nested values on {self._day}: expected an outer walk that stops at {missing.tolist()} years too"
            )
        count = outer.place(now) + 1
        self._times, self._history = outer.times[:count], tuple(s.detach() for s in outer.states[:count])

    def chunks(self) -> tuple[int, int]:
        """Outer states and scrambles of one part: the same however outer states are cut into lots."""
        size, steps, inner = len(self._model.states), len(self.knots) - 1, self._inner
        numbers = (len(self._times) + 2 * steps + 8) * size + 2 * self.dimension + 32
        scramble = 3 * 8 * numbers * inner.signs * inner.points
        whole = scramble * inner.scrambles
        if inner.memory >= whole:
            return min(inner.memory // whole, max(_PATHS // inner.n_paths, 1)), inner.scrambles
        return 1, max(inner.memory // scramble, 1)

    def part(self, begin: int, rows: int, scrambles: slice, digits: Tensor | None) -> Part:
        """Simulate and value ``rows`` outer states from number ``begin`` on, the nearest in place of those not there.

        All parts have the same shape: matrix products give other last bits in other shapes.
        """
        shape = (self._inner.signs, rows, scrambles.stop - scrambles.start, self._inner.points)
        last = self._history[-1].shape[-1] - 1
        states = torch.arange(begin, begin + rows).sub(self._first).clamp(0, last)
        owner = states[None, :, None, None].expand(shape).reshape(-1)
        start = self._history[-1].index_select(1, owner).requires_grad_(self._gradient)
        normals: Tensor | None = None
        walked: tuple[Tensor, ...] = (start,)
        with torch.set_grad_enabled(self._gradient):
            if digits is not None:
                numbers = slice(begin, begin + rows)
                normals = self._inner.normals(digits, scrambles, self._day, numbers, self.knots)
                walked = walk(self._model, self.knots, normals, start).states
            composite = _Composite(self._history, owner, walked[1:])
            smooth, jumping, known, alive = self._flows(composite, len(owner))
        every = shape[0], shape[1], shape[2], shape[3]
        means = (smooth + jumping).detach().reshape(every).mean((0, 3)).T
        known, alive = known.reshape(every)[0, :, 0, 0], alive.reshape(-1, *every)[:, 0, :, 0, 0]
        if not self._gradient:
            return Part(means, known, alive, None)
        each = self._derivatives(smooth, jumping.detach(), start, normals)
        return Part(means, known, alive, each.reshape(-1, *every).mean((1, 4)).permute(2, 0, 1))

    def _flows(self, states: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``(path,)`` flows to come of trades that are smooth and that jump, what is known, ``(trade, path)`` alive."""
        book, day = self._book, self._day
        times = np.concatenate([self._times, self.knots[1:]])
        report = np.array([day], dtype="datetime64[D]")
        paths = Paths(book.context, self._model.observe(times, states), report, count, book.width)
        zero = torch.zeros(count, dtype=torch.float64)
        to_come, known, alive = [zero, zero], zero, []
        for trade in book.trades:
            exercised = trade.none_exercised(book.context, count)
            if trade.trade_id in book.policies:
                exercised = book.policies[trade.trade_id].exercised(trade, paths, book.level)
            place = int(book.jumping(trade))
            for flow in trade.cashflows(paths, exercised):
                if flow.observed > day:
                    to_come[place] = to_come[place] + paths.deflated(flow)
                elif flow.pay > day:
                    known = known + paths.value(flow, day).detach()
            gone = exercised[trade.exercise_dates(book.context) <= day].sum(0).detach()
            settled = trade.settled(paths)
            if settled is not None:
                known = known + gone * settled[0].detach()
            alive.append(1.0 - gone)
        return to_come[0], to_come[1], known, torch.stack(alive)

    def _derivatives(self, smooth: Tensor, jumping: Tensor, start: Tensor, normals: Tensor | None) -> Tensor:
        """``(feature, path)``."""
        found = torch.zeros_like(start)
        if smooth.requires_grad:
            found = torch.autograd.grad(smooth.sum(), start)[0]
        if normals is not None and any(self._book.jumping(trade) for trade in self._book.trades):
            with torch.no_grad():
                score = first_step_score(self._model, self.knots, normals[0])
            found = found + jumping * score
        return found


class _Composite(Sequence[Tensor]):
    """States ``(state, path)`` of the outer history, repeated when asked for, and then of the nested walk."""

    def __init__(self, history: Sequence[Tensor], owner: Tensor, later: Sequence[Tensor]) -> None:
        self._history, self._owner, self._later = history, owner, later
        self._repeated: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._history) + len(self._later)

    @overload
    def __getitem__(self, index: int) -> Tensor: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tensor]: ...

    def __getitem__(self, index: int | slice) -> Tensor | Sequence[Tensor]:
        if isinstance(index, slice):
            return [self[k] for k in range(len(self))[index]]
        k = range(len(self))[index]
        if k >= len(self._history):
            return self._later[k - len(self._history)]
        if k not in self._repeated:
            self._repeated[k] = self._history[k].index_select(1, self._owner)
        return self._repeated[k]
