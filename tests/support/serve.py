"""A Dask cluster in a process of its own, for tests that reach it by address or kill it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import LocalCluster

from tests.support.places import ROOT


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of a cluster and its address; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        sys.stdout.write(f"{cluster.scheduler_address}\n")
        sys.stdout.flush()
        time.sleep(120)


if __name__ == "__main__":
    main()
