"""What the driver does before the first block, on the full bank, and what rebuilding costs when one quote moves.

    python benchmarks/client.py

Prints processor seconds of one thread, and as ratios a whole market build against one that reuses what a bumped quote does
not reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from xva.market.build import build_market

FULL = Path(__file__).parents[1] / "examples/bank/full.toml"
REPEATS = 3


def best(work: Callable[[], Any]) -> float:
    """Least processor seconds of a few tries."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def main() -> None:
    torch.set_num_threads(1)
    job = load_job(FULL)
    exposure = Exposure(job)
    engine = exposure.engine
    market = build_market(job.quotes, job.market_config)
    rate = job.quotes.shifted("IR_SWAP/RATE/EUR/2D/1D/10Y", 1e-6)
    credit = job.quotes.shifted("CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y", 1e-6)
    seconds = {
        "read and check the job (market and model included)": best(lambda: load_job(FULL)),
        f"claims of {len(job.trades):,} trades": best(lambda: [t.claims(job.context) for t in job.trades]),
        f"market of {len(job.quotes.ids)} quotes, built whole": best(
            lambda: build_market(rate, job.market_config)
        ),
        "market, one EUR swap rate moved": best(lambda: build_market(rate, job.market_config, market)),
        "market, one CDS spread moved": best(lambda: build_market(credit, job.market_config, market)),
        "plan inputs": best(lambda: engine.data()),
        "reconciliation of every trade at t = 0": best(exposure.reconciliation),
    }
    table = Table(title="Driver, full bank")
    table.add_column("processor seconds, one thread")
    table.add_column("s", justify="right")
    for name, found in seconds.items():
        table.add_row(name, f"{found:.4f}")
    whole, rates, credits_ = list(seconds.values())[2:5]
    table.add_section()
    table.add_row("whole build / rebuild after a swap rate", f"{whole / rates:.1f}x")
    table.add_row("whole build / rebuild after a CDS spread", f"{whole / credits_:.1f}x")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
