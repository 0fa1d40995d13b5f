"""A loaded job as the mathematics wants it: a plan for workers, and what turns their sums into results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
import xarray as xr

from pipelines.jobs.grid import fine_dates, sees_cashflows
from pipelines.jobs.inputs import LoadedJob, unseen_trades, world_builder
from pipelines.library_state import own_library_state
from pipelines.reports.certificates import certificates
from pipelines.results import open_fixings as open_fixing_results
from pipelines.results.reconciliation import as_dataset
from pipelines.runs.training import Training
from pipelines.storage.identity import mathematics
from surrogates.book import LearnedBook, training_requests
from surrogates.book.book import Place
from surrogates.book.pilot import pilot_residuals
from surrogates.book.value_today import train_policies, values_today
from surrogates.durable import canonical_json
from surrogates.training import TrainingRequest, TrainingSettings
from xva.adjustments.measures import XvaSpec
from xva.blocks.plan import Arrays
from xva.exposure import Book, ExposureEngine, Simulation
from xva.exposure.block import ExposureData, ExposurePlan
from xva.exposure.market_fixings import OpenFixing, open_fixings
from xva.exposure.parts.conditional import Residual
from xva.exposure.reconciliation import reconcile
from xva.models.rates_terms import Repriced
from xva.pricing.exercise import ExercisePolicy
from xva.profiles import accessor as _accessor  # noqa: F401  registers ``ds.xva``
from xva.results import results
from xva.results.left_out import left_out

_THREADS = 4  # of the reverse pass on the driver; each holds one netting set's graph


@dataclass(frozen=True)
class Exposure:
    """A job's computation. Calibrating and training take their time, and are put off until something is asked for.

    Parameters
    ----------
    job : LoadedJob
    training : Training
        For trades without closed form: here, and nothing kept, by default.
    """

    job: LoadedJob
    training: Training = field(default_factory=Training)

    @cached_property
    def engine(self) -> ExposureEngine:
        """The book compiled, the market built, the model calibrated."""
        job = self.job
        builder = world_builder(job.market_config, job.factors, job.spec.model)
        known = job.checked if job.checked and job.checked.serves(job.quotes, builder) else None
        with own_library_state():
            return ExposureEngine(
                _book(job),
                job.quotes,
                builder,
                job.dates,
                _xva(job),
                _simulation(job),
                world=known.world if known else None,
            )

    @cached_property
    def learned(self) -> LearnedBook:
        """The trades without closed form, trained and certified; empty where there are none."""
        with own_library_state():
            return self.training.learn(self.engine, settings_of(self.job))

    @property
    def examined(self) -> LearnedBook:
        """The same, with those that no certificate could be had for and that nothing else may price."""
        with own_library_state():
            return self.training.train(self.engine, settings_of(self.job))

    def training_requests(self) -> dict[Place, TrainingRequest]:
        """What training of each trade without closed form asks for, by its place in the compiled book."""
        return training_requests(self.engine, settings_of(self.job))

    @cached_property
    def plan(self) -> ExposurePlan:
        """What workers compute, block by block."""
        adjoint = self.job.spec.xva.sensitivities
        with own_library_state():
            if self.learned.requests:
                return self.learned.plan(adjoint=adjoint)
            return self.engine.plan(adjoint=adjoint)

    def repriced(self) -> dict[str, Repriced]:
        """By currency, what calibrated rates make of the quotes that they were calibrated to."""
        job = self.job
        with own_library_state():
            builder = world_builder(job.market_config, job.factors, job.spec.model)
            return builder.repriced(self.engine.world)

    def reconciliation(self) -> pd.DataFrame:
        """Every trade's value at t = 0, beside its booked value and, for options, its quoted volatility's.

        Trades without closed form are simulated; nothing but exercise policies is trained for that where nothing was yet.
        """
        with own_library_state():
            simulated = values_today(self.training_requests().values(), self.policies)
            return reconcile(self.engine.book, self.engine.world, simulated)

    @cached_property
    def policies(self) -> dict[str, ExercisePolicy | None]:
        """Exercise policies of the trades without closed form, by id; nothing but them is trained where nothing was yet."""
        with own_library_state():
            if "learned" in vars(self):
                return self.learned.policies
            return train_policies(self.training_requests().values())

    def left_out(self) -> xr.Dataset:
        """What the grid leaves out of every measure by netting set (`xva.results.left_out`), and by trade in words."""
        with own_library_state():
            dates, terms = self.job.dates, self.job.terms

            def pilot(engine: ExposureEngine, data: ExposureData) -> dict[int, Residual]:
                return pilot_residuals(engine, data, self.policies)

            found = left_out(self.engine, lambda names: fine_dates(dates, terms.of_sets(names)), pilot)
        trades = [t.trade_id for t in self.job.trades]
        return found.assign_coords(trade=trades).assign(trade_unseen=("trade", unseen_trades(self.job)))

    def open_fixings(self) -> tuple[OpenFixing, ...]:
        """Fixings of the valuation date that are not in the job's table and that the market stands in for."""
        book = self.engine.book
        return open_fixings(book.trades, book.context, self.engine.world)

    def finish(self, sums: Sequence[Arrays], cube: xr.Dataset | None = None) -> xr.Dataset:
        """Results from the blocks' sums; with the ``cube`` also PFE, by exact quantiles."""
        spec = self.job.spec
        pull = self.learned.pullback() if self.learned.requests else None
        with own_library_state(), ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as pool:
            found = results(self.engine, self.plan.data, sums, pool.map, pull)
        if cube is not None and cube.data_vars:
            found["pfe"] = cube.xva.pfe(spec.exposure.pfe_quantile).transpose("netting_set", "time")
        found = found.merge(as_dataset(self.reconciliation())).merge(certificates(self.learned))
        found = found.merge(self.left_out())
        found = found.merge(open_fixing_results.as_dataset(self.open_fixings()))
        unused = list(self.job.unused)
        told = {"unused_quotes": unused, "notes": list(self.job.notes)}
        return found.assign_attrs(breaks=spec.exposure.breaks, job=spec.name, **told)


def settings_of(job: LoadedJob) -> TrainingSettings:
    """How the job's trades without closed form are learned and tested."""
    s = job.spec.surrogates
    return TrainingSettings(
        paths=s.training_paths,
        policy_paths=s.policy_paths,
        seed=s.seed,
        exercise_width=s.exercise_width,
        jump_width=s.jump_width,
        tolerance=s.tolerance,
        states=s.certificate_states,
        dates=s.certificate_dates,
        inner_paths=s.inner_paths,
        max_effort=s.max_effort,
        fallback=s.fallback == "nested",
        program=hashlib.sha256(canonical_json(mathematics())).hexdigest()[:16],
    )


def _book(job: LoadedJob) -> Book:
    return Book(
        job.netting_sets,
        job.counterparties,
        job.trades,
        job.context,
        job.spec.exposure.breaks,
        job.spec.fixing,
        job.claims,
    )


def _xva(job: LoadedJob) -> XvaSpec:
    xva = job.spec.xva
    day_before = sees_cashflows(job.spec.simulation.grid)
    return XvaSpec(xva.own_name, xva.variant, xva.funding, xva.quadrature, day_before)


def _simulation(job: LoadedJob) -> Simulation:
    s = job.spec.simulation
    return Simulation(s.paths, s.block_size, s.scrambles, s.seed, dtype=s.dtype, device=s.device)
