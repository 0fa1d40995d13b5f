"""How long a block may take: stated, or many times what finished blocks took."""

from __future__ import annotations

import pytest

from pipelines.execution.deadline import DIFFERING, SHORTEST, UNMEASURED, Deadline
from pipelines.execution.executors import executor_for
from pipelines.jobs.spec import Execution


def measured(*seconds: float, stated: float | None = None, alike: bool = True) -> Deadline:
    deadline = Deadline(stated, alike)
    for s in seconds:
        deadline.note(s)
    return deadline


@pytest.mark.parametrize(
    ("deadline", "limit", "why"),
    [
        (measured(), UNMEASURED, "nothing measured"),
        (measured(0.2, 0.1, 9.0), SHORTEST, "median of 3 finished blocks is 0.2 s"),
        (measured(30.0, 10.0, 20.0), 400.0, "median of 3 finished blocks is 20 s"),
        (measured(10.0, 20.0), 300.0, "is 15 s"),
        (measured(30.0, stated=5.0), 5.0, "as stated"),
        (measured(1.0, 2.0, alike=False), DIFFERING, "nothing measured"),
    ],
)
def test_the_limit_and_where_it_is_from(deadline: Deadline, limit: float, why: str) -> None:
    assert deadline.limit == pytest.approx(limit)
    assert why in deadline.why()


def test_a_job_states_it_and_an_argument_overrides_the_job() -> None:
    job = Execution(executor="local", workers=1, block_timeout=90.0)
    assert executor_for(job).patience.block == 90.0  # type: ignore[attr-defined]
    assert executor_for(job, block_timeout=7.0).patience.block == 7.0  # type: ignore[attr-defined]
    assert executor_for(Execution(executor="tcp://127.0.0.1:1")).patience.block is None  # type: ignore[attr-defined]
