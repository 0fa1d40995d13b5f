"""Labels: values and derivatives of trades' cash flows along paths, for surrogates to learn from."""

from surrogates.labels.choice import default_strategy
from surrogates.labels.control_variates import Hedged, variance_ratio
from surrogates.labels.guard import (
    BiasedLabelsError,
    Guard,
    GuardedLabels,
    Verdict,
    guarded_labels,
    require_unbiased,
)
from surrogates.labels.likelihood_ratio import LikelihoodRatio
from surrogates.labels.market_box import MarketBox, box_labels
from surrogates.labels.mirrored import Mirrored
from surrogates.labels.one_step_survival import Crossing, OneStepSurvival, crossed_labels, crossing_of
from surrogates.labels.problem import ExerciseRule, LabelProblem, Origin, label_normals, spread_start
from surrogates.labels.strategy import LabelStrategy, Pathwise

__all__ = [
    "BiasedLabelsError",
    "Crossing",
    "ExerciseRule",
    "Guard",
    "GuardedLabels",
    "Hedged",
    "LabelProblem",
    "LabelStrategy",
    "LikelihoodRatio",
    "MarketBox",
    "Mirrored",
    "OneStepSurvival",
    "Origin",
    "Pathwise",
    "Verdict",
    "box_labels",
    "crossed_labels",
    "crossing_of",
    "default_strategy",
    "guarded_labels",
    "label_normals",
    "require_unbiased",
    "spread_start",
    "variance_ratio",
]
