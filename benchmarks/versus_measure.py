"""One measurement of `versus_today.py`, in whichever version of the platform is on the path: prints JSON, one thread.

python benchmarks/versus_measure.py bank JOB BLOCKS | swaps JOB SMALL_JOB | read JOB SMALL_JOB
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

_HOMES = {
    "Exposure": ("pipelines.runs.computation", "pipelines.engine"),
    "ExposurePlan": ("xva.exposure.block.plan", "xva.valuation.exposure_plan"),
    "quote_gradients": ("xva.sensitivities.reverse_pass", "xva.valuation.pullback"),
    "scramble_means": ("xva.sensitivities.reverse_pass", "xva.valuation.pullback"),
}


def found(name: str) -> Any:
    """An object that has moved since, by its name today."""
    for module in _HOMES[name]:
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError:
            continue
    raise ImportError(name)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, and what came out."""
    began = time.process_time()
    out = work()
    return time.process_time() - began, out


def bank(path: Path, blocks: int) -> dict[str, Any]:
    """The full bank: every stage in seconds, of ``blocks`` blocks scaled to all; profiles and their standard errors."""
    job = _load(path)
    prepare, engine = timed(lambda: found("Exposure")(job).engine)
    inputs, data = timed(lambda: engine.data(adjoint=True))
    plan = found("ExposurePlan")
    values, adjoints = plan(replace(data, adjoint=False)), plan(data)
    numbers, scale = range(min(blocks, data.n_blocks)), data.n_blocks / min(blocks, data.n_blocks)
    noise, _ = timed(lambda: [data.noise.grid(b) for b in numbers])
    plain, sums = timed(lambda: [values.run(b).sums for b in numbers])
    full, with_adjoints = timed(lambda: [adjoints.run(b).sums for b in numbers])
    every = [with_adjoints[b % len(with_adjoints)] for b in range(data.n_blocks)]
    means = found("scramble_means")(data, every)
    pull, _ = timed(lambda: found("quote_gradients")(engine, data, means))
    profiles = {side: np.array([s[side] for s in sums]) / data.noise.block_size for side in ("epe", "ene")}
    return {
        "prepare": prepare,
        "inputs": inputs,
        "noise": noise * scale,
        "values": plain * scale,
        "adjoints": full * scale,
        "pull": pull,
        "times": np.asarray(data.times).tolist(),
        **{f"{k}_mean": v.mean(0).tolist() for k, v in profiles.items()},
        **{f"{k}_var": (v.var(0, ddof=1) / len(v)).tolist() for k, v in profiles.items() if len(v) > 1},
    }


def swaps(path: Path, small: Path) -> dict[str, Any]:
    """A book of swaps from parsed inputs to profiles, and its path part alone; a small one comes first, for imports."""
    first = found("Exposure")(_load(small)).engine
    found("ExposurePlan")(first.data(adjoint=False)).run(0)
    job = _load(path)
    prepare, engine = timed(lambda: found("Exposure")(job).engine)
    inputs, data = timed(lambda: engine.data(adjoint=False))
    plan = found("ExposurePlan")(data)
    noise, _ = timed(lambda: [data.noise.grid(b) for b in range(data.n_blocks)])
    paths, _ = timed(lambda: [plan.run(b).sums for b in range(data.n_blocks)])
    dates, count = len(data.times) - 1, data.n_blocks * data.noise.block_size
    work = len(job.trades) * dates * count
    all_in = prepare + inputs + paths
    return {"dates": dates, "all_in": 1e9 * all_in / work, "path_part": 1e9 * (paths - noise) / work}


def read(path: Path, small: Path) -> dict[str, Any]:
    """From files to a checked, compiled and reconciled book, in seconds and MB; a small one comes first, for imports."""
    first = found("Exposure")(_load(small))
    first.reconciliation()
    reading, job = timed(lambda: _load(path))
    exposure = found("Exposure")(job)
    compiling, _ = timed(lambda: exposure.engine)
    reconciling, _ = timed(exposure.reconciliation)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"read": reading, "compile": compiling, "reconcile": reconciling, "peak": peak}


def _load(path: Path) -> Any:
    return importlib.import_module("pipelines.jobs.inputs").load_job(path)


def main() -> None:
    torch.set_num_threads(1)
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "bank":
        out = bank(path, int(sys.argv[3]))
    else:
        out = {"swaps": swaps, "read": read}[what](path, Path(sys.argv[3]))
    print(json.dumps(out))


if __name__ == "__main__":
    main()
