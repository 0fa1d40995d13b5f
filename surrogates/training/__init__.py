"""From a trade on its market to a certified surrogate."""

from surrogates.training.trade_training import (
    TrainingRequest,
    TrainingSettings,
    label_problem,
    learn,
    make_samples,
    train_exercise,
)

__all__ = ["TrainingRequest", "TrainingSettings", "label_problem", "learn", "make_samples", "train_exercise"]
