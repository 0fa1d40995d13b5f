"""Least-squares Monte Carlo: the policy is regressed on paths of its own, from the last exercise date to the first.

What exercising on a date gains over waiting, path by path, is regressed on features known then; waiting is worth what the
decisions of later dates make of it (Longstaff & Schwartz 2001, with the gap itself regressed, its later decisions soft and
every path used, weighted towards those where exercising pays).

Where the right to exercise on one later date alone has a closed form, what its hedge gains is taken off the path's own value:
its mean is 0, and it is most of the noise. A gap then has to exceed some of what noise is left. Elsewhere a hedge with the
trade's equities is fitted (`hedging`): a Bermudan call on the best of five is worth 26.16 instead of 26.03, by dual bounds
between 26.115 and 26.165.

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

from xva.models import PathModel
from xva.numerics import tree
from xva.numerics.least_squares import moments, orthonormal, solve_moments
from xva.numerics.types import Floats
from xva.pricing.exercise.basis import fitting_degree, total_degree
from xva.pricing.exercise.features import EXERCISE_VALUE, RANK, WAITING_VALUE, independent
from xva.pricing.exercise.hedging import fit_hedge, hedge_functions, hedge_gain
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.regression import Regression
from xva.pricing.exercise.simulation import ExercisePaths, ExerciseView

Tensors = tuple[Tensor, ...]
BlockFunction = Callable[[int], Tensors]
MapBlocks = Callable[[BlockFunction, Sequence[int]], Iterable[Tensors]]
_NO_TRANSFORM: Floats = np.empty((0, 0, 0))
LATER = 0.2
"""Softness of later decisions in what waiting is worth, in units of a policy's widths: soft ones bring less, so a trade would
be exercised too early (a call at -1 %, CVA 183.1: 179.8 at 1, 182.5 here); a sharp one could not be differentiated."""
_MARGIN = 0.25  # in standard errors of the gap: without one exercise is too early (noise has a chance on every date)
_SINGLE = 8  # degree of a feature alone, where there are so few that mixed ones reach the full degree
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
        features, change, hedge, gains = (torch.cat(parts, dim=-1) for parts in zip(*blocks))
        policy, features = _blank(source, names, features, how, gains.shape[1])
        later = torch.zeros_like(change[0])
        for e in range(len(policy.dates) - 1, -1, -1):
            target = change[e] - later
            raw = regression_sums(policy, e, features[e], target)
            policy = policy.with_date(e, transform=orthonormal(raw).numpy())
            sums = regression_sums(policy, e, features[e], target)
            policy = policy.with_date(e, coefficients=solve_moments(sums, how.ridge))
            policy = policy.with_date(e, widths=_width(policy, e, features[e]))
            if len(policy.margin) and e < len(policy.dates) - 1:
                policy = policy.with_date(e, margin=_MARGIN * _noise(policy, e, features[e], target))
            taken = policy.decision(e, features[e], LATER)
            later = taken * change[e] + (1.0 - taken) * later
            if e:
                if gains.shape[1]:
                    fitted = fit_hedge(policy, e - 1, features[e - 1], gains[e - 1], later)
                    policy = policy.with_date(e - 1, deltas=fitted)
                later = later - _hedged(policy, e - 1, hedge, features, gains)
    return policy


def _features_and_change(source: ExercisePaths, model: PathModel, block: int) -> Tensors:
    with torch.no_grad():
        view = source.view(model, block, regressed=True)
    return view.features, view.change, view.hedge, view.gains


def waiting(policy: ExercisePolicy, view: ExerciseView, number: int) -> Tensor:
    """What the decisions on the dates after ``number`` add to never exercising, ``(path,)``, decisions soft."""
    later = torch.zeros_like(view.kept)
    for e in range(len(policy.dates) - 1, number, -1):
        taken = policy.decision(e, view.features[e], LATER)
        later = waited(policy, view, e, taken * view.change[e] + (1.0 - taken) * later)
    return later


def waited(policy: ExercisePolicy, view: ExerciseView, number: int, worth: Tensor) -> Tensor:
    """What waiting on the date before ``number`` is worth, from what the decisions from that date on make ``(path,)``: less
    what the hedge gained in between, which has mean 0 and most of the noise."""
    return worth - _hedged(policy, number - 1, view.hedge, view.features, view.gains) if number else worth


def _hedged(policy: ExercisePolicy, number: int, hedge: Tensor, features: Tensor, gains: Tensor) -> Tensor:
    if not len(policy.deltas):
        return hedge[number]
    return hedge[number] + hedge_gain(policy, number, features[number], gains[number])


def regression_sums(policy: ExercisePolicy, number: int, features: Tensor, target: Tensor) -> Tensor:
    """Sums ``(basis, basis + 1)`` of one date's regression from ``(feature, path)`` and ``(path,)``."""
    return moments(policy.basis(number, features), target, policy.weight(number, features))


def _blank(
    source: ExercisePaths, names: tuple[str, ...], features: Tensor, how: Regression, equities: int
) -> tuple[ExercisePolicy, Tensor]:
    """A policy without coefficients on features that say something, and those features."""
    own = [k for k, name in enumerate(names) if name in (WAITING_VALUE, EXERCISE_VALUE)]
    market = [k for k in range(len(names)) if k not in own]
    kept = [market[k] for k in independent(features[:, market])] + own
    chosen = features[:, kept]
    exponents = _exponents([names[k] for k in kept], how, features.shape[-1])
    n_dates, n_features, _ = chosen.shape
    functions = len(hedge_functions([names[k] for k in kept]))
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
        deltas=np.zeros((n_dates if equities else 0, equities, functions)),
    )
    for e, rows in enumerate(chosen):
        mean, deviation = _standardisation(rows, policy.weight(e, rows))
        policy = policy.with_date(e, mean=mean, deviation=deviation)
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
    terms = max(how.terms, paths // _PATHS_PER_TERM)
    parts: list[NDArray[np.int64]] = []
    for chosen, most in ((plain, terms // (1 + bool(ranks.any()))), (ranks, terms)):
        count = int(chosen.sum())
        degree = fitting_degree(count, how.degree, most - sum(map(len, parts)))
        rows = total_degree(count, degree)
        if chosen is plain and degree == how.degree:
            alone = np.eye(count, dtype=np.int64)
            rows = np.concatenate([rows, *(k * alone for k in range(degree + 1, _SINGLE + 1))])
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


def _width(policy: ExercisePolicy, number: int, features: Tensor) -> float:
    """Width of one date's decision from the spread of its gap, weighted as the regression was."""
    gap = policy.gap(number, features)
    weight = policy.weight(number, features)
    share = torch.ones_like(gap) if weight is None else weight
    share = share / share.sum().clamp(min=1e-300)
    mean = (share * gap).sum()
    width = policy.regression.softness * float(torch.sqrt((share * (gap - mean) ** 2).sum()))
    return width if width > 0.0 else 1.0
