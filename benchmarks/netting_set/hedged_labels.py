"""Second pass: labels hedged with the first pass's deltas, on fresh paths.

Between two report dates the first surrogate's delta, times the move of a martingale, is taken off the flows. Its
expectation given the state is zero whatever the surrogate, so hedged labels are unbiased; what is left of their variance is
what the hedge misses. Gradients are hedged too: differentiating a martingale difference gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from surrogates.labels.problem import LabelProblem, Origin
from surrogates.labels.strategy import LabelStrategy, derivatives
from surrogates.regression import Samples, Surrogate
from xva.errors import DomainError
from xva.market.factors import is_log_price
from xva.models.path_model import Walk

_STEP = 1e-4  # of a feature's spread, for Hessian times vector


@final
@dataclass(frozen=True)
class Hedged(LabelStrategy):
    """Pathwise labels less first-pass hedges; of a state that is the logarithm of a price the martingale is the price's.

    Parameters
    ----------
    surrogates : tuple of Surrogate
        One per report date of the problem, fitted on other paths; features as the problem's.
    """

    surrogates: tuple[Surrogate, ...]

    def labels(self, problem: LabelProblem, normals: Tensor, origin: Origin) -> tuple[Samples, ...]:
        if len(self.surrogates) != len(problem.report):
            raise DomainError(
                f"hedged labels: expected one surrogate per report date, got {len(self.surrogates)} for {len(problem.report)}"
            )
        draws = normals[normals.shape[0] - (len(problem.times) - 1 - origin.number) :]
        walk = problem.walk(draws, origin)
        paths = problem.paths(walk)
        memory = problem.memory(paths)
        gains = self._gains(problem, walk, memory, draws, origin.number)
        rest, values = torch.zeros_like(gains[0]), []
        for value, gain in zip(reversed(problem.to_come(paths)), reversed(gains), strict=True):
            rest = rest + gain
            values.append(value - rest)
        values.reverse()
        slopes = derivatives(problem, walk, values)
        parts = zip(values, slopes, strict=True)
        return tuple(problem.samples(k, walk, memory, value, slope) for k, (value, slope) in enumerate(parts))

    def _gains(
        self,
        problem: LabelProblem,
        walk: Walk,
        memory: tuple[tuple[str, ...], list[Tensor]],
        draws: Tensor,
        first: int,
    ) -> list[Tensor]:
        """Per report date ``(path,)``: delta times what the martingales move up to the next one."""
        ends = [*problem.places[1:], len(problem.times) - 1]
        names, remembered = memory
        found = []
        for k, (begin, end) in enumerate(zip(problem.places, ends, strict=True)):
            if self.surrogates[k].names != (*problem.states, *names):
                raise DomainError(
                    f"hedged labels: the surrogate of {problem.report[k]} has features {self.surrogates[k].names}, "
                    f"expected {(*problem.states, *names)}"
                )
            features = torch.cat([walk.carries[begin][list(problem.rows)].T, remembered[k]], dim=1)
            delta: Tensor = _Delta.apply(features, self.surrogates[k])  # type: ignore[no-untyped-call]
            moves = self._moves(problem, walk, draws, first, begin, end)
            found.append((delta[:, : len(problem.rows)] * moves).sum(1))
        return found

    def _moves(
        self, problem: LabelProblem, walk: Walk, draws: Tensor, first: int, begin: int, end: int
    ) -> Tensor:
        """``(path, feature state)`` martingale increments from knot ``begin`` to ``end``."""
        shape = (len(problem.rows), walk.states[begin].shape[-1])
        moved = torch.zeros(shape, dtype=torch.float64)
        drift = torch.zeros(shape, dtype=torch.float64)
        transition = problem.model.transition(problem.times[first:])
        for knot in range(begin, end):
            factor = _loadings(
                transition, knot - first, walk.carries[knot], draws[knot - first], list(problem.rows)
            )
            moved = moved + (factor * draws[knot - first]).sum(1)
            drift = drift + 0.5 * (factor**2).sum(1)
        priced = torch.tensor([[is_log_price(name)] for name in problem.states])
        return torch.where(priced, torch.expm1(moved - drift), moved).T


def _loadings(transition: Any, number: int, state: Tensor, normals: Tensor, rows: list[int]) -> Tensor:
    """``(state, normal, path)`` derivatives of a step at its centre; known at its start, so they may depend on it."""
    with torch.enable_grad():
        centre = torch.zeros_like(normals).requires_grad_(True)
        end = transition.step(number, state.detach(), centre)
        found = [torch.autograd.grad(end[row].sum(), centre, retain_graph=True)[0] for row in rows]
    return torch.stack(found)


class _Delta(torch.autograd.Function):
    """A surrogate's gradient; its derivative by central differences of the gradient along the adjoint.

    Linear in the adjoint up to the square of a tiny step, so that what multiplies a martingale difference stays one.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, surrogate: Surrogate) -> Tensor:
        fixed = features.detach()
        ctx.save_for_backward(fixed)
        ctx.surrogate = surrogate
        return surrogate.value_and_gradient(fixed)[1]

    @staticmethod
    def backward(ctx: Any, adjoint: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        spread = features.std(0).clamp_min(1e-12)
        length = (adjoint.abs() / spread).amax(1, keepdim=True)
        step = torch.where(length > 0.0, _STEP / length, torch.zeros_like(length))
        up = ctx.surrogate.value_and_gradient(features + step * adjoint)[1]
        down = ctx.surrogate.value_and_gradient(features - step * adjoint)[1]
        return torch.where(length > 0.0, (up - down) / (2.0 * step).clamp_min(1e-300), 0.0), None
