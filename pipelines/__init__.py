"""Jobs, storage and commands around the mathematics of ``xva``.

``open_run(path)`` opens a run directory; ``ExposureJob.from_toml(path)`` is a job to run or submit.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.exposure_job import ExposureJob
    from pipelines.results.run import open_run

__all__ = ["ExposureJob", "open_run"]

_HOMES = {"ExposureJob": "pipelines.exposure_job", "open_run": "pipelines.results.run"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pipelines' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
