"""Labels: values and derivatives of trades' cash flows along paths, for surrogates to learn from."""

from surrogates.labels.guard import (
    Guard,
    GuardedLabels,
    Verdict,
    guarded_labels,
)
from surrogates.labels.likelihood_ratio import LikelihoodRatio
from surrogates.labels.market_box import MarketBox, box_labels, grouped_box_labels
from surrogates.labels.market_parameters import moved
from surrogates.labels.mirrored import Mirrored
from surrogates.labels.one_step_survival import Crossing, OneStepSurvival, crossed_labels, crossing_of
from surrogates.labels.problem import ExerciseRule, LabelProblem, Origin, label_normals, spread_start
from surrogates.labels.strategy import LabelStrategy, Pathwise

__all__ = [
    "Crossing",
    "ExerciseRule",
    "Guard",
    "GuardedLabels",
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
    "grouped_box_labels",
    "guarded_labels",
    "label_normals",
    "moved",
    "spread_start",
]
