"""Many markets on one run's paths."""

from xva.scenarios.plan import StressPlan
from xva.scenarios.prepare import StressOptions, prepare
from xva.scenarios.results import stress_results

__all__ = ["StressOptions", "StressPlan", "prepare", "stress_results"]
