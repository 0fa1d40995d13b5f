"""What labels are made for: trades under a model on report dates, and the paths on which they pay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, final

import numpy as np
import torch
from torch import Tensor

from surrogates.regression import Samples
from xva.errors import DomainError
from xva.models import PathModel
from xva.models.path_model import Observer, Walk, join_times, place
from xva.models.random import MAX_DIMENSION, brownian_rotation, scrambled_sobol
from xva.numerics.types import Dates, Floats
from xva.trades import Flow, Paths, PathTrade, TradeContext

Share = Callable[[np.datetime64], Tensor | None]


class ExerciseRule(Protocol):
    """Decides on paths, say by an `xva.pricing.exercise` policy."""

    def decisions(self, trade: PathTrade, paths: Paths, level: float) -> Tensor:
        """``(exercise date, path)`` share exercised on each date *of what is alive then*, in [0, 1].

        ``level`` scales the softness of decisions, 0 being sharp.
        """
        ...


@final
@dataclass(frozen=True)
class Origin:
    """Where simulated paths start: the states ``(state, path)`` of the grid's knots up to the starting one.

    All but the last are history, which trades may look at and which is held fixed. With ``onward`` ``(state, path)`` paths
    go on from there instead of from the last.
    """

    states: tuple[Tensor, ...]
    onward: Tensor | None = None

    @property
    def number(self) -> int:
        """Of the knot that paths start from."""
        return len(self.states) - 1

    def moved(self, shift: Tensor) -> Origin:
        """The same history, another start: ``shift`` broadcasts against ``(state, path)``.

        What a trade observes *on* the starting date stays as it was.
        """
        return Origin(self.states, self.start + shift)

    @property
    def start(self) -> Tensor:
        """What the first step starts from."""
        return self.states[-1] if self.onward is None else self.onward


@final
@dataclass(frozen=True)
class LabelProblem:
    """Trades to be learned together, date by date.

    Parameters
    ----------
    model : PathModel
    trades : tuple of PathTrade
        Their flows are added up: one trade, or a netting set's residual.
    context : TradeContext
    report : ndarray
        ``(date,)`` datetime64[D], sorted, ``as_of`` or later: where a surrogate is wanted.
    states : tuple of str
        The model's states that are features; all by default.
    rules : mapping of trade id to ExerciseRule
        Of the trades with exercise dates: labels are values *as long as nothing is exercised*.
    knots : ndarray
        Further times that the model has to step on.
    level : float
        Softness of exercise decisions; at 0 they are sharp and taken as given by derivatives, which is right to first
        order for the value of the one who decides (envelope theorem), not beyond.

    Raises
    ------
    DomainError
        No trades, dates out of order or before ``as_of``, unknown states, or an exercise without a rule.
    """

    model: PathModel
    trades: tuple[PathTrade, ...]
    context: TradeContext
    report: Dates
    states: tuple[str, ...] = ()
    rules: Mapping[str, ExerciseRule] = field(default_factory=dict)
    knots: Floats = field(default_factory=lambda: np.zeros(0))
    level: float = 0.0

    def __post_init__(self) -> None:
        if not self.states:
            object.__setattr__(self, "states", self.model.states)
        days = self.report
        if not self.trades or not len(days) or bool((np.diff(days) <= np.timedelta64(0, "D")).any()):
            raise DomainError("labels: expected at least one trade and increasing report dates")
        if days[0] < self.context.as_of:
            raise DomainError(f"labels: expected report dates from {self.context.as_of} on, got {days[0]}")
        if unknown := set(self.states) - set(self.model.states):
            raise DomainError(f"labels: states {sorted(unknown)} are not the model's", sorted(unknown))
        for trade in self.trades:
            if len(trade.exercise_dates(self.context)) and trade.trade_id not in self.rules:
                raise DomainError(
                    f"labels: trade {trade.trade_id} can be exercised, but no rule says when",
                    [trade.trade_id],
                )

    @cached_property
    def times(self) -> Floats:
        """``(knot,)`` of the grid, 0 first: report and observation dates and further knots."""
        dates = [self.context.times(t.observation_dates(self.context)) for t in self.trades]
        return join_times(np.zeros(1), self.context.times(self.report), self.knots, *dates)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Knot of each report date."""
        return tuple(place(self.times, t) for t in self.context.times(self.report).tolist())

    @cached_property
    def rows(self) -> tuple[int, ...]:
        """Of the states that are features."""
        return tuple(self.model.states.index(name) for name in self.states)

    def on(self, day: np.datetime64) -> LabelProblem:
        """The same for one report date, on the same grid."""
        return replace(self, report=np.array([day], dtype="datetime64[D]"), knots=self.times)

    def origin(self, n_paths: int, start: Tensor | None = None) -> Origin:
        """Paths from ``as_of`` on; ``start`` ``(state, path)`` spreads them over states (`spread_start`)."""
        state = self.model.initial()[:, None].expand(-1, n_paths) if start is None else start
        return Origin((state.detach(),))

    def walk(self, normals: Tensor, origin: Origin) -> Walk:
        """Go on from ``origin`` with ``(step, normal, path)`` normals, the last of them being the grid's last step.

        ``carries`` are connected from the start on.
        """
        first = origin.number
        transition = self.model.transition(self.times[first:])
        carry = origin.start.detach().clone().requires_grad_(True)
        states, carries = [*origin.states], [*origin.states[:-1], carry]
        for k in range(len(self.times) - 1 - first):
            states.append(transition.step(k, carries[-1], normals[k - (len(self.times) - 1 - first)]))
            carries.append(states[-1].clone())
        return Walk(self.times, tuple(states), tuple(carries))

    def paths(self, walk: Walk, width: float = 0.0) -> Paths:
        """How trades see a walk."""
        observer = self.model.observe(self.times, walk.states)
        count = walk.states[-1].shape[-1]

        # what is observed on a date is history in a label's derivative to the state on it; a bridge from there on is not:
        # crossing a level until the next date depends on the state it starts from, which is carried on
        def bridges(day: np.datetime64) -> Observer:
            knot = walk.place(self.context.time(day))
            states = [*walk.states[:knot], walk.carries[knot], *walk.states[knot + 1 :]]
            return self.model.observe(walk.times, states)

        return Paths(self.context, observer, self.report, count, width, bridges)

    def to_come(self, paths: Paths, share: Share | None = None) -> list[Tensor]:
        """Per report date ``(path,)``: deflated flows that become known after it, nothing being exercised by then.

        ``share`` of the date on which a flow becomes known multiplies it; None leaves it out.
        """
        total = [torch.zeros(paths.n_paths, dtype=torch.float64) for _ in self.report]
        for trade in self.trades:
            for first, last, flows in self._scenarios(trade, paths, share):
                for k in range(first, last):
                    total[k] = total[k] + flows[k]
        return total

    def memory(self, paths: Paths) -> tuple[tuple[str, ...], list[Tensor]]:
        """Names of what the trades remember, and per report date ``(path, memory)`` of it.

        With several trades the names are ``<trade id>/<name>``.
        """
        names: list[str] = []
        columns: list[Tensor] = []
        for trade in self.trades:
            for name, rows in trade.state(paths).items():
                names.append(name if len(self.trades) == 1 else f"{trade.trade_id}/{name}")
                columns.append(rows)
        if not columns:
            return (), [torch.zeros(paths.n_paths, 0, dtype=torch.float64) for _ in self.report]
        table = torch.stack(columns, dim=2)
        return tuple(names), [table[k] for k in range(len(self.report))]

    def samples(
        self,
        number: int,
        walk: Walk,
        memory: tuple[tuple[str, ...], list[Tensor]],
        values: Tensor,
        gradient: Tensor | None,
    ) -> Samples:
        """Of one report date; ``gradient`` ``(state, path)`` to all the model's states."""
        names, columns = memory
        rows = list(self.rows)
        features = torch.cat([walk.carries[self.places[number]][rows].T, columns[number]], dim=1).detach()
        if gradient is None:
            return Samples((*self.states, *names), features, values.detach())
        known = torch.tensor([True] * len(rows) + [False] * len(names))
        padded = torch.cat([gradient[rows].T, torch.zeros_like(columns[number])], dim=1).detach()
        return Samples((*self.states, *names), features, values.detach(), padded, known)

    def _scenarios(
        self, trade: PathTrade, paths: Paths, share: Share | None
    ) -> list[tuple[int, int, list[Tensor]]]:
        """Report dates [first, last) between two exercises, and sums of flows if nothing is exercised before them."""
        exercise = trade.exercise_dates(self.context)
        if not len(exercise):
            flows = trade.cashflows(paths, trade.none_exercised(self.context, paths.n_paths))
            return [(0, len(self.report), self._sums(paths, flows, share))]
        decisions = self.rules[trade.trade_id].decisions(trade, paths, self.level)
        passed = np.searchsorted(exercise, self.report, side="right")
        found = []
        for gone in np.unique(passed).tolist():
            first, last = np.searchsorted(passed, [gone, gone + 1]).tolist()
            flows = trade.cashflows(paths, _exercised(decisions, gone))
            found.append((first, last, self._sums(paths, flows, share)))
        return found

    def _sums(self, paths: Paths, flows: Sequence[Flow], share: Share | None) -> list[Tensor]:
        """Per report date, the deflated flows observed after it."""
        zero = torch.zeros(paths.n_paths, dtype=torch.float64)
        known = [zero] * (len(self.report) + 1)
        for flow in flows:
            k = int(np.searchsorted(self.report, flow.observed))
            part = share(flow.observed) if share is not None and k > 0 else 1.0
            if k > 0 and part is not None:
                known[k] = known[k] + part * paths.deflated(flow)
        rest, sums = zero, []
        for part in reversed(known[1:]):
            rest = rest + part
            sums.append(rest)
        return sums[::-1]


def _exercised(decisions: Tensor, gone: int) -> Tensor:
    """``(exercise date, path)`` shares exercised on each date, all being alive after the first ``gone`` of them."""
    alive = torch.cumprod(1.0 - decisions[gone:], dim=0)
    before = torch.cat([torch.ones_like(decisions[:1]), alive[:-1]])[: len(decisions) - gone]
    return torch.cat([torch.zeros_like(decisions[:gone]), decisions[gone:] * before])


def label_normals(
    model: PathModel, times: Floats, n_paths: int, seed: int, antithetic: bool = True
) -> Tensor:
    """``(step, normal, path)`` standard normals: one scrambled Sobol set, ordered as in `xva.models.random`.

    Parameters
    ----------
    antithetic : bool
        The second half of the paths has the first half's normals with the other sign: all odd moments of the states are
        exact. Both halves are samples of their own: pairs that share a state are `Mirrored`'s.
    """
    steps, width = len(times) - 1, model.n_normals
    if steps * width > MAX_DIMENSION:
        raise DomainError(f"labels: steps x normals: expected at most {MAX_DIMENSION}, got {steps} x {width}")
    count = n_paths // 2 if antithetic else n_paths
    if count < 1 or (antithetic and n_paths % 2):
        raise DomainError(f"labels: expected an even number of paths, got {n_paths}")
    uniform = scrambled_sobol(steps * width, seed, count)
    normal = torch.special.ndtri(uniform.clamp(2.0**-31, 1.0 - 2.0**-31)).T.reshape(steps, width * count)
    mixed = (brownian_rotation(times[1:] - times[0]) @ normal).reshape(steps, width, count)
    return torch.cat([mixed, -mixed], dim=2) if antithetic else mixed


def spread_start(model: PathModel, n_paths: int, horizon: float, spread: float, seed: int) -> Tensor:
    """``(state, path)`` starts wider than the model's law, so that a surrogate is at home in the tails.

    Where the model gets to over ``horizon`` years with its normals multiplied by ``spread``. Labels stay what they
    are: values given the state, whatever law the states come from.
    """
    if not (horizon > 0.0 and spread > 0.0):
        raise DomainError(f"labels: expected a positive horizon and spread, got {horizon} and {spread}")
    knots = np.array([0.0, horizon])
    normals = spread * shuffled(label_normals(model, knots, n_paths, seed), seed)
    start = model.initial()[:, None].expand(-1, n_paths)
    return model.transition(knots).step(0, start, normals[0]).detach()


def shuffled(points: Tensor, seed: int) -> Tensor:
    """Columns in random order.

    Two Sobol sets side by side are not independent, however they are scrambled: their dimensions share direction numbers.
    """
    order = torch.randperm(points.shape[-1], generator=torch.Generator().manual_seed(seed))
    return points[..., order]
