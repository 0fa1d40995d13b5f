"""Who computes: a job's own ``[execution]`` unless an argument says otherwise, whatever is asked of the job."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pipelines
from pipelines import ExposureJob
from pipelines.execution import executors
from pipelines.execution.executors import SerialExecutor, executor_for
from pipelines.jobs.spec import Execution
from pipelines.results.run import Run
from pipelines.runs.explain import attribute_stress, explain
from pipelines.runs.stress import StressJob, resume_any
from pipelines.runs.what_if import allocation, what_if
from tests.support.small_job import SWAPS, write_job
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel

UP = ScenarioSet("up", (Scenario("up", (parallel(Selector(families=("OIS", "IBOR swap")), 0.0025),)),))
LOCAL = Execution(executor="local", workers=3)


@pytest.fixture(scope="module")
def asked() -> Iterator[list[int]]:
    """Workers of the local clusters that were asked for; this process stands in for them."""
    found: list[int] = []

    def local(workers: int, block_timeout: float | None) -> SerialExecutor:
        found.append(workers)
        return SerialExecutor()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "_local", local)
        yield found


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> ExposureJob:
    file = write_job(
        tmp_path_factory.mktemp("job") / "job", {}, {"swaps": SWAPS}, paths=128, sensitivities=True
    )
    text = file.read_text().replace('products = ["my_products", "own_products"]\n', "")
    file.write_text(text + '[execution]\nexecutor = "local"\nworkers = 3\n')
    return ExposureJob.from_toml(file)


@pytest.fixture(scope="module")
def run(asked: list[int], job: ExposureJob) -> Run:
    return job.run()


@pytest.fixture(scope="module")
def child(run: Run) -> Run:
    return pipelines.stress(run, UP)


def unfinished(run: Run, folder: Path) -> Path:
    """A copy without one block."""
    copy = Path(shutil.copytree(run.path, folder / run.path.name))
    (copy / "COMPLETE.json").unlink()
    next((copy / "blocks").glob("*1.json")).unlink()
    return copy


COMMANDS: dict[str, Callable[..., object]] = {
    "run": lambda job, run, child, folder, **how: job.run(output=folder, **how),
    "train": lambda job, run, child, folder, **how: job.train(output=folder, **how),
    "stress": lambda job, run, child, folder, **how: pipelines.stress(run, UP, output=folder, **how),
    "resume": lambda job, run, child, folder, **how: resume_any(unfinished(run, folder), **how),
    "resume stress": lambda job, run, child, folder, **how: resume_any(unfinished(child, folder), **how),
    "what-if": lambda job, run, child, folder, **how: what_if(run, remove=["IRS"], **how),
    "allocate": lambda job, run, child, folder, **how: allocation(run, "A", **how),
    "explain": lambda job, run, child, folder, **how: explain(run, run, **how),
    "stress, explained": lambda job, run, child, folder, **how: attribute_stress(StressJob(run, UP), **how),
}


Ways = list[tuple[dict[str, Any], list[int]]]
WAYS: Ways = [({}, [3]), ({"workers": 5}, [5]), ({"executor": "serial"}, [])]


@pytest.mark.parametrize(
    "ways", [WAYS[:1], pytest.param(WAYS[1:], marks=pytest.mark.slow)], ids=["own", "told"]
)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_jobs_executor_unless_an_argument_says_otherwise(
    command: str, ways: Ways, asked: list[int], job: ExposureJob, run: Run, child: Run, tmp_path: Path
) -> None:
    for how, workers in ways:
        asked.clear()
        folder = tmp_path / f"{len(how)}{'-'.join(how)}"
        folder.mkdir()
        COMMANDS[command](job, run, child, folder, **how)
        assert asked == workers


def test_a_job_in_one_process_takes_workers_that_are_asked_for(asked: list[int]) -> None:
    asked.clear()
    assert executor_for(Execution()) == SerialExecutor()
    assert asked == []
    executor_for(Execution(), workers=4)
    executor_for(Execution(workers=7), "local")
    executor_for(LOCAL, workers=1)
    executor_for(LOCAL, workers=0)  # which a cluster refuses
    assert asked == [4, 7, 1, 0]
    mine = SerialExecutor()
    assert executor_for(LOCAL, mine) is mine
    address = executor_for(Execution(executor="tls://host:8786"), workers=4)
    assert address.label == "tls://host:8786"
