"""Least-squares Monte Carlo: the policy is regressed on paths of its own, from the last exercise date to the first.

What exercising on a date gains over waiting, path by path, is regressed on features known then; waiting is worth what the
decisions of later dates make of it (Longstaff & Schwartz 2001, with the gap itself regressed, its later decisions soft and
every path used, weighted towards those where exercising pays).

Where the right to exercise on one later date alone has a closed form, what its hedge gains is taken off the path's own value:
its mean is 0, and it is most of the noise. A gap then has to exceed what noise is left (a Bermudan put: 12.095 instead of
12.085, exact 12.101). Without such a hedge the noise is so large that waiting for it would cost more than it saves.

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
from xva.pricing.exercise.features import EXERCISE_VALUE, RANK, WAITING_VALUE, independent
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.regression import Regression
from xva.pricing.exercise.simulation import ExercisePaths, ExerciseView

Tensors = tuple[Tensor, ...]
Floats = NDArray[np.float64]
BlockFunction = Callable[[int], Tensors]
MapBlocks = Callable[[BlockFunction, Sequence[int]], Iterable[Tensors]]
_NO_TRANSFORM: Floats = np.empty((0, 0, 0))
_UNSAID = 1e-3  # share of variance
_PATHS_PER_TERM = 512


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
        features, change, hedge = (torch.cat(parts, dim=-1) for parts in zip(*blocks))
        policy, features = _blank(source, names, features, how)
        later = torch.zeros_like(change[0])
        for e in range(len(policy.dates) - 1, -1, -1):
            target = change[e] - later
            policy.transform[e] = orthonormal(regression_sums(policy, e, features[e], target)).numpy()
            sums = regression_sums(policy, e, features[e], target)
            coefficients = policy.coefficients.clone()
            coefficients[e] = solve_moments(sums, how.ridge)
            policy = _with_width(replace(policy, coefficients=coefficients), e, features[e])
            if len(policy.margin) and e < len(policy.dates) - 1:
                policy.margin[e] = _noise(policy, e, features[e], target)
            taken = policy.decision(e, features[e], 1.0)
            later = _before(hedge, e, taken * change[e] + (1.0 - taken) * later)
    return policy


def _features_and_change(source: ExercisePaths, model: PathModel, block: int) -> Tensors:
    with torch.no_grad():
        view = source.view(model, block)
    return view.features, view.change, view.hedge


def waiting(policy: ExercisePolicy, view: ExerciseView, number: int) -> Tensor:
    """What the decisions on the dates after ``number`` add to never exercising, ``(path,)``, decisions soft."""
    later = torch.zeros_like(view.kept)
    for e in range(len(policy.dates) - 1, number, -1):
        taken = policy.decision(e, view.features[e], 1.0)
        later = waited(view, e, taken * view.change[e] + (1.0 - taken) * later)
    return later


def waited(view: ExerciseView, number: int, worth: Tensor) -> Tensor:
    """What waiting on the date before ``number`` is worth, from what the decisions from that date on make ``(path,)``: less
    what the hedge gained in between, which has mean 0 and most of the noise."""
    return _before(view.hedge, number, worth)


def _before(hedge: Tensor, number: int, worth: Tensor) -> Tensor:
    return worth - hedge[number - 1] if number else worth


def regression_sums(policy: ExercisePolicy, number: int, features: Tensor, target: Tensor) -> Tensor:
    """Sums ``(basis, basis + 1)`` of one date's regression from ``(feature, path)`` and ``(path,)``."""
    return moments(policy.basis(number, features), target, policy.weight(number, features))


def _blank(
    source: ExercisePaths, names: tuple[str, ...], features: Tensor, how: Regression
) -> tuple[ExercisePolicy, Tensor]:
    """A policy without coefficients on features that say something, and those features."""
    own = [k for k, name in enumerate(names) if name in (WAITING_VALUE, EXERCISE_VALUE)]
    market = [k for k in range(len(names)) if k not in own]
    kept = [market[k] for k in independent(features[:, market])] + own
    chosen = features[:, kept]
    exponents = _exponents([names[k] for k in kept], how, features.shape[-1])
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
        margin=np.zeros(n_dates if WAITING_VALUE in names else 0),
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


def _exponents(names: list[str], how: Regression, paths: int) -> NDArray[np.int64]:
    """Degrees ``(basis, feature)``: polynomials of the prices as they are named, and others of their order.

    As many as the settings or the paths allow for; the floor of decisions is no regressor.
    """
    ranks = np.array([name.startswith(RANK) for name in names])
    plain = ~ranks & np.array([name != WAITING_VALUE for name in names])
    terms = max(how.terms, paths // _PATHS_PER_TERM) // (1 + bool(ranks.any()))
    parts: list[NDArray[np.int64]] = []
    for chosen in (plain, ranks):
        count = int(chosen.sum())
        rows = total_degree(count, fitting_degree(count, how.degree, terms))
        found = np.zeros((len(rows), len(names)), dtype=np.int64)
        found[:, chosen] = rows
        parts.append(found if not parts else found[1:])  # one constant
    return np.concatenate(parts)


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


def _noise(policy: ExercisePolicy, number: int, features: Tensor, target: Tensor) -> float:
    """Standard error of one date's regressed gap, root mean square over the paths it was regressed on."""
    weight = policy.weight(number, features)
    share = torch.ones_like(target) if weight is None else weight
    total = float(share.sum())
    if total == 0.0:
        return 0.0
    square = float(share @ (target - policy.gap(number, features)).square()) / total
    rank = int((np.diagonal(policy.transform[number]) != 0.0).sum())
    return float(np.sqrt(square * rank * float(share.square().sum()))) / total


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
