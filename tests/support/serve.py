"""A Dask cluster in a process of its own, for tests that reach it by address or kill it."""

from __future__ import annotations

import sys
import time

from distributed import LocalCluster


def main() -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        sys.stdout.write(f"{cluster.scheduler_address}\n")
        sys.stdout.flush()
        time.sleep(120)


if __name__ == "__main__":
    main()
