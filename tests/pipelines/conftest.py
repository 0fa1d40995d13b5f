"""A synthetic result of the shape that the engine's finisher gives, and run directories around it."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

from tests.support.made_run import made_results, make_run


@pytest.fixture
def results() -> xr.Dataset:
    return made_results()


@pytest.fixture
def finished(tmp_path: Path, results: xr.Dataset) -> Path:
    return make_run(tmp_path / "demo-finished", results, blocks=2, finished=True)


@pytest.fixture
def half(tmp_path: Path, results: xr.Dataset) -> Path:
    return make_run(tmp_path / "demo-half", results, blocks=1, finished=False)
