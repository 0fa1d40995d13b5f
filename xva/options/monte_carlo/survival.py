"""Greeks of trades that change when a price crosses a level on given dates: one-step survival.

The normals of each step into such a date are drawn given that nothing is crossed, and the path is weighted by the
probability of it, a smooth function of the state before: values stay unbiased and become continuous in every parameter, so
that their pathwise derivatives are unbiased too. P. Glasserman and J. Staum, Operations Research 49 (2001); T. Alm,
B. Harrach, D. Harrach and M. Keller, Journal of Computational Finance 17 (2013). A digital is the case of one date: its
last step is in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.dates import SAME_TIME
from xva.errors import DomainError
from xva.models.path_model import place
from xva.numerics.types import Dates
from xva.options.monte_carlo.methods import Method
from xva.options.monte_carlo.problem import GreekProblem, Payoff, Scene, flows_of
from xva.pricing.estimators import gaussian_steps, surviving_normals
from xva.trades import BarrierOption, DigitalOption, PathTrade, TradeContext

_NEVER = {True: 1e300, False: 1e-300}  # a level that no price gets to, from below or from above


@final
@dataclass(frozen=True, eq=False)
class Knock:
    """A trade told apart by one question: does a price cross a level on one of some dates?

    Parameters
    ----------
    name : str
        Of the equity.
    days : ndarray
        ``(date,)`` datetime64[D], increasing; those up to ``as_of`` are answered by fixings (or today's price).
    level : float
    up : bool
        Whether it is crossed from below.
    survivor, crosser : PathTrade, optional
        What the trade is if the level is never, or ever, crossed; neither jumps any more. None is nothing.
    """

    name: str
    days: Dates
    level: float
    up: bool
    survivor: PathTrade | None
    crosser: PathTrade | None

    def __post_init__(self) -> None:
        if (
            not self.level > 0.0
            or not len(self.days)
            or bool((np.diff(self.days) <= np.timedelta64(0)).any())
        ):
            raise DomainError(
                f"knock of {self.name}: expected a positive level and increasing dates", [self.name]
            )

    def crossed(self, context: TradeContext, today: float) -> bool:
        """Whether it has been crossed up to ``as_of``, on which the price is ``today`` unless it is fixed."""
        past = self.days[self.days <= context.as_of]
        prices = context.fixed(f"EQ/{self.name}", past) if len(past) else np.zeros(0)
        prices = np.where(np.isnan(prices), today, prices)
        return bool((prices >= self.level if self.up else prices <= self.level).any())


def knock_of(trade: PathTrade) -> Knock:
    """The knock of a barrier option watched on dates, or of a digital option.

    Raises
    ------
    DomainError
        Another product: say what its `Knock` is, or use likelihood ratios. One that does not jump needs none.
    """
    if isinstance(trade, BarrierOption) and trade.jumps and trade.underlying.startswith("EQ/"):
        up, out = trade.barrier_type.startswith("up"), trade.barrier_type.endswith("out")
        days = np.array(trade.monitoring_dates, dtype="datetime64[D]")
        survivor = replace(trade, barrier=_NEVER[up], monitoring_dates=(trade.expiry_date,))
        other = trade.barrier_type.replace("out", "in") if out else trade.barrier_type.replace("in", "out")
        crosser = replace(survivor, barrier_type=other)
        nothing = trade.rebate == 0.0
        return Knock(
            trade.underlying[3:],
            days,
            trade.barrier,
            up,
            None if nothing and not out else survivor,
            None if nothing and out else crosser,
        )
    if isinstance(trade, DigitalOption) and trade.underlying.startswith("EQ/"):
        days = np.array([trade.expiry_date], dtype="datetime64[D]")
        paid = replace(trade, strike=_NEVER[trade.option_type == "put"])
        call = trade.option_type == "call"
        return Knock(
            trade.underlying[3:], days, trade.strike, True, None if call else paid, paid if call else None
        )
    raise DomainError(
        f"trade {trade.trade_id}: expected a digital option or a barrier watched on dates, on an equity, got a "
        f"{type(trade).__name__} -> describe it by a Knock, or use LikelihoodRatio()",
        [trade.trade_id],
    )


@final
@dataclass(frozen=True)
class OneStepSurvival(Method):
    """Pathwise derivatives of paths that are kept from crossing; for models with Gaussian steps."""

    free: ClassVar[bool] = False

    knock: Knock

    @classmethod
    def of(cls, trade: PathTrade) -> OneStepSurvival:
        """For a product that `knock_of` knows."""
        return cls(knock_of(trade))

    def __str__(self) -> str:
        return "one-step survival"

    def check(self, problem: GreekProblem) -> None:
        gaussian_steps(problem.plain, problem.times)
        coming = self.knock.days[self.knock.days > problem.context.as_of]
        for time in problem.context.times(coming).tolist():
            try:
                place(problem.times, time)
            except KeyError:
                raise DomainError(
                    f"knock of {self.knock.name}: a date {time:.4f} years on is none that the trade observes",
                    [self.knock.name],
                ) from None

    def trade_values(self, scene: Scene) -> Tensor:
        knock = self.knock
        lost = torch.zeros(scene.start.shape[-1], dtype=torch.float64)
        if knock.crosser is not None:
            lost = flows_of(knock.crosser, scene.see(scene.walk.states))
        today = float(torch.exp(scene.start.detach()[scene.steps.row(knock.name), 0]))
        if knock.crossed(scene.problem.context, today):
            return lost
        states, weight = self._survive(scene)
        kept = scene.see(states)
        for sign, trade in ((1.0, knock.survivor), (-1.0, knock.crosser)):
            if trade is not None:
                lost = lost + sign * weight * flows_of(trade, kept)
        return lost

    def payoff_values(self, scene: Scene, payoff: Payoff) -> Tensor:
        return payoff(scene.see(scene.walk.states))

    def _survive(self, scene: Scene) -> tuple[list[Tensor], Tensor]:
        """States per knot of paths that never cross, and ``(path,)`` the share of all paths they stand for."""
        problem, steps, side = scene.problem, scene.steps, 1.0 if self.knock.up else -1.0
        row, level = steps.row(self.knock.name), float(np.log(self.knock.level))
        watched = problem.context.times(self.knock.days)
        state, weight = scene.start, torch.ones(scene.start.shape[-1], dtype=torch.float64)
        states = [state]
        for k, time in enumerate(problem.times[1:].tolist()):
            normals, loading = scene.normals[k], steps.loadings[k]
            if bool((np.abs(watched - time) < SAME_TIME).any()):
                deviation = torch.linalg.vector_norm(loading[row])
                direction = (loading[row] / deviation)[:, None]
                bound = side * (level - state[row] - steps.drifts[k, row]) / deviation
                normals, kept = surviving_normals(normals, direction, bound, side)
                weight = weight * kept
            state = state + steps.drifts[k][:, None] + loading @ normals
            states.append(state)
        return states, weight
