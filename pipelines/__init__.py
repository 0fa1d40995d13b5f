"""Jobs, storage and commands around the mathematics of ``xva``.

``open_run(path)`` opens a run directory; ``ExposureJob.from_toml(path)`` is a job to run or submit;
``stress(run, scenarios)`` runs scenarios on a finished run's paths; ``what_if(run, add, remove)`` values
new and removed trades there, ``allocation(run)`` says which trades the adjustments come from;
``explain(run_a, run_b)`` explains what changed between two runs. ``Exposure(load_job(path))`` is the engine of a job in
this process.
"""

from typing import TYPE_CHECKING

from pipelines.door import lazily

if TYPE_CHECKING:
    from pipelines.execution.events import TradeTrained
    from pipelines.execution.mapping import map_blocks
    from pipelines.jobs.inputs import load_job
    from pipelines.jobs.scenarios import read_scenarios
    from pipelines.reports import export_csv
    from pipelines.results.buckets import bucketed
    from pipelines.results.hedge import suggest_hedge
    from pipelines.results.run import open_run
    from pipelines.results.sensitivities import Sensitivities
    from pipelines.runs.computation import Exposure
    from pipelines.runs.explain import explain
    from pipelines.runs.exposure import ExposureJob
    from pipelines.runs.stress import stress
    from pipelines.runs.what_if import allocation, what_if

__all__ = [
    "Exposure",
    "ExposureJob",
    "Sensitivities",
    "TradeTrained",
    "allocation",
    "bucketed",
    "explain",
    "export_csv",
    "load_job",
    "map_blocks",
    "open_run",
    "read_scenarios",
    "stress",
    "suggest_hedge",
    "what_if",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "Exposure": "pipelines.runs.computation",
        "ExposureJob": "pipelines.runs.exposure",
        "Sensitivities": "pipelines.results.sensitivities",
        "TradeTrained": "pipelines.execution.events",
        "allocation": "pipelines.runs.what_if",
        "bucketed": "pipelines.results.buckets",
        "explain": "pipelines.runs.explain",
        "export_csv": "pipelines.reports.export",
        "load_job": "pipelines.jobs.inputs",
        "map_blocks": "pipelines.execution.mapping",
        "open_run": "pipelines.results.run",
        "read_scenarios": "pipelines.jobs.scenarios",
        "stress": "pipelines.runs.stress",
        "suggest_hedge": "pipelines.results.hedge",
        "what_if": "pipelines.runs.what_if",
    },
)
