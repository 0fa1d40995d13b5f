"""A driver process for tests that kill it: ``python -m tests.support.drive RUN_DIR EXECUTOR DELAY [BLOCKS]``."""

from __future__ import annotations

import sys

from pipelines.execution.executors import executor_from
from pipelines.execution.runner import RunSettings, execute
from pipelines.storage.identity import RunIdentity
from tests.support import dummy_plan
from tests.support.dummy_plan import DummyPlan

TRUST = (dummy_plan.__name__,)


def identity(plan: DummyPlan) -> RunIdentity:
    return RunIdentity("dummy", plan.seed, {"blocks": plan.blocks, "dates": plan.n_dates}, plan.size)


def main(run_dir: str, executor: str, delay: str, blocks: str = "8") -> None:
    plan = DummyPlan(int(blocks), delay=float(delay))
    settings = RunSettings(trusted_modules=TRUST)
    execute(
        plan,
        run_dir,
        executor_from(executor, 2),
        dummy_plan.finish,
        identity=identity(plan),
        settings=settings,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
