"""Which labels a trade gets if nobody says."""

from __future__ import annotations

import numpy as np

from surrogates.labels.gaussian_step import log_step
from surrogates.labels.one_step_survival import OneStepSurvival, crossing_of
from surrogates.labels.strategy import LabelStrategy, Pathwise
from xva.errors import DomainError
from xva.models.path_model import PathModel
from xva.trades.barrier_option import BarrierOption
from xva.trades.path_trade import PathTrade


def default_strategy(trade: PathTrade, model: PathModel, width: float = 0.02) -> LabelStrategy:
    """In this order: pathwise where nothing jumps, a conditional expectation where there is one, else smoothed.

    `OneStepSurvival` labels states at which the barrier is untouched; see `crossed_labels` for the others. Smoothed gradients
    are biased: have the guard look at them, with `LikelihoodRatio` to fall back on.

    Parameters
    ----------
    width : float
        Of the smoothing, in the log price.
    """
    if not trade.jumps:
        return Pathwise()
    if isinstance(trade, BarrierOption):
        crossing = crossing_of(trade)
        if steps_are_gaussian(model, crossing.name):
            return OneStepSurvival(crossing)
    return Pathwise(width)


def steps_are_gaussian(model: PathModel, name: str) -> bool:
    """Whether an asset's log price is Gaussian given the model's state one step before."""
    knots = np.array([0.0, 0.25])
    try:
        log_step(model, model.transition(knots), 0, knots, model.initial().detach()[:, None], name)
    except DomainError:
        return False
    return True
