"""What nested Monte Carlo values: trades under a model, and who decides on their exercise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, final

import numpy as np
from torch import Tensor

from xva.errors import TradeError
from xva.models import PathModel
from xva.models.path_model import join_times
from xva.numerics.types import Floats
from xva.trades import Paths, PathTrade, TradeContext


class Exercise(Protocol):
    """Decides when a trade is exercised; `xva.pricing.exercise.ExercisePolicy` is one."""

    def exercised(self, trade: PathTrade, paths: Paths, level: float = 0.0) -> Tensor:
        """Share ``(exercise date, path)`` exercised on each date, from what is known on it."""
        ...


@final
@dataclass(frozen=True)
class NestedBook:
    """What is valued: trades under a model.

    Parameters
    ----------
    model : PathModel
    trades : tuple of PathTrade
        Their values are added up.
    context : TradeContext
    policies : mapping of trade id to Exercise
        Of every trade that can be exercised. Derivatives hold its decisions fixed, which is right to first order where
        they are near optimal.
    width : float
        Softness of jumps (`Paths.step`); at 0 jumps are sharp and differentiated by likelihood ratio.
    level : float
        Softness of exercise decisions.

    Raises
    ------
    TradeError
        No trades, or one with exercise dates and without a policy.
    """

    model: PathModel
    trades: tuple[PathTrade, ...]
    context: TradeContext
    policies: Mapping[str, Exercise] = field(default_factory=dict)
    width: float = 0.0
    level: float = 0.0

    def __post_init__(self) -> None:
        if not self.trades:
            raise TradeError("nested values: expected at least one trade, got none")
        for trade in self.trades:
            if len(trade.exercise_dates(self.context)) and trade.trade_id not in self.policies:
                raise TradeError(
                    f"trade {trade.trade_id} can be exercised: expected a policy for it, got none",
                    [trade.trade_id],
                )

    @cached_property
    def times(self) -> Floats:
        """``(time,)`` 0 and what the trades look at: the outer walk needs those up to the date."""
        days = [self.context.times(t.observation_dates(self.context)) for t in self.trades]
        return join_times(np.zeros(1), *days)

    def jumping(self, trade: PathTrade) -> bool:
        """Whether a pathwise derivative of the trade would be biased."""
        return trade.jumps and self.width == 0.0
