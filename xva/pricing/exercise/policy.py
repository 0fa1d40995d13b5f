"""When a trade is exercised: where the gain from exercising now, regressed on what is known, is positive.

Never for less than nothing, and never for less than what waiting is worth at least (`xva.trades.waiting`), whatever the
regression says: a call that pays no dividend, or a put while rates are negative, is not given away to its noise.

Decisions are sharp or soft: a sigmoid of the gap over a width that the base run has fixed, a few per cent of the gap's
standard deviation, so that a derivative sees the boundary move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import TradeError
from xva.numerics.types import Floats
from xva.pricing.exercise.basis import evaluate
from xva.pricing.exercise.features import EXERCISE_VALUE, WAITING_VALUE, exercise_features
from xva.pricing.exercise.regression import Regression
from xva.trades import Paths, PathTrade


@final
@dataclass(frozen=True)
class ExercisePolicy:
    """Regressed gain of exercising over waiting on every date; only ``coefficients`` depend on the market.

    Parameters
    ----------
    dates : ndarray
        ``(exercise,)`` datetime64[D].
    holder : int
        +1 where we decide, -1 where the counterparty does.
    names : tuple of str
        Features, as `exercise_features` names them.
    mean, deviation : ndarray
        ``(exercise, feature)`` by which features are standardised, constants of the base run.
    exponents : ndarray
        ``(basis, feature)`` degrees of the basis functions.
    coefficients : Tensor
        ``(exercise, basis)``, of the gap in deflated reporting currency from our side.
    widths : ndarray
        ``(exercise,)`` > 0, softness of the decision in units of the gap, constants of the base run.
    regression : Regression
        How it was fitted.
    reach : ndarray, optional
        ``(exercise,)`` gain from which on a path counts fully in the regression, a constant of the base run; empty or
        infinite where all count alike.
    transform : ndarray, optional
        ``(exercise, basis, basis)`` that makes the basis functions orthonormal on the base run's paths; empty for none.
    deltas : ndarray, optional
        ``(exercise, equity, function)`` of a fitted hedge until the next date (`hedging`), constants of the base run; empty
        for none.
    margin : ndarray, optional
        ``(exercise,)`` >= 0 that the gap has to exceed: its regression's noise, a constant of the base run; empty for none.
    """

    dates: NDArray[np.datetime64]
    holder: int
    names: tuple[str, ...]
    mean: Floats
    deviation: Floats
    exponents: NDArray[np.int64]
    coefficients: Tensor
    widths: Floats
    regression: Regression
    reach: Floats = field(default_factory=lambda: np.empty(0))
    transform: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))
    margin: Floats = field(default_factory=lambda: np.empty(0))
    deltas: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))

    def with_date(self, number: int, **rows: Any) -> ExercisePolicy:
        """The same policy with one date's rows of some fields in place, ``with_date(3, margin=0.1)``; arrays are copied."""
        changed: dict[str, Any] = {}
        for name, row in rows.items():
            field_of = getattr(self, name)
            changed[name] = field_of.clone() if isinstance(field_of, Tensor) else field_of.copy()
            changed[name][number] = row
        return replace(self, **changed)

    def exercised(self, trade: PathTrade, paths: Paths, level: float = 0.0) -> Tensor:
        """Share ``(exercise, path)`` exercised on each date, as `PathTrade.cashflows` takes it.

        Parameters
        ----------
        level : float
            Softness in units of ``widths``; 0 decides sharply.

        Raises
        ------
        TradeError
            The trade's exercise dates or features are not those of the policy.
        """
        days = trade.exercise_dates(paths.context)
        if not np.array_equal(days, self.dates):
            raise TradeError(
                f"trade {trade.trade_id}: an exercise policy of {len(self.dates)} dates does not fit the trade's "
                f"{len(days)}; train it on this trade and valuation date",
                [trade.trade_id],
            )
        _, features = exercise_features(trade, paths, self.names)
        return first_decisions(self.decisions(features, level))

    def decisions(self, features: Tensor, level: float) -> Tensor:
        """Whether to exercise ``(exercise, path)`` a trade still alive, from ``(exercise, feature, path)``."""
        rows = [self.decision(e, features[e], level) for e in range(len(self.dates))]
        return torch.stack(rows) if rows else features.new_zeros(0, features.shape[-1])

    def decision(self, number: int, features: Tensor, level: float) -> Tensor:
        """As `decisions` on one date, ``(path,)`` from ``(feature, path)``."""
        return self.taken(number, self.gap(number, features), features, level)

    def gap(self, number: int, features: Tensor) -> Tensor:
        """Regressed gain ``(path,)`` of exercising over waiting, from our side."""
        return self.coefficients[number] @ self.basis(number, features)

    def taken(self, number: int, gap: Tensor, features: Tensor, level: float) -> Tensor:
        """The decision ``(path,)`` that belongs to a gap, which is at most what exercising brings above the floor."""
        gain, wish = self._gain(features), self.holder * gap
        if len(self.margin):
            wish = wish - float(self.margin[number])
        if WAITING_VALUE in self.names and EXERCISE_VALUE in self.names:
            value, floor = (features[self.names.index(n)] for n in (EXERCISE_VALUE, WAITING_VALUE))
            wish = torch.minimum(wish, value - floor)
        if level == 0.0:
            return ((wish > 0.0) if gain is None else (wish > 0.0) & (gain > 0.0)).to(gap)
        width = level * float(self.widths[number])
        chosen = torch.sigmoid(wish / width)
        return chosen if gain is None else chosen * torch.tanh(gain / width)

    def weight(self, number: int, features: Tensor) -> Tensor | None:
        """Of paths in the regression on one date: 0 where exercising brings a loss, towards 1 where it pays.

        ``tanh`` of the gain over `reach`; None where all count alike.
        """
        gain = self._gain(features)
        if gain is None or not len(self.reach) or np.isinf(self.reach[number]):
            return None
        return torch.tanh(gain / float(self.reach[number]))

    def _gain(self, features: Tensor) -> Tensor | None:
        """What exercising brings the holder, 0 where it is a loss: never exercised there, whatever the regression says."""
        if EXERCISE_VALUE not in self.names:
            return None
        return torch.relu(features[self.names.index(EXERCISE_VALUE)])

    def basis(self, number: int, features: Tensor) -> Tensor:
        """Basis functions ``(basis, path)`` on one date."""
        mean, deviation = (torch.from_numpy(x[number][:, None]) for x in (self.mean, self.deviation))
        every = evaluate(self.exponents, (features - mean) / deviation)
        return torch.from_numpy(self.transform[number]) @ every if len(self.transform) else every


def first_decisions(decisions: Tensor) -> Tensor:
    """Share exercised on each date ``(exercise, path)``, from what would be decided if still alive."""
    waited = torch.cumprod(1.0 - decisions, 0)
    alive = torch.cat([torch.ones_like(decisions[:1]), waited[:-1]])
    return decisions * alive
