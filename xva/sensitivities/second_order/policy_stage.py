"""An exercise policy as stages of the engine: one regression per exercise date, from the last to the first.

A stage sums the normal equations of its date over the training's paths; the client solves them and passes the coefficients
on. So value, reverse pass, Hessian-vector product and bump of whatever follows go through the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor

from xva.models.path_model import PathModel
from xva.numerics.least_squares import solve_moments
from xva.pricing.exercise.adjoint import block_sums
from xva.pricing.exercise.policy import ExercisePolicy, first_decisions
from xva.pricing.exercise.simulation import ExercisePaths
from xva.sensitivities.second_order.stage import Stage
from xva.sensitivities.second_order.sweep import Step, Tensors


@final
@dataclass(frozen=True)
class PolicyInputs:
    """A model and ``(exercise, basis)`` coefficients: of all dates, or of those that a stage needs."""

    model: PathModel
    coefficients: Tensor


@final
@dataclass(frozen=True)
class RegressionStage(Stage):
    """Sums ``(basis, basis + 1)`` of one exercise date's regression over the training's paths.

    Parameters
    ----------
    source : ExercisePaths
    policy : ExercisePolicy
        Of the base run: its standardisation and widths stay, its coefficients are not looked at.
    number : int
        Of the exercise date; the inputs' coefficients are those of the dates after it.
    """

    source: ExercisePaths
    policy: ExercisePolicy
    number: int

    @property
    def n_blocks(self) -> int:
        return self.source.n_blocks

    def sums(self, inputs: PolicyInputs, block: int) -> Tensor:
        return block_sums(self.source, self.policy, self.number, inputs.model, inputs.coefficients, block)


@final
@dataclass(frozen=True)
class ExerciseValueStage(Stage):
    """Sum ``()`` of the deflated cash flows on fresh paths, decisions as soft as ``level`` times the policy's widths."""

    source: ExercisePaths
    policy: ExercisePolicy
    level: float = 1.0

    @property
    def n_blocks(self) -> int:
        return self.source.n_blocks

    def sums(self, inputs: PolicyInputs, block: int) -> Tensor:
        policy = replace(self.policy, coefficients=inputs.coefficients)
        view = self.source.view(inputs.model, block, policy.names)
        exercised = first_decisions(policy.decisions(view.features, self.level))
        return (view.kept + (exercised * view.change).sum(0)).sum()


def policy_steps(
    source: ExercisePaths, policy: ExercisePolicy, model: Callable[[Any], PathModel]
) -> tuple[Step, ...]:
    """Steps of a chain, last exercise date first; ``model`` makes the training's model of the chain's market.

    They must be the first steps of the chain.
    """

    def step(number: int) -> Step:
        def inputs(market: Any, sums: Tensors) -> PolicyInputs:
            return PolicyInputs(model(market), solved(policy, sums)[number + 1 :])

        return Step(RegressionStage(source, policy, number), inputs)

    return tuple(step(e) for e in range(len(policy.dates) - 1, -1, -1))


def solved(policy: ExercisePolicy, sums: Sequence[Tensor]) -> Tensor:
    """Coefficients ``(exercise, basis)`` from the sums of the first stages of a chain, zero for dates not reached yet."""
    n_dates, n_basis = policy.coefficients.shape
    rows = [solve_moments(s, policy.regression.ridge) for s in sums[:n_dates]]
    missing = [torch.zeros(n_basis, dtype=torch.float64)] * (n_dates - len(rows))
    return torch.stack([*missing, *rows[::-1]])
