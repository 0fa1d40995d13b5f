"""Early exercise: policies by regression on paths, and values and Greeks of following them."""

from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.pricing import ExerciseGreeks, ExercisePrice, exercise_greeks, exercise_price
from xva.pricing.exercise.training import train_policy

__all__ = [
    "ExerciseGreeks",
    "ExercisePolicy",
    "ExercisePrice",
    "exercise_greeks",
    "exercise_price",
    "train_policy",
]
