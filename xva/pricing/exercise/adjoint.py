"""Derivatives through a policy's training: exact adjoint of all its regressions, block by block.

The regression of a date uses the coefficients of the dates after it, so its adjoint comes first for the first date. Every
block is computed again once per date, for a whole batch of cotangents (measures times scrambles), and no graph outlives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from xva.models.path_model import PathModel
from xva.numerics import tree
from xva.numerics.least_squares import pull_moments
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.simulation import ExercisePaths
from xva.pricing.exercise.training import MapBlocks, Tensors, regression_sums, serial, waiting

_CHUNK = 16  # cotangents at a time: larger batches fall out of the processor's cache


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
    view = source.view(model, block, policy.names)
    target = view.change[number] - waiting(held, view, number)
    return regression_sums(held, number, view.features[number], target)


def policy_cotangents(
    source: ExercisePaths,
    policy: ExercisePolicy,
    model: PathModel,
    cotangent: Tensor,
    map_blocks: MapBlocks = serial,
) -> list[Tensor]:
    """What a change of the model does through the policy it was trained on.

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
    blocks = range(source.n_blocks)
    held = replace(policy, coefficients=policy.coefficients.detach())
    (sums,) = _add(map_blocks(_AllSums(source, held, plain), blocks))
    bars = cotangent.detach().clone()
    total = [t.new_zeros(len(bars), *t.shape) for t in tree.tensors(plain)]
    for e in range(len(policy.dates)):
        ridge = policy.regression.ridge
        bar = pull_moments(sums[e], held.coefficients[e], bars[:, e], ridge)
        *found, by_later = _add(map_blocks(_Pull(source, held, e, plain, bar), blocks))
        total = [a + b for a, b in zip(total, found, strict=True)]
        bars[:, e + 1 :] += by_later
    return total


@final
@dataclass(frozen=True)
class _AllSums:
    """Sums ``(exercise, basis, basis + 1)`` of all regressions at the policy's own coefficients."""

    source: ExercisePaths
    policy: ExercisePolicy
    model: PathModel

    def __call__(self, block: int) -> Tensors:
        with torch.no_grad():
            policy = self.policy
            view = self.source.view(self.model, block, policy.names)
            later, rows = torch.zeros_like(view.kept), []
            for e in range(len(policy.dates) - 1, -1, -1):
                rows.append(regression_sums(policy, e, view.features[e], view.change[e] - later))
                taken = policy.decision(e, view.features[e], 1.0)
                later = taken * view.change[e] + (1.0 - taken) * later
            return (torch.stack(rows[::-1]),)


@final
@dataclass(frozen=True)
class _Pull:
    """A batch of cotangents ``bar`` ``(batch, basis, basis + 1)`` of one date's sums, pulled back to model and later dates."""

    source: ExercisePaths
    policy: ExercisePolicy
    number: int
    model: PathModel
    bar: Tensor

    def __call__(self, block: int) -> Tensors:
        with torch.enable_grad():
            model, leaves, _ = tree.cut(self.model)
            later = self.policy.coefficients[self.number + 1 :].clone().requires_grad_(True)
            sums = block_sums(self.source, self.policy, self.number, model, later, block)
        return pull_batch(sums, [*leaves, later], self.bar)


def pull_batch(output: Tensor, inputs: Sequence[Tensor], bars: Tensor, *, keep: bool = False) -> Tensors:
    """Vector-Jacobian products ``(batch, ...)`` of ``bars`` ``(batch, *output)``; zeros where an input is not reached.

    ``keep`` keeps the graph for another one.
    """
    parts = []
    for first in range(0, len(bars), _CHUNK):
        chunk = bars[first : first + _CHUNK]
        found = torch.autograd.grad(
            output,
            inputs,
            chunk,
            is_grads_batched=True,
            allow_unused=True,
            retain_graph=keep or first + _CHUNK < len(bars),
        )
        parts.append(
            [
                x.new_zeros(len(chunk), *x.shape) if g is None else g
                for g, x in zip(found, inputs, strict=True)
            ]
        )
    return tuple(torch.cat(column) for column in zip(*parts))


def _add(parts: Iterable[Tensors]) -> Tensors:
    total: Tensors | None = None
    for part in parts:
        total = part if total is None else tuple(a + b for a, b in zip(total, part, strict=True))
    assert total is not None
    return total
