"""``xva report``: where the file goes, what is refused, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import pipelines
from pipelines.cli import app
from pipelines.runs.exposure import ExposureJob
from tests.support.small_job import SWAPS, write_job

SCENARIOS = """
name = "one"
[[scenario]]
name = "wider"
shifts = [{ families = "CDS", relative = "50%" }]
"""


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, args)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = write_job(tmp_path_factory.mktemp("report") / "job", {}, {"swaps": SWAPS})
    text = file.read_text()
    file.write_text(text[: text.index("products = ")] + text[text.index("[simulation]") :])
    return ExposureJob.from_toml(file).run("serial").path


@pytest.fixture(scope="module")
def child(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scenarios") / "one.toml"
    file.write_text(SCENARIOS)
    return pipelines.stress(run, file).path


def test_into_the_run_s_directory_or_where_it_is_told(run: Path, child: Path, tmp_path: Path) -> None:
    done = invoke(run)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(run / "report.html")
    told = invoke(run, "--output", tmp_path / "mine.html", "--stress", child)
    assert told.exit_code == 0, told.output
    plain, stressed = ((f).read_text() for f in (run / "report.html", tmp_path / "mine.html"))
    assert "Stress scenarios" in stressed
    assert "Stress scenarios" not in plain


def test_a_report_does_not_make_a_run_look_changed(run: Path) -> None:
    invoke(run)
    assert CliRunner().invoke(app, ["verify", str(run)]).exit_code == 0


def test_what_is_refused(run: Path, child: Path, tmp_path: Path) -> None:
    for arguments, code, said in (
        ((child,), 2, "got a stress run"),
        ((run, "--stress", run), 2, "got a job's run"),
        ((run, "--output", tmp_path / "none/x.html"), 2, "a folder that exists"),
        ((tmp_path,), 2, "run.json"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == code, done.output
        assert said in done.stderr
