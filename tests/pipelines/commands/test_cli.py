"""The command line: fast help, lazy imports, exit codes, messages on standard error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import VERBS, app
from pipelines.commands.outcome import exit_code
from pipelines.execution.errors import ClusterError, InsecureClusterError, QuarantineError
from pipelines.storage.manifest import ForeignRunError
from tests.support.places import ROOT
from xva.errors import DomainError, InputErrors, MarketDataError, Problem, StoreError

HEAVY = ("torch", "dask", "distributed", "zarr", "xarray", "pandas", "numpy", "scipy", "QuantLib", "pydantic")


def invoke(*args: str) -> Result:
    return CliRunner().invoke(app, args)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, pipelines.cli; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == []


def test_help_names_every_verb_and_the_exit_codes() -> None:
    shown = invoke("--help").output
    assert all(verb.__name__ in shown for verb in VERBS)
    assert "130" in shown


@pytest.mark.parametrize("verb", [v.__name__ for v in VERBS])
def test_every_verb_explains_itself(verb: str) -> None:
    done = invoke(verb, "--help")
    assert done.exit_code == 0
    assert "Usage" in done.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputErrors([Problem("job.toml", "a", "b")]), 2),
        (InputErrors([Problem("autocallables.csv", "a", "b", unsupported=True)]), 3),
        (InputErrors([Problem("autocallables.csv", "a", "b", unsupported=True), Problem("x", "a", "b")]), 2),
        (MarketDataError("quote"), 2),
        (DomainError("pfe"), 2),
        (ForeignRunError("another job"), 2),
        (InsecureClusterError("tcp"), 2),
        (ClusterError("gone"), 1),
        (QuarantineError("block 3"), 1),
        (StoreError("torn"), 1),
    ],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_a_missing_job_file_is_bad_input(verb: str, tmp_path: Path) -> None:
    done = invoke(verb, str(tmp_path / "none.toml"))
    assert done.exit_code == 2
    assert "1 problem in the inputs:" in done.stderr
    assert "none.toml: expected a readable job file" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["status", "verify", "resume", "export", "sensitivities"])
def test_a_folder_that_is_no_run_is_bad_input(verb: str, tmp_path: Path) -> None:
    done = invoke(verb, str(tmp_path))
    assert done.exit_code == 2
    assert "is not a run directory: expected a file run.json in it" in done.stderr


def test_bad_usage_is_exit_code_2() -> None:
    assert invoke("run").exit_code == 2
    assert invoke("run", "job.toml", "--workers", "0").exit_code == 2
    assert invoke("nonsense").exit_code == 2
