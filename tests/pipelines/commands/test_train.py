"""``xva train``: learns once, reuses, says what the certificates say, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import pipelines.runs.computation
from pipelines.cli import app
from pipelines.jobs.inputs import LoadedJob
from surrogates.training.trade_training import TrainingSettings
from tests.support.small_job import CLIQUET, FORWARD, SWAPS, own_products, write_job


@pytest.fixture(scope="module", autouse=True)
def products(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with own_products(tmp_path_factory.mktemp("python") / "path") as file:
        yield file


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


def rows(shown: str) -> dict[str, str]:
    """Last columns of the table by trade."""
    found = re.findall(r"^ (\w+) +[ABC] .*?([\d.]+|reused)  +(\S.*?) *$", shown, re.MULTILINE)
    return {trade: took for trade, took, _ in found}


def test_learns_then_reuses_then_learns_again(tmp_path: Path) -> None:
    job = write_job(tmp_path / "job", {"path_forwards": [FORWARD], "cliquets": [CLIQUET]}, {"swaps": SWAPS})
    first = invoke("train", job)
    assert first.exit_code == 0, first.output
    assert {name: float(took) > 0.0 for name, took in rows(first.stdout).items()} == {
        "FWD": True,
        "CLIQ": True,
    }
    assert "certified at first try" in first.stdout
    folder = job.parent / "runs" / "surrogates"
    assert f"The surrogates lie in {folder}" in first.stdout
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert len(before) == 4
    assert rows(invoke("train", job).stdout) == {"FWD": "reused", "CLIQ": "reused"}
    again = rows(invoke("train", job, "--retrain").stdout)
    assert all(took != "reused" for took in again.values())
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    # another folder knows nothing of these
    elsewhere = invoke("train", job, "--output", tmp_path / "other")
    assert "reused" not in elsewhere.stdout
    assert {p.name for p in (tmp_path / "other" / "surrogates").iterdir()} == set(before)


def test_nothing_to_learn(tmp_path: Path) -> None:
    done = invoke("train", write_job(tmp_path / "job", {}, {"swaps": SWAPS}))
    assert done.exit_code == 0
    assert "Every trade of this job has a closed form" in done.stdout
    assert not (tmp_path / "job" / "runs").exists()


def test_refused_without_a_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificate, nothing to replace the surrogate: exit code 1, and no run."""
    asked = pipelines.runs.computation.settings_of

    def strict(job: LoadedJob) -> TrainingSettings:
        return replace(asked(job), fallback=False, tolerance=1e-4)

    monkeypatch.setattr(pipelines.runs.computation, "settings_of", strict)
    job = write_job(tmp_path / "job", {"cliquets": [CLIQUET]})
    trained = invoke("train", job)
    assert trained.exit_code == 1
    assert re.search(r"^ CLIQ +B +fail ", trained.stdout, re.MULTILINE)
    assert "trade CLIQ: refused: " in trained.stdout
    run = invoke("run", job)
    assert run.exit_code == 1
    assert "no certificate and no fallback: trade CLIQ: refused: " in run.stderr
    assert [p.name for p in (job.parent / "runs").iterdir()] == ["surrogates"]


def test_a_product_that_fails_is_named(tmp_path: Path) -> None:
    broken = FORWARD | {"trade_id": "BROKEN"}
    job = write_job(tmp_path / "job", {"broken": [broken], "path_forwards": [FORWARD]})
    done = invoke("train", job)
    assert done.exit_code == 1
    assert "trade BROKEN: ValueError: a slip in the product" in done.stderr
    assert "FWD" not in done.stderr
    assert "what else was learned is kept" in done.stderr
    assert len(list((job.parent / "runs" / "surrogates").glob("*.json"))) == 1


def test_bad_input(tmp_path: Path) -> None:
    done = invoke("train", tmp_path / "none.toml")
    assert done.exit_code == 2
    assert "expected a readable job file" in done.stderr
