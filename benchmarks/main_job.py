"""The full bank end to end: total time, cost per trade, path and date, memory, and what all sensitivities cost.

    python benchmarks/main_job.py [--job examples/bank/full.toml] [--workers 2] [--device cpu] [--dtype float64]

Prints two tables. *Run*: the job as a user submits it, on a local Dask cluster, wall clock, with the peak resident memory
of driver and workers. *Compute*: processor seconds in one process, of values alone and of values with every sensitivity
of CVA, DVA, FCA and FBA by netting set; with market build and noise, and for the path part alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--job", type=Path, default=ROOT / "examples/bank/full.toml")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    parser.add_argument("--skip-run", action="store_true", help="only the compute table")
    arguments = parser.parse_args()
    console = Console(width=100)
    if not arguments.skip_run:
        console.print(run_table(arguments.job, arguments.workers))
    console.print(compute_table(arguments.job, arguments.device, arguments.dtype))


def run_table(job: Path, workers: int) -> Table:
    """The job in a fresh folder, as `xva run` does it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "pipelines.cli", "run", str(job), "--workers", str(workers), "--output", folder,
        ]  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
        peak: dict[int, tuple[str, int]] = {}
        watcher = threading.Thread(target=_watch, args=(process, peak))
        watcher.start()
        _, errors = process.communicate()
        seconds = time.perf_counter() - began
        watcher.join()
        if process.returncode:
            raise SystemExit(errors.decode())
        (run,) = Path(folder).iterdir()
        size = sum(f.stat().st_size for f in run.rglob("*") if f.is_file())
        root = json.loads((run / "COMPLETE.json").read_text()).get("root", "")
    table = Table(title=f"Run: {job.name}, {workers} workers, {os.cpu_count()} cores")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("wall clock, imports and cluster included", f"{seconds:.1f} s")
    for role, memory in sorted(peak.values()):
        table.add_row(f"peak memory, {role}", f"{memory / 2**20:,.0f} MB")
    table.add_row("run directory", f"{size / 2**20:,.0f} MB")
    if root:
        table.add_row("root hash", str(root)[:16])
    return table


def _watch(process: subprocess.Popen[bytes], peak: dict[int, tuple[str, int]]) -> None:
    me = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [(me, "driver"), *((p, "worker") for p in me.children(recursive=True))]
        except psutil.NoSuchProcess:
            return
        for member, role in family:
            try:
                memory, line = member.memory_info().rss, " ".join(member.cmdline())
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if role == "worker" and "spawn_main" not in line:
                continue
            known = peak.get(member.pid, (role, 0))[1]
            peak[member.pid] = (role, max(known, memory))
        time.sleep(0.1)


def compute_table(path: Path, device: str, dtype: str) -> Table:
    """Processor seconds, one process, one thread."""
    from dataclasses import replace

    from pipelines.jobs.inputs import load_job
    from pipelines.runs.computation import Exposure
    from xva.exposure.block.plan import ExposurePlan
    from xva.sensitivities.reverse_pass import quote_gradients, scramble_means

    torch.set_num_threads(1)
    job = load_job(path)
    seconds: dict[str, float] = {}
    engine = _timed(seconds, "market and model", lambda: Exposure(job).engine)
    data = _timed(
        seconds, "plan inputs", lambda: replace(engine.data(adjoint=True), device=device, dtype=dtype)
    )
    values, adjoints = ExposurePlan(replace(data, adjoint=False)), ExposurePlan(data)
    noise = _timed(seconds, "noise", lambda: [data.noise.grid(b) for b in range(data.n_blocks)])
    del noise
    _timed(seconds, "values", lambda: [values.run(b).sums for b in range(data.n_blocks)])
    blocks = _timed(
        seconds, "values and adjoints", lambda: [adjoints.run(b).sums for b in range(data.n_blocks)]
    )
    means = scramble_means(data, blocks)
    _timed(seconds, "pull-back to quotes", lambda: quote_gradients(engine, data, means))

    prepare = seconds["market and model"] + seconds["plan inputs"]
    value_total = prepare + seconds["values"]
    all_total = prepare + seconds["values and adjoints"] + seconds["pull-back to quotes"]
    path_values = seconds["values"] - seconds["noise"]
    path_all = seconds["values and adjoints"] - seconds["noise"]
    paths = data.n_blocks * data.noise.block_size
    work = len(job.trades) * paths * (len(data.times) - 1)
    table = Table(
        title=f"Compute: {len(job.trades):,} trades, {paths:,} paths, {len(data.times) - 1} dates, "
        f"{len(engine.quotes.ids)} quotes, {device} {dtype}"
    )
    table.add_column("processor seconds, one thread")
    table.add_column("s", justify="right")
    table.add_column("ns per trade, path and date", justify="right")
    for name, found in seconds.items():
        table.add_row(name, f"{found:.2f}", f"{1e9 * found / work:.3f}")
    table.add_section()
    table.add_row("values alone, all in", f"{value_total:.2f}", f"{1e9 * value_total / work:.3f}")
    table.add_row("values and all sensitivities, all in", f"{all_total:.2f}", f"{1e9 * all_total / work:.3f}")
    table.add_row("ratio, all in", f"{all_total / value_total:.2f}x", "")
    table.add_row("ratio, path part alone (noise and market left out)", f"{path_all / path_values:.2f}x", "")
    return table


def _timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    began = time.process_time()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds[name] = time.process_time() - began
    return found


if __name__ == "__main__":
    main()
