"""Jobs, storage and commands around the mathematics of ``xva``.

``open_run(path)`` opens a run directory; ``ExposureJob.from_toml(path)`` is a job to run or submit;
``stress(run, scenarios)`` runs scenarios on a finished run's paths; ``what_if(run, add, remove)`` values
new and removed trades there, ``allocation(run)`` says which trades the adjustments come from;
``explain(run_a, run_b)`` explains what changed between two runs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.results.run import open_run
    from pipelines.runs.explain import explain
    from pipelines.runs.exposure import ExposureJob
    from pipelines.runs.stress import stress
    from pipelines.runs.what_if import allocation, what_if

__all__ = ["ExposureJob", "allocation", "explain", "open_run", "stress", "what_if"]

_HOMES = {
    "ExposureJob": "pipelines.runs.exposure",
    "open_run": "pipelines.results.run",
    "explain": "pipelines.runs.explain",
    "stress": "pipelines.runs.stress",
    "allocation": "pipelines.runs.what_if",
    "what_if": "pipelines.runs.what_if",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
