"""Derivatives through a policy's training: exact adjoint of all its regressions, block by block.

The regression of a date uses the coefficients of the dates after it. How its moments depend on them is a small matrix per
pair of dates, summed over the blocks in one pass without a graph; so the client solves the chain of adjoints, first date
first, for a whole batch of cotangents (measures times scrambles), and a second pass pulls all dates' sums back to the model
at once. No graph outlives a block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from xva.models import PathModel
from xva.numerics import tree
from xva.numerics.batched_gradient import batched_gradient
from xva.numerics.least_squares import moments, pull_moments
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.simulation import ExercisePaths, ExerciseView
from xva.pricing.exercise.training import (
    LATER,
    MapBlocks,
    Tensors,
    regression_sums,
    serial,
    waited,
    waiting,
)


def block_sums(
    source: ExercisePaths,
    policy: ExercisePolicy,
    number: int,
    model: PathModel,
    later: Tensor,
    block: int,
) -> Tensor:
    """A block's share ``(basis, basis + 1)`` of one date's regression, differentiable in model and ``later``.

    Parameters
    ----------
    later : Tensor
        ``(exercise - number - 1, basis)`` coefficients of the dates after ``number``; of the policy only constants are used.
    """
    unused = later.new_zeros(number + 1, later.shape[-1])
    held = replace(policy, coefficients=torch.cat([unused, later]))
    view = source.view(model, block, policy.names, regressed=True)
    target = view.change[number] - waiting(held, view, number)
    return regression_sums(held, number, view.features[number], target)


def policy_cotangents(
    source: ExercisePaths,
    policy: ExercisePolicy,
    model: PathModel,
    cotangent: Tensor,
    map_blocks: MapBlocks = serial,
) -> list[Tensor]:
    """What a change of the model does through the policy that was trained on it.

    Parameters
    ----------
    source, policy, model
        The training's paths, its result and its model.
    cotangent : Tensor
        ``(batch, exercise, basis)`` derivatives of some results by the policy's coefficients.
    map_blocks : callable
        Calls a picklable function of the block's number and yields its tensors in the blocks' order.

    Returns
    -------
    list of Tensor
        ``(batch, ...)`` for each of ``tree.tensors(model)``.
    """
    plain = tree.map_tensors(model, lambda t: t.detach())
    held = replace(policy, coefficients=policy.coefficients.detach())
    blocks = range(source.n_blocks)
    sums, coupling = _add(map_blocks(_Couplings(source, held, plain), blocks))
    bars = cotangent.detach().clone()
    by_sums = []
    for e, coefficients in enumerate(held.coefficients):
        bar = pull_moments(sums[e], coefficients, bars[:, e], policy.regression.ridge)
        bars += torch.einsum("bi,kij->bkj", bar[..., -1], coupling[e])
        by_sums.append(bar)
    return list(_add(map_blocks(_Pull(source, held, plain, torch.stack(by_sums, dim=1)), blocks)))


@final
@dataclass(frozen=True)
class _Couplings:
    """Of a block: sums ``(exercise, basis, basis + 1)``, and ``(exercise, later exercise, basis, basis)`` derivatives of the
    moments by the coefficients of later dates."""

    source: ExercisePaths
    policy: ExercisePolicy
    model: PathModel

    def __call__(self, block: int) -> Tensors:
        with torch.no_grad():
            view = self.source.view(self.model, block, self.policy.names, regressed=True)
            count = len(self.policy.dates)
            later = torch.zeros_like(view.kept)
            moved = view.kept.new_zeros(count, self.policy.coefficients.shape[1], len(view.kept))
            sums = view.kept.new_zeros(count, moved.shape[1], moved.shape[1] + 1)
            coupling = view.kept.new_zeros(count, count, moved.shape[1], moved.shape[1])
            for e in range(count - 1, -1, -1):
                basis = self.policy.basis(e, view.features[e])
                weight = self.policy.weight(e, view.features[e])
                gain = view.change[e] - later
                sums[e] = moments(basis, gain, weight)
                weighted = basis if weight is None else weight * basis
                coupling[e] = -torch.einsum("ip,kjp->kij", weighted, moved)
                taken, slope = _slope(self.policy, e, view)
                moved *= 1.0 - taken
                moved[e] = gain * slope * basis
                later = waited(self.policy, view, e, later + taken * gain)
            return sums, coupling


def _slope(policy: ExercisePolicy, number: int, view: ExerciseView) -> tuple[Tensor, Tensor]:
    """The soft decision on a date and its derivative to the gap, both ``(path,)``."""
    features = view.features[number]
    with torch.enable_grad():
        gap = policy.gap(number, features).requires_grad_(True)
        taken = policy.taken(number, gap, features, LATER)
        (slope,) = torch.autograd.grad(taken.sum(), gap)
    return taken.detach(), slope


@final
@dataclass(frozen=True)
class _Pull:
    """A batch of cotangents ``bar`` ``(batch, exercise, basis, basis + 1)`` of all dates' sums, pulled back to the model."""

    source: ExercisePaths
    policy: ExercisePolicy
    model: PathModel
    bar: Tensor

    def __call__(self, block: int) -> Tensors:
        with torch.enable_grad():
            model, leaves, _ = tree.cut(self.model)
            view = self.source.view(model, block, self.policy.names, regressed=True)
            later, rows = torch.zeros_like(view.kept), []
            for e in range(len(self.policy.dates) - 1, -1, -1):
                gain = view.change[e] - later
                rows.append(regression_sums(self.policy, e, view.features[e], gain))
                taken = self.policy.decision(e, view.features[e], LATER)
                later = waited(self.policy, view, e, later + taken * gain)
            return batched_gradient([torch.stack(rows[::-1])], leaves, [self.bar])


def _add(parts: Iterable[Tensors]) -> Tensors:
    total: Tensors | None = None
    for part in parts:
        total = part if total is None else tuple(a + b for a, b in zip(total, part, strict=True))
    assert total is not None
    return total
