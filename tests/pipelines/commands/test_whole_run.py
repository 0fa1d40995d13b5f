"""The commands on the demo bank with few paths: run, status, verify, sensitivities, export, resume."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import pipelines
from pipelines.cli import app
from pipelines.runs.handle import RunCancelledError
from tests.support.bank_run import BankRun, small_bank


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture(scope="module")
def job(bank_run: BankRun) -> Path:
    return bank_run.job


@pytest.fixture(scope="module")
def shown(bank_run: BankRun) -> str:
    return bank_run.shown


@pytest.fixture(scope="module")
def run_folder(bank_run: BankRun) -> Path:
    return bank_run.folder


def test_run_prints_table_sensitivities_and_folder(shown: str, run_folder: Path) -> None:
    run = pipelines.open_run(run_folder)
    for name in run.xva["netting_set"].values:
        assert re.search(rf"^ {name} .*±", shown, re.MULTILINE)
    assert shown.count("±") >= 5 * run.xva.sizes["netting_set"]
    assert "The 10 largest sensitivities of CVA" in shown
    assert f"The run lies in {run_folder}" in shown
    assert "CVA - DVA + FCA = " in shown


def test_pfe_is_the_exact_quantile_of_the_stored_paths(run_folder: Path) -> None:
    run = pipelines.open_run(run_folder)
    expected = run.cube.xva.pfe(0.95).transpose("netting_set", "time")
    np.testing.assert_array_equal(run.profiles["pfe"], expected)
    assert run.profiles["pfe"].attrs["quantile"] == 0.95


def test_the_same_job_again_opens_its_run(job: Path, shown: str, run_folder: Path) -> None:
    before = (run_folder / "COMPLETE.json").read_bytes()
    again = invoke("run", job)
    assert again.stdout == shown
    assert (run_folder / "COMPLETE.json").read_bytes() == before


def test_status_and_verify_of_a_complete_run(run_folder: Path) -> None:
    status, verify = invoke("status", run_folder), invoke("verify", run_folder)
    assert (status.exit_code, verify.exit_code) == (0, 0)
    assert "complete, 8 of 8 blocks" in status.stdout
    assert "8 of 8 blocks stand, complete" in verify.stdout
    root = re.search(r"root hash ([0-9a-f]{64})", status.stdout)
    assert root is not None
    assert root.group() in verify.stdout


def test_sensitivities_on_the_terminal_and_as_csv(run_folder: Path, tmp_path: Path) -> None:
    name = str(pipelines.open_run(run_folder).xva["netting_set"].values[0])
    options = ("--measure", "CVA", "--netting-set", name, "--top", "5")
    done = invoke("sensitivities", run_folder, *options)
    assert f"The 5 largest sensitivities of CVA of {name}" in done.stdout
    written = invoke("sensitivities", run_folder, "--csv", tmp_path / "cva.csv")
    assert written.exit_code == 0
    assert (
        (tmp_path / "cva.csv")
        .read_text()
        .startswith("quote,measure,family,curve,currency,tenor,netting_set,value")
    )
    wrong = invoke("sensitivities", run_folder, "--measure", "MVA")
    assert wrong.exit_code == 2
    assert "measure: expected one of CVA," in wrong.stderr


def test_export(run_folder: Path, tmp_path: Path) -> None:
    done = invoke("export", run_folder, "--folder", tmp_path / "csv")
    assert done.exit_code == 0
    assert (tmp_path / "csv/xva.csv").read_text().startswith("#TradeId,NettingSetId,CVA,DVA,FBA,FCA")


@pytest.mark.slow
def test_resume_needs_nothing_but_the_run(tmp_path: Path, run_folder: Path) -> None:
    """The originals are gone, a block is lost, another is damaged: the same root hash comes out."""
    folder = tmp_path / run_folder.name
    shutil.copytree(run_folder, folder)
    before = pipelines.open_run(folder).completion
    (folder / "COMPLETE.json").unlink()
    (folder / "blocks/00000003.json").unlink()
    shard = folder / "cube.zarr/value/c/5/0/0"
    shard.write_bytes(shard.read_bytes()[:-1])
    status, verify = invoke("status", folder), invoke("verify", folder)
    assert (status.exit_code, verify.exit_code) == (1, 1)
    assert "incomplete, 7 of 8 blocks" in status.stdout
    assert "cube.zarr/value/c/5/0/0: torn" in verify.stdout
    done = invoke("resume", folder)
    assert done.exit_code == 0, done.output
    after = pipelines.open_run(folder).completion
    assert before is not None
    assert after is not None
    assert after.root_hash == before.root_hash
    assert invoke("verify", folder).exit_code == 0


@pytest.mark.slow
def test_a_submitted_job_can_be_followed_and_cancelled(tmp_path: Path) -> None:
    job = pipelines.ExposureJob.from_toml(small_bank(tmp_path))
    first = job.submit()
    first.cancel()
    with pytest.raises(RunCancelledError, match="what is done is kept"):
        first.result(timeout=120)
    assert first.progress().state == "cancelled"
    second = job.submit()
    run = second.result(timeout=120)
    assert second.done()
    assert str(second.progress()) == "finished, 8 of 8 blocks"
    assert run.blocks_done == 8


def test_bad_input_leaves_no_folder(tmp_path: Path) -> None:
    job = small_bank(tmp_path)
    quotes = tmp_path / "market/quotes.csv"
    quotes.write_text(
        quotes.read_text().replace("RECOVERY_RATE/RATE/BANK/SR/EUR,0", "RECOVERY_RATE/RATE/BANK/SR/EUR,7")
    )
    done = invoke("run", job)
    assert done.exit_code == 2
    assert "RECOVERY_RATE/RATE/BANK/SR/EUR" in done.stderr
    assert not (tmp_path / "runs").exists()
