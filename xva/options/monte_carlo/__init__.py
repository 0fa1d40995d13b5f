"""Greeks by simulation, with standard errors."""

from xva.options.monte_carlo.basket import FlatBasket
from xva.options.monte_carlo.controls import LognormalOption, controls_of
from xva.options.monte_carlo.gamma import Mixed, SecondLikelihoodRatio, Smoothing
from xva.options.monte_carlo.methods import LikelihoodRatio, Method, Pathwise
from xva.options.monte_carlo.problem import GreekProblem
from xva.options.monte_carlo.result import MonteCarloGreeks, Saving
from xva.options.monte_carlo.sampling import Sampling, brownian_bridge
from xva.options.monte_carlo.simulate import simulate_greeks
from xva.options.monte_carlo.survival import Knock, OneStepSurvival, knock_of

__all__ = [
    "FlatBasket",
    "GreekProblem",
    "Knock",
    "LikelihoodRatio",
    "LognormalOption",
    "Method",
    "Mixed",
    "MonteCarloGreeks",
    "OneStepSurvival",
    "Pathwise",
    "Sampling",
    "Saving",
    "SecondLikelihoodRatio",
    "Smoothing",
    "brownian_bridge",
    "controls_of",
    "knock_of",
    "simulate_greeks",
]
