"""Paths of a trade with decisions: what never exercising brings, and what exercising on each date would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import TradeError
from xva.models import PathModel, PathNoise, walk
from xva.models.random import brownian_rotation
from xva.pricing.exercise.features import exercise_features
from xva.pricing.exercise.hedging import asset_gains
from xva.trades import Paths, PathTrade, TradeContext


@final
@dataclass(frozen=True)
class ExerciseView:
    """One block of paths.

    Parameters
    ----------
    names : tuple of str
    features : Tensor
        ``(exercise, feature, path)``.
    kept : Tensor
        ``(path,)`` deflated flows of the trade if it is never exercised.
    change : Tensor
        ``(exercise, path)`` what exercising on a date adds to ``kept`` (flows are linear in what is exercised).
    hedge : Tensor
        ``(exercise, path)`` what a hedge of the right to wait gains from a date to the next one, of mean 0 given the date.
    gains : Tensor
        ``(exercise, equity, path)`` what equities gain until the next date, for a fitted hedge (`hedging.asset_gains`); none
        where there is the one above, or where nothing is regressed.
    """

    names: tuple[str, ...]
    features: Tensor
    kept: Tensor
    change: Tensor
    hedge: Tensor
    gains: Tensor


@final
@dataclass(frozen=True)
class ExercisePaths:
    """Where paths come from: a trade's own dates and addressed noise, whatever the model's parameters.

    Parameters
    ----------
    trade : PathTrade
    context : TradeContext
    noise : PathNoise
        Of a policy's own paths, or of fresh ones it is applied to; from `draw`.
    n_blocks : int
        A multiple of the noise's scrambles.
    jump_width : float
        Softness of the trade's jumps (`Paths.step`).
    """

    trade: PathTrade
    context: TradeContext
    noise: PathNoise
    n_blocks: int
    jump_width: float = 0.0

    def __post_init__(self) -> None:
        if self.n_blocks < 1 or self.n_blocks % self.noise.scrambles:
            raise TradeError(
                f"trade {self.trade.trade_id}: expected a multiple of {self.noise.scrambles} blocks, one scramble each, "
                f"got {self.n_blocks}",
                [self.trade.trade_id],
            )

    @classmethod
    def draw(
        cls,
        trade: PathTrade,
        context: TradeContext,
        model: PathModel,
        *,
        seed: int,
        scrambles: int = 8,
        block_size: int = 1024,
        n_blocks: int = 8,
        jump_width: float = 0.0,
    ) -> ExercisePaths:
        """Noise on the trade's dates for a model of ``model.n_normals``."""
        rotation = brownian_rotation(knots(trade, context)[1:])
        noise = PathNoise(seed, scrambles, block_size, rotation, model.n_normals)
        return cls(trade, context, noise, n_blocks, jump_width)

    @property
    def n_paths(self) -> int:
        return self.n_blocks * self.noise.block_size

    def paths(self, model: PathModel, block: int, start: Tensor | None = None) -> Paths:
        """A block's paths, from ``(state, path)`` or the model's initial state."""
        times = knots(self.trade, self.context)
        walked = walk(model, times, self.noise.grid(block), start)
        observer = model.observe(walked.times, walked.states)
        report = self.trade.exercise_dates(self.context)
        return Paths(self.context, observer, report, self.noise.block_size, self.jump_width)

    def view(
        self,
        model: PathModel,
        block: int,
        names: Sequence[str] | None = None,
        start: Tensor | None = None,
        *,
        regressed: bool = False,
    ) -> ExerciseView:
        """A block, its features those of ``names`` or all; ``regressed`` with what only regressions need."""
        paths = self.paths(model, block, start)
        waiting = self.trade.waiting(paths)
        found, features = exercise_features(self.trade, paths, names, waiting)
        kept, change = exercise_changes(self.trade, paths)
        hedge = torch.zeros_like(change) if waiting is None else self.trade.holder * waiting.increments
        none = torch.zeros(len(change), 0, paths.n_paths, dtype=torch.float64)
        gains = asset_gains(self.trade, paths) if regressed and waiting is None else none
        return ExerciseView(found, features, kept, change, hedge, gains)


def knots(trade: PathTrade, context: TradeContext) -> NDArray[np.float64]:
    """Times ``(time,)`` to simulate, 0 first.

    Raises
    ------
    TradeError
        The trade has nothing to decide on, or decides on dates it does not observe.
    """
    days, exercise = trade.observation_dates(context), trade.exercise_dates(context)
    if not len(exercise) or not bool(np.isin(exercise, days).all()):
        raise TradeError(
            f"trade {trade.trade_id}: expected exercise dates after {context.as_of} that are observation dates too, got "
            f"{len(exercise)} exercise dates and {len(days)} observation dates",
            [trade.trade_id],
        )
    return np.concatenate([[0.0], context.times(days)])


def exercise_changes(trade: PathTrade, paths: Paths) -> tuple[Tensor, Tensor]:
    """Deflated flows ``(path,)`` if never exercised, and what exercising on each date ``(exercise, path)`` adds.

    Flows are linear in what is exercised, so one backward pass at zero gives all dates.
    """
    attached = torch.is_grad_enabled()
    with torch.enable_grad():
        exercised = trade.none_exercised(paths.context, paths.n_paths).requires_grad_(True)
        total = torch.zeros(paths.n_paths, dtype=torch.float64) + 0.0 * exercised.sum()
        for flow in trade.cashflows(paths, exercised):
            total = total + paths.deflated(flow)
        (change,) = torch.autograd.grad(total.sum(), exercised, create_graph=attached)
    return (total, change) if attached else (total.detach(), change)
