"""What is simulated: a trade under a model made of named parameters, and one block of its paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.models import PathModel, walk
from xva.models.grids import refined
from xva.models.path_model import Walk
from xva.numerics.types import Floats
from xva.options.greeks import Component
from xva.pricing.closed_form.domain import require_all
from xva.pricing.estimators import GaussianSteps, gaussian_steps
from xva.trades import Paths, PathTrade, TradeContext

Build = Callable[[Mapping[str, Tensor]], PathModel]
Payoff = Callable[[Paths], Tensor]


@final
@dataclass(frozen=True)
class GreekProblem:
    """A trade to be differentiated by everything its model is made of.

    Parameters
    ----------
    build : callable
        The model of the parameters.
    trade : PathTrade
        Without decisions.
    context : TradeContext
    parameters : mapping of str to Tensor
        Numbers ``()`` or vectors ``(entry,)``, float64.
    longest : float
        Years of the longest step, for models that step by a scheme (Heston): knots are added between observations.

    Raises
    ------
    DomainError
        An expired trade, one that can be exercised, or parameters that are not finite or outside their domain
        (`xva.pricing.closed_form.domain`).
    """

    build: Build
    trade: PathTrade
    context: TradeContext
    parameters: Mapping[str, Tensor]
    longest: float = np.inf

    def __post_init__(self) -> None:
        trade, ids = self.trade, [self.trade.trade_id]
        if trade.maturity <= self.context.as_of or not len(trade.observation_dates(self.context)):
            raise DomainError(
                f"trade {trade.trade_id}: expected something to come after {self.context.as_of}, but it is known what it "
                f"pays until {trade.maturity}: it has no Greeks",
                ids,
            )
        if len(trade.exercise_dates(self.context)):
            raise DomainError(
                f"trade {trade.trade_id}: expected a trade without decisions, got exercise dates -> use "
                "xva.pricing.exercise",
                ids,
            )
        if not self.parameters:
            raise DomainError("Monte Carlo Greeks: expected at least one parameter, got none")
        for name, value in self.parameters.items():
            if not isinstance(value, Tensor) or value.dtype != torch.float64 or value.ndim > 1:
                got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
                raise DomainError(
                    f"parameter {name}: expected a float64 tensor of shape () or (entry,), got {got}", [name]
                )
        if not self.longest > 0.0:
            raise DomainError(f"longest step: expected a positive number of years, got {self.longest}")
        require_all(self.parameters)

    @cached_property
    def times(self) -> Floats:
        """``(knot,)``, 0 first."""
        seen = self.context.times(self.trade.observation_dates(self.context))
        return refined(np.concatenate([[0.0], seen]), self.longest)

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """One per number of the parameters, in order."""
        found: list[Component] = []
        for name, value in self.parameters.items():
            found += [Component(name, i) for i in range(len(value))] if value.ndim else [Component(name)]
        return tuple(found)

    def leaves(self) -> dict[str, Tensor]:
        """The parameters, ready to be differentiated."""
        return {n: v.detach().clone().requires_grad_(True) for n, v in self.parameters.items()}

    @cached_property
    def plain(self) -> PathModel:
        """The model, detached from everything."""
        return self.build({name: value.detach() for name, value in self.parameters.items()})

    def payoff(self, paths: Paths) -> Tensor:
        """``(path,)`` all flows of the trade, deflated."""
        return flows_of(self.trade, paths)

    @cached_property
    def looks_at_today(self) -> bool:
        """Whether the payoff moves if the state on ``as_of`` does and all later ones do not."""
        with torch.no_grad():
            model, steps = self.plain, len(self.times) - 1
            generator = torch.Generator().manual_seed(1)
            normals = torch.randn(steps, model.n_normals, 256, generator=generator, dtype=torch.float64)
            states = walk(model, self.times, normals).states
            found = []
            for shift in (0.0, 0.01, -0.01):
                moved = (states[0] + shift, *states[1:])
                found.append(self.payoff(self.see(model, moved)))
            return not (torch.equal(found[0], found[1]) and torch.equal(found[0], found[2]))

    def see(self, model: PathModel, states: Sequence[Tensor], width: float = 0.0) -> Paths:
        """Paths as trades see them."""
        none = np.array([], dtype="datetime64[D]")
        observer = model.observe(self.times, states)
        return Paths(self.context, observer, none, states[-1].shape[-1], width)


@final
@dataclass(frozen=True)
class Scene:
    """One block of paths.

    Parameters
    ----------
    problem : GreekProblem
    model : PathModel
        Connected to the parameters.
    normals : Tensor
        ``(step, normal, path)``.
    start : Tensor
        ``(state, path)``, connected too; every path has its own, so that each has a derivative to it.
    """

    problem: GreekProblem
    model: PathModel
    normals: Tensor
    start: Tensor

    @classmethod
    def of(cls, problem: GreekProblem, model: PathModel, normals: Tensor) -> Scene:
        """Paths that start where the model says."""
        # an addition of its own: the derivative to the start is per path
        start = model.initial()[:, None] + torch.zeros(1, normals.shape[-1], dtype=torch.float64)
        return cls(problem, model, normals, start)

    @cached_property
    def walk(self) -> Walk:
        """Free paths."""
        return walk(self.model, self.problem.times, self.normals, self.start)

    @cached_property
    def steps(self) -> GaussianSteps:
        """The model's steps, if they are Gaussian."""
        return gaussian_steps(self.model, self.problem.times)

    def see(self, states: Sequence[Tensor], width: float = 0.0) -> Paths:
        """States per knot as trades see them."""
        return self.problem.see(self.model, states, width)

    def moved(self, shift: Tensor) -> Scene:
        """The same with other starts: ``shift`` ``(state, path)`` is added."""
        return Scene(self.problem, self.model, self.normals, self.start + shift)


def flows_of(trade: PathTrade, paths: Paths) -> Tensor:
    """``(path,)`` all flows of a trade without decisions, deflated."""
    total = torch.zeros(paths.n_paths, dtype=torch.float64)
    for flow in trade.cashflows(paths, trade.none_exercised(paths.context, paths.n_paths)):
        total = total + paths.deflated(flow)
    return total
