"""The demo bank with a simulation of the test's own."""

from __future__ import annotations

from functools import cache

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.places import EXAMPLES
from xva.exposure.engine import ExposureEngine, Simulation

DEMO = EXAMPLES / "bank/demo.toml"


@cache
def _whole() -> ExposureEngine:
    return Exposure(load_job(DEMO)).engine


def demo_engine(
    paths: int, block_size: int, scrambles: int, every: int = 1, seed: int = 42
) -> ExposureEngine:
    """The demo book on its market, every ``every``-th of its dates."""
    whole = _whole()
    dates = whole.dates[1:][::every]
    simulation = Simulation(paths, block_size, scrambles, seed)
    return ExposureEngine(whole.book, whole.quotes, whole.build, dates, whole.xva, simulation)
