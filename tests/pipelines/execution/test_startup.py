"""Workers that die before the scheduler knows them: the run goes on with others, or ends in words and can be resumed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands.outcome import exit_code
from pipelines.execution import dask_executors
from pipelines.execution.cluster import Patience
from pipelines.execution.dask_executors import LocalExecutor
from pipelines.execution.errors import NoWorkersError
from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.serial import SerialExecutor
from pipelines.execution.status import status
from tests.support.drive import TRUST, identity
from tests.support.dummy_plan import DummyPlan, finish

PLAN = DummyPlan(blocks=4)
SETTINGS = RunSettings(trusted_modules=TRUST)
DYING = """
import os, pathlib, signal

def dask_setup(worker):
    for life in range({lives}):
        try:
            pathlib.Path({folder!r}, str(life)).touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_at_start(monkeypatch: pytest.MonkeyPatch, folder: Path, lives: int) -> None:
    """The first ``lives`` worker processes die as they start."""
    (folder / "lives").mkdir()
    script = folder / "dying.py"
    script.write_text(DYING.format(lives=lives, folder=str(folder / "lives")))
    start = dask_executors.LocalCluster

    def dying(preload: list[str], **options: Any) -> Any:
        return start(preload=[*preload, str(script)], **options)

    monkeypatch.setattr(dask_executors, "LocalCluster", dying)


@pytest.mark.slow
def test_workers_that_die_while_they_start_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kill_at_start(monkeypatch, tmp_path, lives=3)
    executor = LocalExecutor(1, patience=Patience(poll=0.1, restart=1.0))
    outcome = execute(PLAN, tmp_path / "run", executor, finish, identity=identity(PLAN), settings=SETTINGS)
    assert outcome.computed == (0, 1, 2, 3)
    assert len(os.listdir(tmp_path / "lives")) == 3
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.slow
def test_without_any_worker_the_run_ends_in_words_and_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    kill_at_start(monkeypatch, tmp_path, lives=1000)
    executor = LocalExecutor(1, patience=Patience(poll=0.1, restart=1.0, no_workers=60.0))
    folder = tmp_path / "run"
    with pytest.raises(
        NoWorkersError, match=r"10 workers in a row died while they started; .* Then resume the run"
    ) as caught:
        execute(PLAN, folder, executor, finish, identity=identity(PLAN), settings=SETTINGS)
    assert exit_code(caught.value) == 1
    assert len(os.listdir(tmp_path / "lives")) >= 10
    assert (status(folder).state, status(folder).done) == ("incomplete", 0)
    assert resume(folder, SerialExecutor(), finish, settings=SETTINGS).computed == (0, 1, 2, 3)
    assert "Traceback" not in "".join(capfd.readouterr())
