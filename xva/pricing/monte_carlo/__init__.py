"""Greeks by simulation, with standard errors."""

from xva.pricing.monte_carlo.basket import FlatBasket
from xva.pricing.monte_carlo.controls import LognormalOption, controls_of
from xva.pricing.monte_carlo.gamma import Mixed, SecondLikelihoodRatio, Smoothing
from xva.pricing.monte_carlo.methods import LikelihoodRatio, Method, Pathwise
from xva.pricing.monte_carlo.problem import GreekProblem
from xva.pricing.monte_carlo.result import MonteCarloGreeks, Saving
from xva.pricing.monte_carlo.sampling import Sampling, brownian_bridge
from xva.pricing.monte_carlo.simulate import simulate_greeks
from xva.pricing.monte_carlo.survival import Knock, OneStepSurvival, knock_of

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
