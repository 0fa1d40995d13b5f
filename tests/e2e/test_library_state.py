"""A number does not depend on what the caller's session has set in the libraries: dtype, threads, error states, dates."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import QuantLib as ql
import torch
import xarray as xr

from pipelines import stress
from pipelines.results.run import Run
from pipelines.runs.exposure import ExposureJob
from tests.support.small_job import BERMUDAN, SWAPS, own_products, write_job
from xva.models.random import scrambled_sobol

SCENARIOS = """
[[scenario]]
name = "weaker"
shifts = [{ families = "FX", relative = "-10%" }, { families = "CDS", absolute = "50bp" }]
"""


@contextmanager
def altered_libraries() -> Iterator[None]:
    """A session in which everything that libraries keep globally is set to something else."""
    before = torch.get_default_dtype(), torch.get_num_threads(), ql.Settings.instance().evaluationDate
    try:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(2)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002  the old global generator is what is altered
        ql.Settings.instance().evaluationDate = ql.Date(3, 7, 2031)
        with (
            torch.no_grad(),
            np.errstate(all="raise"),
            xr.set_options(keep_attrs=False, arithmetic_join="outer"),
            decimal.localcontext(prec=4),
        ):
            yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_num_threads(before[1])
        torch.use_deterministic_algorithms(False)
        ql.Settings.instance().evaluationDate = before[2]


def everything(path: Path, output: Path) -> tuple[Run, xr.Dataset]:
    """A run with sensitivities, and a stress of it."""
    run = ExposureJob.from_toml(path).run("serial", output=output)
    scenarios = path.parent / "scenarios.toml"
    scenarios.write_text(SCENARIOS)
    return run, stress(run, scenarios).stress.results


def assert_same_arrays(one: xr.Dataset, other: xr.Dataset) -> None:
    assert set(one.variables) == set(other.variables)
    for name, variable in one.variables.items():
        np.testing.assert_array_equal(variable.values, other.variables[name].values, err_msg=str(name))


@pytest.mark.parametrize(
    "documents",
    [{}, pytest.param({"bermudan_swaptions": [BERMUDAN]}, marks=pytest.mark.slow)],
    ids=["swap", "bermudan"],
)
def test_the_same_bits_in_a_session_with_other_settings(documents: dict[str, Any], tmp_path: Path) -> None:
    with own_products(tmp_path / "modules"):
        path = write_job(tmp_path / "job", documents, {"swaps": SWAPS}, sensitivities=True)
        run, stressed = everything(path, tmp_path / "plain")
        with altered_libraries():
            other, other_stressed = everything(path, tmp_path / "altered")
            assert torch.get_default_dtype() == torch.float64  # the caller's settings are given back
            assert torch.get_num_threads() == 2
            assert torch.are_deterministic_algorithms_enabled()
    assert run.completion is not None
    assert other.completion is not None
    assert run.completion.root_hash == other.completion.root_hash
    assert_same_arrays(run.xva, other.xva)
    assert_same_arrays(stressed, other_stressed)


@pytest.mark.parametrize("first", [0, 16])
def test_points_do_not_depend_on_the_default_dtype(first: int) -> None:
    plain = scrambled_sobol(24, 7, 16, first)
    with altered_libraries():
        altered = scrambled_sobol(24, 7, 16, first)
    assert plain.dtype == altered.dtype == torch.float64
    torch.testing.assert_close(plain, altered, rtol=0, atol=0)
