"""Models whose state moves by Gaussian steps ``x + drift + loading z``: their laws and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.market.factors import equity_factor
from xva.models import PathModel
from xva.numerics.types import Floats

_AFFINE = 1e-9


@final
@dataclass(frozen=True)
class GaussianSteps:
    """Drifts and loadings of all steps, connected to the model's parameters.

    Parameters
    ----------
    states : tuple of str
    drifts : Tensor
        ``(step, state)``.
    loadings : Tensor
        ``(step, state, normal)``.
    """

    states: tuple[str, ...]
    drifts: Tensor
    loadings: Tensor

    def row(self, name: str) -> int:
        """Of an equity's log price.

        Raises
        ------
        DomainError
            The model has no such equity.
        """
        if equity_factor(name) not in self.states:
            known = ", ".join(self.states)
            raise DomainError(
                f"equity: expected one whose log price is a state ({known}), got {name}", [name]
            )
        return self.states.index(equity_factor(name))

    def log_density(self, states: Sequence[Tensor]) -> Tensor:
        """``(path,)`` log density of states ``(state, path)`` per knot given the first, up to a constant.

        What may move is the first state, the drifts and the loadings: its derivative is the score.
        """
        total = torch.zeros(states[0].shape[-1], dtype=torch.float64)
        for k, (drift, loading) in enumerate(zip(self.drifts, self.loadings)):
            before = states[0] if k == 0 else states[k].detach()
            normals = _solve(loading, states[k + 1].detach() - before - drift[:, None])
            total = total - 0.5 * (normals**2).sum(0) - torch.linalg.slogdet(loading).logabsdet
        return total

    def start_score(self, normals: Tensor) -> Tensor:
        """``(state, path)`` derivative of the log density to the first state, from the first step's normals."""
        return _solve(self.loadings[0].T, normals)

    def start_information(self) -> Tensor:
        """``(state, state)`` minus the second derivative of the log density to the first state."""
        inverse = _solve(self.loadings[0], torch.eye(len(self.states), dtype=torch.float64))
        return inverse.T @ inverse


def gaussian_steps(model: PathModel, times: Floats) -> GaussianSteps:
    """Steps of a model on a grid, found by stepping with unit normals.

    Raises
    ------
    DomainError
        The model's steps are not of this form.
    """
    transition, width = model.transition(times), model.n_normals
    start = model.initial().detach()[:, None]
    origin = torch.zeros_like(start).expand(-1, width + 1)
    columns = torch.cat([torch.zeros(width, 1), torch.eye(width)], 1).to(start)
    probe = torch.linspace(-1.5, 2.0, width, dtype=start.dtype)[:, None]
    drifts, loadings = [], []
    for k in range(len(times) - 1):
        ends = transition.step(k, origin, columns)
        drift, loading = ends[:, :1], ends[:, 1:] - ends[:, :1]
        gap = transition.step(k, start, probe) - start - drift - loading @ probe
        if not bool((gap.abs() <= _AFFINE * (1.0 + start.abs())).all()):
            raise DomainError(
                f"expected Gaussian steps x + c + L z, got those of {type(model).__name__} -> "
                "use pathwise derivatives, of a smoothed payoff where it jumps"
            )
        drifts.append(drift[:, 0])
        loadings.append(loading)
    return GaussianSteps(model.states, torch.stack(drifts), torch.stack(loadings))


def _solve(loading: Tensor, moves: Tensor) -> Tensor:
    if loading.shape[0] != loading.shape[1]:
        raise DomainError(
            f"likelihood ratio: expected as many normals as states, got {loading.shape[1]} and {loading.shape[0]}"
        )
    solved: Tensor = torch.linalg.solve(loading, moves)
    return solved
