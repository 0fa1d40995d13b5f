"""Least-squares Monte Carlo: the policy is regressed on paths of its own, from the last exercise date to the first.

What exercising on a date gains over waiting, path by path, is regressed on features known then; waiting is worth what the
decisions of later dates make of it (Longstaff & Schwartz 2001, with the gap itself regressed, its later decisions soft and
every path used, weighted towards those where exercising pays).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models.path_model import PathModel
from xva.numerics.least_squares import RIDGE, moments, solve_moments
from xva.pricing.exercise.basis import total_degree
from xva.pricing.exercise.features import EXERCISE_VALUE, independent
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.simulation import ExercisePaths, ExerciseView

MapViews = Callable[[Callable[[int], ExerciseView], Sequence[int]], Iterable[ExerciseView]]


@final
@dataclass(frozen=True)
class Regression:
    """How a policy is fitted.

    Parameters
    ----------
    degree : int
        Total degree of the polynomials in the features.
    softness : float
        Width of decisions as a share of the gap's standard deviation.
    focus : float
        Paths count in the regression as far as exercising pays, fully from about this many standard deviations of the
        exercise value on (`ExercisePolicy.weight`); ``inf`` weights all alike.
    ridge : float
        Relative, see `solve_moments`.
    """

    degree: int = 4
    softness: float = 0.03
    focus: float = 0.25
    ridge: float = RIDGE

    def __post_init__(self) -> None:
        if self.degree < 1 or not (self.softness > 0.0 and self.focus > 0.0 and self.ridge >= 0.0):
            raise DomainError(
                f"regression: expected degree >= 1, softness and focus > 0 and ridge >= 0, got {self}"
            )


def train_policy(
    source: ExercisePaths,
    model: PathModel,
    regression: Regression | None = None,
    map_views: MapViews = map,
) -> ExercisePolicy:
    """Train on all blocks at once, without a graph; fix standardisation and widths of the base run.

    Parameters
    ----------
    map_views : callable
        Makes the views of the blocks, here or elsewhere, in their order.
    """
    how = Regression() if regression is None else regression
    with torch.no_grad():
        views = list(map_views(partial(_plain_view, source, model), range(source.n_blocks)))
        features = torch.cat([v.features for v in views], dim=-1)
        change = torch.cat([v.change for v in views], dim=-1)
        policy, features = _blank(source, views[0].names, features, how)
        later = torch.zeros_like(change[0])
        for e in range(len(policy.dates) - 1, -1, -1):
            sums = regression_sums(policy, e, features[e], change[e] - later, how.focus)
            coefficients = policy.coefficients.clone()
            coefficients[e] = solve_moments(sums, how.ridge)
            policy = _with_width(replace(policy, coefficients=coefficients), e, features[e], how)
            taken = policy.decision(e, features[e], 1.0)
            later = taken * change[e] + (1.0 - taken) * later
    return policy


def _plain_view(source: ExercisePaths, model: PathModel, block: int) -> ExerciseView:
    with torch.no_grad():
        return source.view(model, block)


def waiting(policy: ExercisePolicy, view: ExerciseView, number: int) -> Tensor:
    """What the decisions on the dates after ``number`` add to never exercising, ``(path,)``, decisions soft."""
    later = torch.zeros_like(view.kept)
    for e in range(len(policy.dates) - 1, number, -1):
        taken = policy.decision(e, view.features[e], 1.0)
        later = taken * view.change[e] + (1.0 - taken) * later
    return later


def regression_sums(
    policy: ExercisePolicy, number: int, features: Tensor, target: Tensor, focus: float
) -> Tensor:
    """Sums ``(basis, basis + 1)`` of one date's regression from ``(feature, path)`` and ``(path,)``."""
    return moments(policy.basis(number, features), target, policy.weight(number, features, focus))


def _blank(
    source: ExercisePaths, names: tuple[str, ...], features: Tensor, how: Regression
) -> tuple[ExercisePolicy, Tensor]:
    """A policy without coefficients on features that say something, and those features."""
    kept = independent(features)
    if EXERCISE_VALUE in names and names.index(EXERCISE_VALUE) not in kept:
        kept.append(names.index(EXERCISE_VALUE))
    chosen = features[:, kept]
    mean, deviation = chosen.mean(-1), chosen.std(-1, correction=0)
    still = deviation <= 1e-10 * chosen.abs().amax(-1)
    deviation = torch.where(still, torch.ones_like(deviation), deviation)
    exponents = total_degree(len(kept), how.degree)
    n_dates = features.shape[0]
    policy = ExercisePolicy(
        source.trade.exercise_dates(source.context),
        source.trade.holder,
        tuple(names[k] for k in kept),
        mean.numpy(),
        deviation.numpy(),
        exponents,
        torch.zeros(n_dates, len(exponents), dtype=torch.float64),
        np.ones(n_dates),
    )
    return policy, chosen


def _with_width(policy: ExercisePolicy, number: int, features: Tensor, how: Regression) -> ExercisePolicy:
    """Width of one date's decision from the spread of its gap, weighted as the regression was."""
    gap = policy.coefficients[number] @ policy.basis(number, features)
    weight = policy.weight(number, features, how.focus)
    share = torch.ones_like(gap) if weight is None else weight
    share = share / share.sum().clamp(min=1e-300)
    mean = (share * gap).sum()
    width = how.softness * float(torch.sqrt((share * (gap - mean) ** 2).sum()))
    widths = policy.widths.copy()
    widths[number] = width if width > 0.0 else 1.0
    return replace(policy, widths=widths)
