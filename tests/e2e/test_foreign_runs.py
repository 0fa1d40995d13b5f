"""Whoever opens or continues a run that somebody else made executes nothing that its files name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pipelines
from pipelines import ExposureJob
from pipelines.cli import app
from pipelines.execution.status import verify
from pipelines.results.run import Run
from pipelines.runs.explain import explain
from pipelines.runs.exposure import resume_run
from pipelines.runs.stress import resume_any
from pipelines.runs.what_if import allocation, what_if
from tests.support.small_job import PRODUCTS, SWAPS, own_products, write_job
from xva.errors import InputErrors
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel

UP = ScenarioSet("up", (Scenario("up", (parallel(Selector(families=("OIS", "IBOR swap")), 0.0025),)),))
FOREIGN = "foreign_products"
REFUSED = rf"modules that you name yourself, since opening a run executes none, got {FOREIGN} -> .*--products {FOREIGN}"


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """There once the module has been executed."""
    folder = tmp_path_factory.mktemp("python")
    file = folder / "executed"
    with own_products(folder / "path") as own:
        text = f"import pathlib\npathlib.Path({str(file)!r}).touch()\n{PRODUCTS.replace('_cliquets', '_foreign')}"
        (own.parent / f"{FOREIGN}.py").write_text(
            text.replace('"path_forwards"', '"path_f"').replace('"broken"', '"b"')
        )
        yield file
        sys.modules.pop(FOREIGN, None)


@pytest.fixture(scope="module")
def run(marker: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Its maker named the module in a job of his own, which executes it."""
    file = write_job(tmp_path_factory.mktemp("job") / "job", {}, {"swaps": SWAPS}, sensitivities=True)
    lines = file.read_text().splitlines()
    named = [f'products = ["{FOREIGN}"]' if line.startswith("products") else line for line in lines]
    file.write_text("\n".join(named))
    found = ExposureJob.from_toml(file).run()
    assert marker.exists()
    return found


@pytest.fixture(scope="module")
def child(run: Run) -> Run:
    return pipelines.stress(run, UP)


@pytest.fixture
def elsewhere(run: Run, child: Run, marker: Path) -> Iterator[None]:
    """A process that has not heard of the module, though it lies on its path."""
    known = sys.modules.pop(FOREIGN, None)
    marker.unlink(missing_ok=True)
    yield
    if known is not None:
        sys.modules[FOREIGN] = known


@pytest.mark.usefixtures("elsewhere")
def test_nothing_that_computes_from_a_run_imports_its_modules(run: Run, child: Run, marker: Path) -> None:
    for again in (
        lambda: resume_run(run.path),
        lambda: resume_any(child.path),
        lambda: pipelines.stress(run, UP),
        lambda: what_if(run, remove=["IRS"]),
        lambda: allocation(run),
        lambda: explain(run, run),
    ):
        with pytest.raises(InputErrors, match=REFUSED):
            again()
    assert not marker.exists()


@pytest.mark.usefixtures("elsewhere")
def test_looking_at_a_run_needs_no_module(run: Run, child: Run, marker: Path, tmp_path: Path) -> None:
    assert verify(run.path).ok
    for command in (
        ["status", str(run.path)],
        ["verify", str(run.path)],
        ["sensitivities", str(run.path)],
        ["report", str(run.path), "--stress", str(child.path), "--output", str(tmp_path / "report.html")],
        ["export", str(run.path), "--folder", str(tmp_path / "csv")],
    ):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
    assert not marker.exists()


@pytest.mark.usefixtures("elsewhere")
def test_a_user_who_names_the_module_trusts_it(run: Run, marker: Path) -> None:
    command = ["resume", str(run.path)]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert f"--products {FOREIGN}" in refused.stderr
    absent = CliRunner().invoke(app, [*command, "--products", "nowhere_to_be_found"])
    assert absent.exit_code == 2
    assert "--products: expected a module of products, nowhere_to_be_found" in absent.stderr
    assert not marker.exists()
    done = CliRunner().invoke(app, [*command, "--products", FOREIGN])
    assert done.exit_code == 0, done.output
    assert marker.exists()


@pytest.mark.usefixtures("elsewhere")
def test_in_python_an_import_of_ones_own_does_it(run: Run) -> None:
    importlib.import_module(FOREIGN)
    assert resume_run(run.path).completion is not None
