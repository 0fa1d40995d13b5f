"""What tests of several rooms share."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from tests.support.bank_run import BankRun, small_bank


@pytest.fixture(scope="session")
def bank_run(tmp_path_factory: pytest.TempPathFactory) -> BankRun:
    """The demo bank small, run once by its command."""
    job = small_bank(tmp_path_factory.mktemp("bank"), sensitivities=True)
    done = CliRunner().invoke(app, ["run", str(job)])
    assert done.exit_code == 0, done.output
    (folder,) = (job.parent / "runs").iterdir()
    return BankRun(job, folder, done.stdout)
