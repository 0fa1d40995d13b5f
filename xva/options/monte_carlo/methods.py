"""Values per path whose automatic derivative has the right expectation: pathwise, and likelihood ratios.

One backward pass through their sum gives all first-order Greeks at once, by whatever method.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from xva.errors import DomainError
from xva.options.monte_carlo.problem import GreekProblem, Payoff, Scene
from xva.pricing.estimators import gaussian_steps


class Method(ABC):
    """How expectations are differentiated."""

    free: ClassVar[bool] = True
    """Whether values are what the trade pays on paths that go where they like."""

    @abstractmethod
    def __str__(self) -> str:
        """What a result calls it."""

    @abstractmethod
    def check(self, problem: GreekProblem) -> None:
        """Refuse a problem for which the method's derivatives would be wrong (DomainError)."""

    @abstractmethod
    def trade_values(self, scene: Scene) -> Tensor:
        """``(path,)`` deflated values of the problem's trade: their mean is the price, and its derivative the Greeks."""

    @abstractmethod
    def payoff_values(self, scene: Scene, payoff: Payoff) -> Tensor:
        """The same of a payoff that is continuous in the path (a control variate)."""


@final
@dataclass(frozen=True)
class Pathwise(Method):
    """The derivative of the payoff along the path.

    Parameters
    ----------
    width : float
        Decisions of a trade that jumps are sigmoids of this width in the log price, 0 (sharp) by default. Greeks are then
        those of the smoothed trade: biased, the more the wider.

    References
    ----------
    M. Broadie and P. Glasserman, Estimating security price derivatives using simulation, Management Science 42 (1996).
    """

    width: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.width < 1.0:
            raise DomainError(f"pathwise: expected a width in [0, 1) of the log price, got {self.width}")

    def __str__(self) -> str:
        return f"pathwise, jumps smoothed over {self.width:g}" if self.width else "pathwise"

    def check(self, problem: GreekProblem) -> None:
        trade = problem.trade
        if trade.jumps and self.width == 0.0:
            raise DomainError(
                f"trade {trade.trade_id}: what it pays jumps, and the pathwise derivative misses every jump -> use "
                "OneStepSurvival.of(trade), LikelihoodRatio(), or Pathwise(width=0.01), which is biased",
                [trade.trade_id],
            )

    def trade_values(self, scene: Scene) -> Tensor:
        return scene.problem.payoff(scene.see(scene.walk.states, self.width))

    def payoff_values(self, scene: Scene, payoff: Payoff) -> Tensor:
        return payoff(scene.see(scene.walk.states))


@final
@dataclass(frozen=True)
class LikelihoodRatio(Method):
    """Payoff times the derivative of the path's log density: unbiased however the payoff jumps.

    For models with Gaussian steps. What depends on a parameter beside the path (discounting, a price today that the trade
    looks at) is differentiated as it is. Noisy: as one over the square root of the first step for the spot, as the square
    root of the number of steps for volatilities.

    References
    ----------
    M. Broadie and P. Glasserman (1996); P. Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 7.3.
    """

    def __str__(self) -> str:
        return "likelihood ratio"

    def check(self, problem: GreekProblem) -> None:
        gaussian_steps(problem.plain, problem.times)

    def trade_values(self, scene: Scene) -> Tensor:
        return self.payoff_values(scene, scene.problem.payoff)

    def payoff_values(self, scene: Scene, payoff: Payoff) -> Tensor:
        states = (scene.start, *(state.detach() for state in scene.walk.states[1:]))
        values = payoff(scene.see(states))
        density = scene.steps.log_density(states)
        return values + values.detach() * (density - density.detach())
