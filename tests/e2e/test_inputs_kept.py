"""A run keeps the inputs that it computed, whatever happens to the files meanwhile."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.runs.exposure import ExposureJob, resume_run
from pipelines.runs.stress import stress
from tests.support.small_job import swap_job
from xva.errors import StoreError


def double_spreads(path: Path) -> None:
    table = path.parent / "quotes.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    moved = [(a, str(2 * float(b)) if a.startswith("CDS/") else b) for a, b in lines]
    table.write_text("\n".join(map(",".join, moved)) + "\n")


def test_quotes_edited_between_reading_and_running(tmp_path: Path) -> None:
    path = swap_job(tmp_path / "job")
    undisturbed = ExposureJob.from_toml(path).run(output=tmp_path / "undisturbed")
    job = ExposureJob.from_toml(path)
    double_spreads(path)
    run = job.run(output=tmp_path / "runs")
    assert run.manifest.run_id == undisturbed.manifest.run_id
    shutil.rmtree(run.path / "xva.zarr")  # as if killed before its end
    (run.path / "COMPLETE.json").unlink()
    resumed = resume_run(run.path)
    np.testing.assert_array_equal(resumed.xva["xva"], undisturbed.xva["xva"])
    assert (
        ExposureJob.from_toml(path).identity.run_id != run.manifest.run_id
    )  # the edited files are another job


def test_a_run_whose_files_are_not_its_job_is_not_continued(tmp_path: Path) -> None:
    """Made in Python from a job whose quotes were replaced after reading."""
    job = ExposureJob.from_toml(swap_job(tmp_path / "job"))
    name = next(i for i in job.loaded.quotes.ids if i.startswith("CDS/CREDIT_SPREAD/CPTY_A"))
    other = ExposureJob(replace(job.loaded, quotes=job.loaded.quotes.shifted(name, 0.001)))
    run = other.run(output=tmp_path / "runs")
    scenarios = tmp_path / "scenarios.toml"
    scenarios.write_text('[[scenario]]\nname = "up"\nshifts = [{ families = "CDS", absolute = "1bp" }]\n')
    for again in (lambda: resume_run(run.path), lambda: stress(run, scenarios)):
        with pytest.raises(
            StoreError, match=r"not the job that it ran: inputs\.quotes is .* -> run the job again"
        ):
            again()


def test_inputs_above_the_job_and_files_that_are_no_tables(tmp_path: Path) -> None:
    """Inputs above the job file, and a file among the trades that is no table."""
    path = swap_job(tmp_path / "deep" / "job")
    shutil.move(path.parent / "quotes.csv", tmp_path / "quotes.csv")
    path.write_text(path.read_text().replace('"quotes.csv"', '"../../quotes.csv"'))
    (path.parent / "trades" / "notes.txt").write_text("no trades")
    loaded = ExposureJob.from_toml(path).loaded
    assert set(loaded.files) == {
        "job:deep/job/job.toml",
        "input:quotes.csv",
        *(
            f"input:deep/job/{n}"
            for n in ("netting_sets.csv", "counterparties.csv", "fixings.csv", "trades/swaps.csv")
        ),
    }
    assert loaded.path == path
