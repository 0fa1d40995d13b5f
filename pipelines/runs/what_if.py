"""What new or removed trades change in a finished run, and which trades its adjustments come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from pipelines.execution.events import Sink, fan_out
from pipelines.execution.executors import executor_for
from pipelines.execution.mapping import map_blocks
from pipelines.execution.session import Executor
from pipelines.jobs.additions import Additions, extended
from pipelines.jobs.inputs import LoadedJob
from pipelines.library_state import own_library_state
from pipelines.results.run import Run, open_run
from pipelines.results.what_if import Allocation, WhatIf
from pipelines.runs.computation import Exposure, settings_of
from pipelines.runs.exposure import job_of
from pipelines.runs.training import Training
from xva.allocation import Portfolio, Portfolios, allocated, changed
from xva.allocation.allocation import Means
from xva.allocation.allocation_plan import AllocationData, AllocationPlan
from xva.allocation.what_if import increments
from xva.errors import DomainError
from xva.exposure import ExposureEngine, World
from xva.exposure.parts.conditional import ResidualTrade
from xva.market import QuoteSet
from xva.trades import Trade


@dataclass(frozen=True)
class _Workers:
    """The executor that computes, the sinks that get its events, and a folder that its workers see."""

    executor: Executor
    sinks: tuple[Sink, ...]
    scratch: Path


def what_if(
    run: Run | Path | str,
    add: Path | str | Sequence[Trade] = (),
    remove: Sequence[str] = (),
    *,
    trade_type: str | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    insecure: bool = False,
    sinks: tuple[Sink, ...] = (),
) -> WhatIf:
    """Incremental adjustments of new or removed trades, on the run's own random numbers.

    Only the netting sets that they belong to are valued again, before and after, in float64 (`xva.allocation.what_if`).

    Parameters
    ----------
    run : Run or path
        A run made from a job; it need not be finished.
    add : path or sequence of Trade
        New trades: a table or JSON file named as its trade type (``swaps.csv``), a folder of such, or trades.
    remove : sequence of str
        Ids of the run's trades.
    trade_type : str, optional
        Of a file with another name.
    executor, workers, insecure, sinks
        As in `ExposureJob.run`.

    Returns
    -------
    WhatIf
        ``.to_frame()`` by netting set and measure, ``.trades()`` by changed trade, ``.data`` with everything.

    Raises
    ------
    InputErrors
        Everything wrong with the new trades and the ids, at once.
    StoreError
        It is no run, or was not made from a job.
    """
    opened = _opened(run)
    path = Path(add) if isinstance(add, str | Path) else None
    additions = Additions(() if isinstance(add, str | Path) else tuple(add), path, trade_type)
    with job_of(opened) as base:
        job, added = extended(base, additions, remove)
    on = _Workers(executor_for(job.spec.execution, executor, workers, insecure), sinks, opened.path.parent)
    with own_library_state():
        engine = Exposure(job).engine
        touched = {t.netting_set for t in job.trades if t.trade_id in {*added, *remove}}
        paths = _learned(opened, job, engine, touched, on)
        found = changed(engine, added, remove, paths)
        data, blocks = _blocks(found, job, on)
        result = increments(found, data, blocks)
    return WhatIf(_with_run(result, opened).assign_attrs(job=job.spec.name))


def allocation(
    run: Run | Path | str,
    netting_set: str | None = None,
    *,
    executor: str | Executor | None = None,
    workers: int | None = None,
    insecure: bool = False,
    sinks: tuple[Sink, ...] = (),
) -> Allocation:
    """Marginal (Euler) contributions of every trade to its netting set's adjustments; they add up to them.

    Parameters
    ----------
    run : Run or path
        A run made from a job; it need not be finished.
    netting_set : str, optional
        One of them; all by default.
    executor, workers, insecure, sinks
        As in `ExposureJob.run`.

    Returns
    -------
    Allocation
        ``.to_frame(measure)`` by trade, ``.data`` with everything.

    Raises
    ------
    DomainError
        The run has no such netting set.
    StoreError
        It is no run, or was not made from a job.
    """
    opened = _opened(run)
    with job_of(opened) as job:
        names = [n.name for n in job.netting_sets]
    on = _Workers(executor_for(job.spec.execution, executor, workers, insecure), sinks, opened.path.parent)
    if netting_set is not None and netting_set not in names:
        raise DomainError(
            f"netting set: expected one of {', '.join(names)}, got {netting_set!r}", [netting_set]
        )
    wanted = names if netting_set is None else [netting_set]
    with own_library_state():
        engine = Exposure(job).engine
        paths = _learned(opened, job, engine, set(wanted), on)
        items = []
        for home in (n for n in engine.book.netting_sets if n.name in wanted):
            mine = tuple(t for t in engine.book.trades if t.netting_set == home.name)
            items.append(Portfolio(home, mine, mine))
        found = Portfolios(engine, tuple(items), paths)
        data, blocks = _blocks(found, job, on)
        return Allocation(allocated(found, data, blocks).assign_attrs(job=job.spec.name))


def _opened(run: Run | Path | str) -> Run:
    return run if isinstance(run, Run) else open_run(run)


def _learned(
    run: Run, job: LoadedJob, engine: ExposureEngine, touched: set[str], on: _Workers
) -> Mapping[str, ResidualTrade]:
    """The trades without closed form of the netting sets touched: the run's own surrogates, new ones trained."""
    homes = tuple(n for n in engine.book.netting_sets if n.name in touched)
    trades = tuple(t for t in engine.book.trades if t.netting_set in touched)
    book = replace(engine.book, netting_sets=homes, trades=trades)

    def same_world(quotes: QuoteSet, previous: World | None = None) -> World:
        return engine.world

    part = ExposureEngine(book, engine.quotes, same_world, engine.dates[1:], engine.xva, engine.simulation)
    training = Training.of_run(run.path, on.executor, on.sinks, job.spec.inputs.products)
    residuals = training.learn(part, settings_of(job)).residuals()
    return {item.trade.trade_id: item for r in residuals.values() for item in r.trades}


def _blocks(found: Portfolios, job: LoadedJob, on: _Workers) -> tuple[AllocationData, Means]:
    data, residual = found.data(), found.residual()
    plan = AllocationPlan(data, residual)
    emit = fan_out(on.sinks)
    products = job.spec.inputs.products
    return data, map_blocks(plan, on.executor, trusted_modules=products, scratch=on.scratch, emit=emit)


def _with_run(result: xr.Dataset, run: Run) -> xr.Dataset:
    """With the run's own numbers beside those before, NaN where it has none."""
    dims = ("measure", "netting_set")
    if not run.layout.results.is_dir():
        return result.assign(run=(dims, np.full(result["before"].shape, np.nan)))
    own = run.xva["xva"].reset_coords(drop=True)
    own = own.reindex(netting_set=result["netting_set"].values, fill_value=0.0)
    return result.assign(run=(dims, own.sel(measure=result["measure"].values).transpose(*dims).values))
