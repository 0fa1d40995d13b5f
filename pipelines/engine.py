"""A loaded job as the mathematics wants it: a plan for workers, and what turns their sums into results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import xarray as xr

from pipelines.jobs.inputs import LoadedJob
from pipelines.results.assemble import assemble
from xva.valuation.engine import Book, ExposureEngine, Simulation
from xva.valuation.exposure_plan import ExposurePlan
from xva.valuation.measures import XvaSpec
from xva.valuation.plan import Arrays
from xva.valuation.world import WorldBuilder


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
        return self.engine.plan(adjoint=self.job.spec.xva.sensitivities)

    def finish(self, sums: Sequence[Arrays]) -> xr.Dataset:
        """Results from the blocks' sums: values, adjustments, profiles, sensitivities, standard errors."""
        spec = self.job.spec
        results = assemble(self.engine, self.plan.data, sums)
        return results.assign_attrs(
            units=spec.reporting_currency,
            as_of=spec.as_of.isoformat(),
            own_name=spec.xva.own_name,
            variant=spec.xva.variant,
            funding=spec.xva.funding,
            quadrature=spec.xva.quadrature,
            fixing=spec.simulation.fixing,
            breaks=spec.exposure.breaks,
            paths=spec.simulation.paths,
            scrambles=spec.simulation.scrambles,
            seed=spec.simulation.seed,
        )


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
