"""A loaded job as the mathematics wants it: a plan for workers, and what turns their sums into results."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch
import xarray as xr

from pipelines.jobs.inputs import LoadedJob
from pipelines.results.reconciliation import as_dataset
from xva.exposure import accessor as _accessor  # noqa: F401  registers ``ds.xva``
from xva.valuation.engine import Book, ExposureEngine, Simulation
from xva.valuation.exposure_plan import ExposurePlan
from xva.valuation.measures import XvaSpec
from xva.valuation.plan import Arrays
from xva.valuation.reconciliation import reconcile
from xva.valuation.results import results
from xva.valuation.world import WorldBuilder

_THREADS = 4  # of the reverse pass on the driver; each holds one netting set's graph


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """As workers do: another number of threads inside an operation would give other last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Exposure:
    """A job's computation. Calibrating takes seconds, and is put off until something is asked for."""

    job: LoadedJob

    @cached_property
    def engine(self) -> ExposureEngine:
        """The book compiled, the market built, the model calibrated."""
        return ExposureEngine(
            _book(self.job),
            self.job.quotes,
            _world(self.job),
            self.job.dates,
            _xva(self.job),
            _simulation(self.job),
        )

    @cached_property
    def plan(self) -> ExposurePlan:
        """What workers compute, block by block."""
        with one_torch_thread():
            return self.engine.plan(adjoint=self.job.spec.xva.sensitivities)

    def reconciliation(self) -> pd.DataFrame:
        """Every trade's value at t = 0, beside its booked value and, for options, its quoted volatility's."""
        return reconcile(self.engine.book, self.engine.world)

    def finish(self, sums: Sequence[Arrays], cube: xr.Dataset | None = None) -> xr.Dataset:
        """Results from the blocks' sums; with the ``cube`` also PFE, by exact quantiles."""
        spec = self.job.spec
        with one_torch_thread(), ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as pool:
            found = results(self.engine, self.plan.data, sums, pool.map)
        if cube is not None and cube.data_vars:
            found["pfe"] = cube.xva.pfe(spec.exposure.pfe_quantile).transpose("netting_set", "time")
        found = found.merge(as_dataset(self.reconciliation()))
        return found.assign_attrs(breaks=spec.exposure.breaks, job=spec.name)


def _book(job: LoadedJob) -> Book:
    return Book(job.netting_sets, job.counterparties, job.trades, job.context, job.spec.exposure.breaks)


def _world(job: LoadedJob) -> WorldBuilder:
    kinds: dict[str, list[str]] = {"IR": [], "EQ": []}
    for factor in job.factors:
        kind, _, name = factor.partition(":")
        kinds.setdefault(kind, []).append(name)
    home = job.spec.reporting_currency
    currencies = (home, *(c for c in kinds["IR"] if c != home))
    return WorldBuilder(job.market_config, currencies, tuple(kinds["EQ"]), job.spec.model.coterminal)


def _xva(job: LoadedJob) -> XvaSpec:
    xva = job.spec.xva
    return XvaSpec(xva.own_name, xva.variant, xva.funding, xva.quadrature)


def _simulation(job: LoadedJob) -> Simulation:
    s = job.spec.simulation
    return Simulation(s.paths, s.block_size, s.scrambles, s.seed, dtype=s.dtype, device=s.device)
