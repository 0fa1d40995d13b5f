"""Every quote of the full bank: AD against central bumps of 0.01 bp, calibration included, same paths.

    python benchmarks/aad_vs_bump.py             # all quotes, 1,024 paths, two processes
    python benchmarks/aad_vs_bump.py --quick     # the demo book, every 12th quote

Prints, per measure, the largest difference in units of the measure's largest sensitivity, in total and by netting set (each
netting set in units of its own largest), where it is, and what bumping costs next to AD. Ends with status 1 beyond tolerance.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from xva.exposure.engine import ExposureEngine, Simulation
from xva.sensitivities.bump import Revaluer
from xva.sensitivities.by_quote import bump_samples, labelled, sensitivities

BANK = Path(__file__).parents[1] / "examples/bank"
TOTAL, BY_SET = 1e-4, 1e-3
MEASURES = ["CVA", "DVA", "FCA", "FBA"]


@dataclass(frozen=True)
class Share:
    """One process's quotes."""

    job: str
    paths: int
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class Bumped:
    """Its samples ``(scramble, measure, netting_set, quote)`` and the processor seconds of the bumps alone."""

    samples: NDArray[np.float64]
    seconds: float


def main() -> int:
    options = _options()
    job = "demo.toml" if options.quick else "full.toml"
    engine = _engine(job, options.paths)
    with _timed("AD, all measures and netting sets") as spent:
        exact = sensitivities(engine)
    aad_seconds = spent[0]
    quotes = engine.quotes.ids[:: 12 if options.quick else 1]
    print(f"{job}: {len(engine.book.trades)} trades, {len(engine.times) - 1} dates, {options.paths} paths")
    shares = [Share(job, options.paths, quotes[k :: options.processes]) for k in range(options.processes)]
    with (
        _timed(f"bumps of {len(quotes)} quotes in {options.processes} processes"),
        multiprocessing.get_context("spawn").Pool(options.processes, _one_thread) as pool,
    ):
        found = pool.map(_bumped, shares, chunksize=1)
    order = [q for share in shares for q in share.quotes]
    samples = np.concatenate([b.samples for b in found], axis=-1)
    bumped = labelled(engine, samples, order)
    good = _report(exact, bumped.sel(measure=MEASURES))
    each = sum(b.seconds for b in found) / len(quotes)
    every = each * len(engine.quotes.ids)
    print(
        f"processor time: AD {aad_seconds:.1f} s; a quote's two bumps {each:.2f} s, all quotes {every:.0f} s"
    )
    print(f"bump/AAD: {every / aad_seconds:.0f}")
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="demo book, every 12th quote")
    parser.add_argument("--paths", type=int, default=1024, help="a multiple of 8 x 128")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _engine(job: str, paths: int) -> ExposureEngine:
    whole = Exposure(load_job(BANK / job)).engine
    simulation = Simulation(paths, 128, 8)
    return ExposureEngine(whole.book, whole.quotes, whole.build, whole.dates[1:], whole.xva, simulation)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _bumped(share: Share) -> Bumped:
    revaluer = Revaluer(_engine(share.job, share.paths))
    start = time.process_time()
    samples = bump_samples(revaluer, share.quotes)
    return Bumped(samples, time.process_time() - start)


def _report(exact: xr.Dataset, bumped: xr.Dataset) -> bool:
    """Print the worst of each measure; whether all are within tolerance."""
    reference = exact.sel(measure=MEASURES)
    good = True
    for name, tolerance in (("total_sensitivity", TOTAL), ("sensitivity", BY_SET)):
        largest = np.abs(reference[name]).max("quote")
        error = np.abs(reference[name].sel(quote=bumped.quote) - bumped[name]) / largest
        print(f"{name}, tolerance {tolerance:.0e}")
        for measure in MEASURES:
            worst = error.sel(measure=measure).to_series().dropna()
            print(f"  {measure}  {worst.max():.1e}  {worst.idxmax()}")
            good = good and bool(worst.max() <= tolerance)
    return good


@contextmanager
def _timed(what: str) -> Iterator[list[float]]:
    """Print wall time; the list receives processor seconds of this process."""
    wall, spent = time.perf_counter(), [time.process_time()]
    yield spent
    spent[0] = time.process_time() - spent[0]
    print(f"{what}: {time.perf_counter() - wall:.1f} s")


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
