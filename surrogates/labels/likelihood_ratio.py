"""Gradient labels for cash flows that jump: likelihood ratios of the steps up to the next observation.

Moving the state by ``dx`` is undone by moving the normals of the steps after it, so the value's derivative is the
expectation of (flows x score): Broadie & Glasserman, Management Science 42 (1996); spread over steps as in Fournié et
al., Finance and Stochastics 3 (1999). Unbiased whatever jumps, noisy like one over the square root of the time to the next
observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from surrogates.labels.problem import LabelProblem, Origin
from surrogates.labels.strategy import LabelStrategy
from surrogates.regression import Samples
from xva.dates import SAME_TIME
from xva.errors import DomainError
from xva.models.path_model import Transition, Walk

_ALIKE = 1e-8


@final
@dataclass(frozen=True)
class LikelihoodRatio(LabelStrategy):
    """Sharp values, gradients by likelihood ratio.

    For models whose steps move the state by an invertible function of the normals that a shift undoes: exact Gaussian
    and lognormal ones, with as many normals as states.

    Parameters
    ----------
    degree : {0, 1, 2}
        Of the polynomial in the features that is taken off the values before they meet the score, fitted to all *other*
        samples (leave-one-out), so that it is independent of the score and biases nothing.
    """

    degree: int = 2

    def __post_init__(self) -> None:
        if self.degree not in (0, 1, 2):
            raise DomainError(f"likelihood ratio: expected a degree of 0, 1 or 2, got {self.degree}")

    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        draws = normals[normals.shape[0] - (len(problem.times) - 1 - origin.number) :]
        transition = problem.model.transition(problem.times[origin.number :])
        with torch.no_grad():
            walk = problem.walk(draws, origin)
            paths = problem.paths(walk)
            values, memory = problem.to_come(paths), problem.memory(paths)
        found = []
        for k, value in enumerate(values):
            plain = problem.samples(k, walk, memory, value, None)
            rest = value - left_out_fit(plain.features, value, self.degree)
            steps = _until_observation(problem, problem.places[k])
            if len(steps) == 0:  # nothing is observed any more
                slope = torch.zeros_like(walk.states[0])
            else:
                slope = rest * score(transition, walk, draws, steps, origin.number)
            found.append(problem.samples(k, walk, memory, value, slope))
        return tuple(found)


def score(
    transition: Transition, walk: Walk, normals: Tensor, steps: Sequence[int], first: int = 0
) -> Tensor:
    """``(state, path)`` derivative of the log likelihood of what follows ``steps``, to the state at their start.

    Parameters
    ----------
    transition, normals
        From knot ``first`` of the walk on.
    steps : sequence of int
        Consecutive knots that steps start from, with nothing observed inside.

    Raises
    ------
    DomainError
        The steps' normals cannot undo a move of the state, or not by a shift that is independent of them.
    """
    n_states, n_paths = walk.states[steps[0]].shape
    lengths = np.diff(walk.times)[list(steps)]
    shares = lengths / lengths.sum()
    tangent = torch.eye(n_states, dtype=torch.float64).expand(n_paths, -1, -1)
    total = torch.zeros(n_states, n_paths, dtype=torch.float64)
    for knot, share in zip(steps, shares.tolist(), strict=True):
        drawn, state = normals[knot - first], walk.carries[knot].detach()
        _check(transition, knot - first, state[:, :8], drawn[:, :8])
        to_state, to_normal = _jacobians(transition, knot - first, state, drawn)
        tangent = to_state @ tangent
        total = total + share * torch.einsum("pns,np->sp", _solve(to_normal, tangent), drawn)
    return total


def left_out_fit(features: Tensor, values: Tensor, degree: int) -> Tensor:
    """``(sample,)`` predictions of each value by a polynomial fitted to all others."""
    count = len(values)
    spread = features.std(0)
    used = features[:, spread > 1e-12 * (1.0 + features.abs().amax(0))]
    scaled = (used - used.mean(0)) / used.std(0) if used.shape[1] else used
    columns = [torch.ones(count, 1, dtype=torch.float64)]
    if degree > 0:
        columns.append(scaled)
    if degree > 1:
        upper = torch.triu_indices(scaled.shape[1], scaled.shape[1])
        columns.append(scaled[:, upper[0]] * scaled[:, upper[1]])
    basis, singular, _ = torch.linalg.svd(torch.cat(columns, dim=1), full_matrices=False)
    basis = basis[:, singular > 1e-10 * singular[0]]
    fitted = basis @ (basis.T @ values)
    leverage = (basis**2).sum(1).clamp_max(1.0 - 1e-9)
    left_out: Tensor = (fitted - leverage * values) / (1.0 - leverage)
    return left_out


def _until_observation(problem: LabelProblem, knot: int) -> range:
    """Knots that steps start from, from one up to the next observation."""
    observed = [problem.context.times(t.observation_dates(problem.context)) for t in problem.trades]
    later = np.concatenate(observed)
    later = later[later > problem.times[knot] + SAME_TIME]
    if not len(later):
        return range(0)
    return range(knot, int(np.searchsorted(problem.times, later.min() - SAME_TIME)))


def _jacobians(transition: Transition, number: int, state: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """``(path, state, state)`` and ``(path, state, normal)`` derivatives of a step."""
    with torch.enable_grad():
        x, z = state.detach().requires_grad_(True), normals.detach().requires_grad_(True)
        end = transition.step(number, x, z)
        rows = [torch.autograd.grad(row.sum(), (x, z), retain_graph=True) for row in end]
    return torch.stack([r[0].T for r in rows], dim=1), torch.stack([r[1].T for r in rows], dim=1)


def _solve(to_normal: Tensor, tangent: Tensor) -> Tensor:
    """``(path, normal, state)`` moves of the normals that move the end as the state does."""
    if to_normal.shape[1] != to_normal.shape[2]:
        raise DomainError(
            f"likelihood ratio: expected as many normals as states, got {to_normal.shape[2]} and {to_normal.shape[1]} -> "
            "use smoothed labels"
        )
    try:
        found: Tensor = torch.linalg.solve(to_normal, tangent)
    except RuntimeError as error:
        raise DomainError(f"likelihood ratio: some state does not move with the normals ({error})") from None
    return found


def _check(transition: Transition, number: int, state: Tensor, normals: Tensor) -> None:
    """The shift has to be the same for other normals, or its divergence would belong to the score."""
    here, there = (_jacobians(transition, number, state, z) for z in (normals, normals + 1.0))
    shift, other = _solve(here[1], here[0]), _solve(there[1], there[0])
    if float((shift - other).abs().max()) > _ALIKE * float(shift.abs().max()):
        raise DomainError(
            "likelihood ratio: expected steps that are Gaussian after a change of variable -> use smoothed labels"
        )
