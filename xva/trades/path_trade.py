"""Trades that need paths: they say what they look at and when, what they pay, and what they remember.

Everything else (simulation, exercise, labels, surrogate, certificate, exposure) follows from these methods: a product
of one's own needs nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.numerics.types import Dates
from xva.trades.claims import Claim
from xva.trades.context import TradeContext
from xva.trades.paths import Flow, Paths
from xva.trades.trade import Trade
from xva.trades.waiting import Waiting


@dataclass(frozen=True)
class PathTrade(Trade):
    """Terms of a path-dependent or callable trade, seen from our side."""

    jumps: ClassVar[bool] = False
    """Whether cash flows jump when a path crosses a level: all such decisions go through `Paths.step`."""

    @property
    def equities(self) -> tuple[tuple[str, str], ...]:
        """``(name, currency)`` of the equities it looks at."""
        return ()

    @property
    def indices(self) -> tuple[str, ...]:
        """Rate indices it looks at."""
        return ()

    @abstractmethod
    def observation_dates(self, context: TradeContext) -> Dates:
        """Sorted dates after ``as_of`` on which `cashflows`, `state` or `settled` look at the paths."""

    def exercise_dates(self, context: TradeContext) -> Dates:
        """Sorted dates after ``as_of`` on which somebody decides; they are observation dates too."""
        return np.array([], dtype="datetime64[D]")

    @property
    def holder(self) -> int:
        """+1 where we decide, -1 where the counterparty does."""
        return 1

    @abstractmethod
    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        """Flows to come (paid after ``as_of``), positive when we receive.

        Parameters
        ----------
        exercised : Tensor
            ``(exercise date, path)`` share of the trade exercised *on* each date, in [0, 1], summing to at most 1; flows are
            linear in it. What exercising brings is a flow observed on the exercise date, also where it is a position
            that lives on (worth `settled` that day).
        """

    def state(self, paths: Paths) -> dict[str, Tensor]:
        """What the trade remembers on the report dates beyond the market's state, ``(time, path)`` by name.

        Observations up to and including the date: a running average, an alive flag, missed coupons. Values of the trade
        have to be a function of the market's state, these, and flows already known.
        """
        return {}

    def settled(self, paths: Paths) -> Tensor | None:
        """``(time, path)`` deflated value on the report dates of what a fully exercised trade has turned into.

        None where nothing is left after exercise (cash settlement).
        """
        return None

    def exercise_value(self, paths: Paths) -> Tensor | None:
        """``(exercise date, path)`` deflated value of what exercising brings, known on the date; None if it is not.

        A regressor of the exercise decision, seen by whoever decides (`holder`) as a gain where positive.
        """
        return None

    def waiting(self, paths: Paths) -> Waiting | None:
        """What whoever decides can have by exercising on one later date alone; None where that has no closed form.

        No decision is taken for less.
        """
        return None

    @final
    def none_exercised(self, context: TradeContext, n_paths: int) -> Tensor:
        """``(exercise date, path)`` of zeros."""
        return torch.zeros(len(self.exercise_dates(context)), n_paths, dtype=torch.float64)

    @final
    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        return ()


def living(trades: Iterable[Trade], as_of: np.datetime64) -> list[PathTrade]:
    """The path-dependent ones that have not matured by ``as_of``, in the order given."""
    return [t for t in trades if isinstance(t, PathTrade) and not t.matured(as_of)]
