"""Least-squares Monte Carlo: the policy is regressed on paths of its own, from the last exercise date to the first.

What exercising on a date gains over waiting, path by path, is regressed on features known then; waiting is worth what the
decisions of later dates make of it (Longstaff & Schwartz 2001, with the gap itself regressed, its later decisions soft and
every path used, weighted towards those where exercising pays).

What exercising brings is a regressor only as far as polynomials of the market do not say it already (the better of two assets,
say). With two ways to say the same, a stored policy would go astray in a shocked market, where they part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.path_model import PathModel
from xva.numerics import tree
from xva.numerics.least_squares import moments, orthonormal, solve_moments
from xva.pricing.exercise.basis import fitting_degree, total_degree
from xva.pricing.exercise.features import EXERCISE_VALUE, independent
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.regression import Regression
from xva.pricing.exercise.simulation import ExercisePaths, ExerciseView

Tensors = tuple[Tensor, ...]
Floats = NDArray[np.float64]
BlockFunction = Callable[[int], Tensors]
MapBlocks = Callable[[BlockFunction, Sequence[int]], Iterable[Tensors]]
_NO_TRANSFORM: Floats = np.empty((0, 0, 0))
_UNSAID = 1e-3  # share of variance


def serial(function: BlockFunction, blocks: Sequence[int]) -> Iterator[Tensors]:
    """One block after the other, here."""
    return map(function, blocks)


def train_policy(
    source: ExercisePaths,
    model: PathModel,
    regression: Regression | None = None,
    map_blocks: MapBlocks = serial,
) -> ExercisePolicy:
    """Train on all blocks at once, without a graph; fix standardisation and widths of the base run.

    Parameters
    ----------
    map_blocks : callable
        Calls a picklable function of the block's number, here or elsewhere, and yields its tensors in the blocks' order.
    """
    how = Regression() if regression is None else regression
    with torch.no_grad():
        names = source.view(model, 0).names
        plain = tree.map_tensors(model, lambda t: t.detach())
        blocks = map_blocks(partial(_features_and_change, source, plain), range(source.n_blocks))
        features, change = (torch.cat(parts, dim=-1) for parts in zip(*blocks))
        policy, features = _blank(source, names, features, how)
        later = torch.zeros_like(change[0])
        for e in range(len(policy.dates) - 1, -1, -1):
            target = change[e] - later
            policy.transform[e] = orthonormal(regression_sums(policy, e, features[e], target)).numpy()
            sums = regression_sums(policy, e, features[e], target)
            coefficients = policy.coefficients.clone()
            coefficients[e] = solve_moments(sums, how.ridge)
            policy = _with_width(replace(policy, coefficients=coefficients), e, features[e])
            taken = policy.decision(e, features[e], 1.0)
            later = taken * change[e] + (1.0 - taken) * later
    return policy


def _features_and_change(source: ExercisePaths, model: PathModel, block: int) -> Tensors:
    with torch.no_grad():
        view = source.view(model, block)
    return view.features, view.change


def waiting(policy: ExercisePolicy, view: ExerciseView, number: int) -> Tensor:
    """What the decisions on the dates after ``number`` add to never exercising, ``(path,)``, decisions soft."""
    later = torch.zeros_like(view.kept)
    for e in range(len(policy.dates) - 1, number, -1):
        taken = policy.decision(e, view.features[e], 1.0)
        later = taken * view.change[e] + (1.0 - taken) * later
    return later


def regression_sums(policy: ExercisePolicy, number: int, features: Tensor, target: Tensor) -> Tensor:
    """Sums ``(basis, basis + 1)`` of one date's regression from ``(feature, path)`` and ``(path,)``."""
    return moments(policy.basis(number, features), target, policy.weight(number, features))


def _blank(
    source: ExercisePaths, names: tuple[str, ...], features: Tensor, how: Regression
) -> tuple[ExercisePolicy, Tensor]:
    """A policy without coefficients on features that say something, and those features."""
    kept = independent(features)
    if EXERCISE_VALUE in names and names.index(EXERCISE_VALUE) not in kept:
        kept.append(names.index(EXERCISE_VALUE))
    chosen = features[:, kept]
    exponents = total_degree(len(kept), fitting_degree(len(kept), how.degree, how.terms))
    n_dates, n_features, _ = chosen.shape
    gains = chosen[:, -1] if EXERCISE_VALUE in names else torch.zeros_like(chosen[:, 0])
    spread = gains.std(-1, correction=0).numpy()
    policy = ExercisePolicy(
        source.trade.exercise_dates(source.context),
        source.trade.holder,
        tuple(names[k] for k in kept),
        np.zeros((n_dates, n_features)),
        np.ones((n_dates, n_features)),
        exponents,
        torch.zeros(n_dates, len(exponents), dtype=torch.float64),
        np.ones(n_dates),
        how,
        reach=np.where(spread > 0.0, how.focus * spread, np.inf),
        transform=np.tile(np.eye(len(exponents)), (n_dates, 1, 1)),
    )
    for e, rows in enumerate(chosen):
        policy.mean[e], policy.deviation[e] = _standardisation(rows, policy.weight(e, rows))
    if EXERCISE_VALUE in names and n_features > 1 and _is_said(policy, chosen):
        few = exponents[exponents[:, -1] == 0]
        none, plain = (
            torch.zeros(n_dates, len(few), dtype=torch.float64),
            np.tile(np.eye(len(few)), (n_dates, 1, 1)),
        )
        policy = replace(policy, exponents=few, coefficients=none, transform=plain)
    return policy, chosen


def _is_said(policy: ExercisePolicy, features: Tensor) -> bool:
    """Whether polynomials of the other features leave nearly nothing of the exercise value unexplained on any date."""
    others = replace(
        policy, exponents=policy.exponents[policy.exponents[:, -1] == 0], transform=_NO_TRANSFORM
    )
    for e, rows in enumerate(features):
        value = (rows[-1] - float(policy.mean[e, -1])) / float(policy.deviation[e, -1])
        weight = policy.weight(e, rows)
        share = torch.ones_like(value) if weight is None else weight
        rest = value - solve_moments(regression_sums(others, e, rows, value)) @ others.basis(e, rows)
        if float(share @ rest.square()) > _UNSAID * float(share @ value.square()):
            return False
    return True


def _standardisation(features: Tensor, weight: Tensor | None) -> tuple[Floats, Floats]:
    """Mean and standard deviation ``(feature,)`` where the regression looks; deviation 1 for what does not vary."""
    share = torch.ones_like(features[0]) if weight is None or not bool(weight.any()) else weight
    share = share / share.sum()
    mean = features @ share
    deviation = torch.sqrt((features - mean[:, None]).square() @ share)
    still = deviation <= 1e-10 * features.abs().amax(-1)
    return mean.numpy(), torch.where(still, torch.ones_like(deviation), deviation).numpy()


def _with_width(policy: ExercisePolicy, number: int, features: Tensor) -> ExercisePolicy:
    """Width of one date's decision from the spread of its gap, weighted as the regression was."""
    gap = policy.gap(number, features)
    weight = policy.weight(number, features)
    share = torch.ones_like(gap) if weight is None else weight
    share = share / share.sum().clamp(min=1e-300)
    mean = (share * gap).sum()
    width = policy.regression.softness * float(torch.sqrt((share * (gap - mean) ** 2).sum()))
    widths = policy.widths.copy()
    widths[number] = width if width > 0.0 else 1.0
    return replace(policy, widths=widths)
