"""Nested Monte Carlo in a surrogate's place: what prices a trade whose surrogate no certificate could be had for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.blocks.packing import pack, unpack
from xva.blocks.plan import Arrays
from xva.exposure.parts.conditional_stored import Priced, Stored, StoredPricer
from xva.models import PathModel
from xva.models.path_model import Walk
from xva.numerics.types import Dates
from xva.pricing.exercise import ExercisePolicy
from xva.pricing.exercise.features import exercise_features
from xva.pricing.exercise.policy import first_decisions
from xva.pricing.nested import InnerPaths, NestedBook, nested_values
from xva.trades import Paths, PathTrade, TradeContext


@final
@dataclass(frozen=True)
class Waiting:
    """A policy from the day after ``day`` on, nothing having been exercised by then: what is learned is under it."""

    policy: ExercisePolicy
    day: np.datetime64

    def exercised(self, trade: PathTrade, paths: Paths, level: float = 0.0) -> Tensor:
        """As `ExercisePolicy.exercised`."""
        _, known = exercise_features(trade, paths, self.policy.names)
        later = torch.from_numpy((self.policy.dates > self.day).astype(np.float64))[:, None]
        return first_decisions(self.policy.decisions(known, level) * later)


def alive_book(
    model: PathModel,
    trade: PathTrade,
    context: TradeContext,
    day: np.datetime64,
    policy: ExercisePolicy | None,
    width: float = 0.0,
) -> NestedBook:
    """What nested values of a trade not exercised by ``day`` are values of."""
    policies = {} if policy is None else {trade.trade_id: Waiting(policy, day)}
    return NestedBook(model, (trade,), context, policies, width)


@final
@dataclass(frozen=True)
class NestedPricer(StoredPricer):
    """Values by fresh paths from every state: right, and slow.

    Parameters
    ----------
    model : PathModel
    trade : PathTrade
    context : TradeContext
    inner : InnerPaths
        Per state; its standard error stands in for a surrogate's error.
    policy : ExercisePolicy, optional
    """

    kind: ClassVar[str] = "nested"

    model: PathModel
    trade: PathTrade
    context: TradeContext
    inner: InnerPaths
    policy: ExercisePolicy | None = None

    def payload(self) -> tuple[Arrays, dict[str, Any]]:
        """Of the numbers of inner paths; all else is what it prices."""
        return {}, pack(self.inner)[1]

    @classmethod
    def from_payload(cls, arrays: Stored, meta: Mapping[str, Any], priced: Priced) -> NestedPricer:
        model = priced.market
        return cls(model, priced.trade, priced.context, unpack(InnerPaths, {}, meta), priced.policy)

    @property
    def names(self) -> tuple[str, ...]:
        return self.model.states

    def values(self, days: Dates, features: Tensor) -> tuple[Tensor, Tensor]:
        """As `ConditionalPricer.values`; ``days`` are to hold all that the trade looks at, as exposure grids do.

        What a trade remembers it finds in the states of earlier dates.

        Raises
        ------
        DomainError
            A date that the trade looks at is missing.
        """
        times = self.context.times(days)
        states = tuple(features.detach())
        rows = []
        for k, day in enumerate(days):
            book = alive_book(self.model, self.trade, self.context, day, self.policy)
            outer = Walk(times[: k + 1], states[: k + 1], states[: k + 1])
            rows.append(nested_values(book, _from_today(outer, self.model), day, self.inner).to_come)
        return torch.stack(rows), torch.zeros(len(days), features.shape[-1], dtype=torch.bool)


def _from_today(outer: Walk, model: PathModel) -> Walk:
    """With the valuation date in front where the grid starts later."""
    if outer.times[0] == 0.0:
        return outer
    today = model.initial().detach()[:, None].expand_as(outer.states[0])
    states = (today, *outer.states)
    return Walk(np.append(0.0, outer.times), states, states)
