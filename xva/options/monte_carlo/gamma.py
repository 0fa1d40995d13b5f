"""Second derivatives to the spots: likelihood ratio x pathwise, twice the likelihood ratio, and smoothing.

The state starts at ``x = ln S``. What paths know of it is their derivative ``D`` to the start, by the method of the first
order; gammas are the derivative of its mean.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from xva.errors import DomainError
from xva.market.factors import is_equity
from xva.options.monte_carlo.methods import Method, Pathwise
from xva.options.monte_carlo.problem import GreekProblem, Scene
from xva.pricing.estimators import gaussian_steps

Values = Callable[[Scene], Tensor]


class GammaMethod(ABC):
    """Estimates the matrix of second derivatives to the logarithms of the equities' prices."""

    extra = 0
    """Rows of normals it needs beyond the steps'."""

    @abstractmethod
    def __str__(self) -> str:
        """What a result calls it."""

    @abstractmethod
    def check(self, problem: GreekProblem, method: Method) -> None:
        """Refuse what it would be wrong for (DomainError)."""

    @abstractmethod
    def curvature(
        self, scene: Scene, values: Values, rows: list[int], found: Tensor, slopes: Tensor, noise: Tensor
    ) -> Tensor:
        """``(equity, equity)`` sum over the block's paths.

        Parameters
        ----------
        values : callable
            Of a scene, ``(path,)``, as first-order Greeks have them.
        rows : list of int
            Of the equities in the state.
        found, slopes : Tensor
            ``(path,)`` and ``(state, path)``: the scene's values, and their derivatives to the start.
        noise : Tensor
            ``(extra, normal, path)``.
        """


@final
@dataclass(frozen=True)
class Mixed(GammaMethod):
    """Likelihood ratio of the pathwise delta: ``D`` times the score of the first step. Unbiased.

    For payoffs without jumps that do not look at today's price, and models with Gaussian steps (P. Glasserman, 2003, section
    7.3.3; M. Broadie and P. Glasserman, 1996).
    """

    def __str__(self) -> str:
        return "likelihood ratio x pathwise"

    def check(self, problem: GreekProblem, method: Method) -> None:
        gaussian_steps(problem.plain, problem.times)
        if not isinstance(method, Pathwise):
            raise DomainError(
                "gamma: Mixed() is for pathwise derivatives -> use SecondLikelihoodRatio() or Smoothing()"
            )
        _refuse_today(problem)

    def curvature(
        self, scene: Scene, values: Values, rows: list[int], found: Tensor, slopes: Tensor, noise: Tensor
    ) -> Tensor:
        score = scene.steps.start_score(scene.normals[0]).detach()[rows]
        product = slopes[rows] @ score.T
        return 0.5 * (product + product.T)


@final
@dataclass(frozen=True)
class SecondLikelihoodRatio(GammaMethod):
    """Payoff times the second derivative of the density over the density. Unbiased whatever jumps, and noisy."""

    def __str__(self) -> str:
        return "likelihood ratio twice"

    def check(self, problem: GreekProblem, method: Method) -> None:
        gaussian_steps(problem.plain, problem.times)
        if not method.free:
            raise DomainError(
                "gamma: SecondLikelihoodRatio() is for payoffs of free paths -> use Smoothing()"
            )
        _refuse_today(problem)

    def curvature(
        self, scene: Scene, values: Values, rows: list[int], found: Tensor, slopes: Tensor, noise: Tensor
    ) -> Tensor:
        score = scene.steps.start_score(scene.normals[0]).detach()[rows]
        information = scene.steps.start_information().detach()[rows][:, rows]
        return (found * score) @ score.T - found.sum() * information


@final
@dataclass(frozen=True)
class Smoothing(GammaMethod):
    """Gamma of the value smoothed over a width in the log prices: starts are spread, and ``D`` correlated with the spread.

    The kernel is Gaussian and of order four, ``k(u) = u (n + 4 - |u|^2) / 2`` for ``n`` equities, so that the bias is of the
    order of ``(width / deviation)^4``, the deviation being that of the log price to expiry; the noise grows as one over the
    width. For every method, payoff and model: whatever has an unbiased delta. Two more sets of paths. A kink of today's
    value (a barrier that is watched) has to be six widths away: at 3.6 widths it cost 18 % of a gamma (*measured*).

    Parameters
    ----------
    width : float
        Standard deviation of the spread, of the log price.
    """

    width: float = 0.02
    extra = 1

    def __post_init__(self) -> None:
        if not 0.0 < self.width <= 0.2:
            raise DomainError(
                f"gamma by smoothing: expected a width in (0, 0.2] of the log price, got {self.width}"
            )

    def __str__(self) -> str:
        return f"smoothing over {self.width:g}"

    def check(self, problem: GreekProblem, method: Method) -> None:
        if problem.plain.n_normals < sum(map(is_equity, problem.plain.states)):
            raise DomainError("gamma by smoothing: expected a normal per equity")

    def curvature(
        self, scene: Scene, values: Values, rows: list[int], found: Tensor, slopes: Tensor, noise: Tensor
    ) -> Tensor:
        spread = noise[0, : len(rows)]
        shift = torch.zeros_like(scene.start)
        shift[rows] = self.width * spread
        differences = self._slopes(scene.moved(shift), values) - self._slopes(scene.moved(-shift), values)
        kernel = spread * (len(rows) + 4.0 - (spread**2).sum(0)) / 2.0
        product = differences[rows] @ kernel.T / (2.0 * self.width)
        return 0.5 * (product + product.T)

    def _slopes(self, scene: Scene, values: Values) -> Tensor:
        (slopes,) = torch.autograd.grad(values(scene).sum(), scene.start)
        return slopes


def _refuse_today(problem: GreekProblem) -> None:
    if problem.looks_at_today:
        raise DomainError(
            f"gamma of trade {problem.trade.trade_id}: it looks at today's price itself, which no density moves -> use "
            "Smoothing(), or put today's price into the fixings",
            [problem.trade.trade_id],
        )
