"""Prices and Greeks of trades with decisions by least-squares Monte Carlo.

The policy is trained on paths of its own and applied to fresh ones: the price is biased low, by what the policy misses, and
never by foresight. Greeks differentiate soft decisions and the regression that made them, by one reverse pass for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models import PathModel
from xva.numerics import tree
from xva.numerics.batched_gradient import batched_gradient
from xva.pricing.exercise.adjoint import policy_cotangents
from xva.pricing.exercise.policy import ExercisePolicy, first_decisions
from xva.pricing.exercise.simulation import ExercisePaths

LEVELS = (0.0, 1.0, 0.5)


@final
@dataclass(frozen=True)
class Estimate:
    """Mean over scrambles and its standard error, any shape."""

    value: Tensor
    error: Tensor

    @classmethod
    def of(cls, samples: Tensor) -> Estimate:
        """From independent ``(scramble, ...)``; the error is infinite with one."""
        count = len(samples)
        if count < 2:
            return cls(samples.mean(0), torch.full_like(samples[0], torch.inf))
        return cls(samples.mean(0), samples.std(0) / count**0.5)


@final
@dataclass(frozen=True)
class ExercisePrice:
    """Value with sharp decisions (the price), with soft ones (what Greeks differentiate) and with half that softness.

    All are deflated, in reporting currency; ``softening`` is the change under half the width.
    """

    value: Estimate
    soft: Estimate
    half: Estimate
    softening: Estimate


@final
@dataclass(frozen=True)
class ExerciseGreeks:
    """First derivatives ``(parameter,)`` beside the price they belong to."""

    price: ExercisePrice
    gradient: Estimate


def exercise_price(fresh: ExercisePaths, policy: ExercisePolicy, model: PathModel) -> ExercisePrice:
    """Price under a policy.

    Parameters
    ----------
    fresh : ExercisePaths
        Not those of the training.
    """
    samples = torch.zeros(fresh.noise.scrambles, len(LEVELS), dtype=torch.float64)
    with torch.no_grad():
        for block in range(fresh.n_blocks):
            samples[block % fresh.noise.scrambles] += _values(fresh, policy, model, block)
    return _price(samples * fresh.noise.scrambles / fresh.n_paths)


def exercise_greeks(
    training: ExercisePaths,
    fresh: ExercisePaths,
    policy: ExercisePolicy,
    build: Callable[[Tensor], PathModel],
    parameters: Tensor,
) -> ExerciseGreeks:
    """Price and all its first derivatives by AD, through the regression.

    Parameters
    ----------
    training, fresh : ExercisePaths
        On which the policy was trained (at these parameters), and others.
    build : callable
        The model of ``(parameter,)`` float64.

    Returns
    -------
    ExerciseGreeks
        Errors are those of the fresh paths; the training's enters with the policy, to second order for the price.
    """
    if training.noise.seed == fresh.noise.seed:
        raise DomainError(
            f"exercise: expected fresh paths, got those of the training (seed {fresh.noise.seed}); take another seed"
        )
    leaf = parameters.detach().clone().requires_grad_(True)
    model = build(leaf)
    outputs = tree.tensors(model)
    scrambles = fresh.noise.scrambles
    samples = torch.zeros(scrambles, len(LEVELS), dtype=torch.float64)
    plain = tree.map_tensors(model, lambda t: t.detach())
    bars = [torch.zeros(scrambles, *t.shape, dtype=torch.float64) for t in outputs]
    by_policy = torch.zeros(scrambles, *policy.coefficients.shape, dtype=torch.float64)
    scale = scrambles / fresh.n_paths
    for block in range(fresh.n_blocks):
        r = block % scrambles
        held, leaves, _ = tree.cut(plain)
        coefficients = policy.coefficients.detach().clone().requires_grad_(True)
        values = _values(fresh, replace(policy, coefficients=coefficients), held, block)
        samples[r] += scale * values.detach()
        *found, mine = torch.autograd.grad(
            values[1], [*leaves, coefficients], allow_unused=True, materialize_grads=True
        )
        by_policy[r] += scale * mine
        for bar, part in zip(bars, found, strict=True):
            bar[r] += scale * part
    through = policy_cotangents(training, policy, plain, by_policy)
    gradient = torch.zeros(scrambles, len(leaf), dtype=torch.float64)
    for output, bar, more in zip(outputs, bars, through, strict=True):
        if output.requires_grad:
            gradient = gradient + batched_gradient([output], [leaf], [bar + more], keep=True)[0]
    return ExerciseGreeks(_price(samples), Estimate.of(gradient))


def _values(source: ExercisePaths, policy: ExercisePolicy, model: PathModel, block: int) -> Tensor:
    """Sums ``(level,)`` over a block's paths."""
    view = source.view(model, block, policy.names)
    rows = []
    for level in LEVELS:
        exercised = first_decisions(policy.decisions(view.features, level))
        rows.append((view.kept + (exercised * view.change).sum(0)).sum())
    return torch.stack(rows)


def _price(samples: Tensor) -> ExercisePrice:
    hard, soft, half = samples.unbind(1)
    return ExercisePrice(*(Estimate.of(x) for x in (hard, soft, half, soft - half)))
