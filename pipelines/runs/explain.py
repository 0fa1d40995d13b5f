"""Two finished runs, and what lies between: passage of time, fixings, trades, and the market by risk factor group."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pipelines.execution.executors import executor_for
from pipelines.execution.mapping import map_blocks
from pipelines.execution.session import Executor
from pipelines.jobs.inputs import LoadedJob
from pipelines.jobs.rolling import JobPair
from pipelines.library_state import own_library_state
from pipelines.results.explain import Explanation
from pipelines.results.run import Run, open_run
from pipelines.runs.computation import Exposure
from pipelines.runs.exposure import job_of
from pipelines.runs.training import Training
from pipelines.storage.identity import differing_keys, mathematics
from pipelines.storage.results import StoredSums
from pipelines.storage.verify import scan
from xva.adjustments.measures import measure_weights
from xva.blocks import Plan
from xva.blocks.plan import Arrays
from xva.errors import DomainError, StoreError, XvaError
from xva.explain import Attribution, attribute
from xva.explain.fixings import expected_fixings
from xva.explain.points import Evaluate, Evaluator, MarketPoint, measure_samples, point_from_sums
from xva.exposure import ExposureEngine
from xva.market import QuoteSet, shifted
from xva.numerics.types import Floats
from xva.sensitivities import MEASURE_NAMES
from xva.sensitivities.by_quote import standard_error
from xva.trades.path_trade import living

if TYPE_CHECKING:
    from pipelines.execution.events import Sink
    from pipelines.runs.stress import StressJob

Samples = dict[str, Floats]
"""By netting set, ``(scramble, measure)``."""
_THREADS = 4
_MARKET = "market"


def explain(
    run_a: Run | Path | str,
    run_b: Run | Path | str,
    executor: str | Executor | None = None,
    *,
    workers: int | None = None,
    insecure: bool = False,
    split: bool = True,
    sinks: tuple[Sink, ...] = (),
) -> Explanation:
    """Explain what changed between two finished runs.

    In this order, each step by valuing the book again with the same random numbers: *time* (the first run's book and quotes
    on the second's date, fixings coming out as expected, trades that end in between), *fixings* (as they came out), *dead
    trades*, *quotes* (the second market's set of quotes, where it is another), *new trades* (the second run's book). The move
    of the quotes is then explained by first and second order on the second run's book. On one date the first two are left out.

    Parameters
    ----------
    run_a, run_b : Run or path
        The second on the same date or later, with the same method.
    executor, workers, insecure, sinks
        As in `ExposureJob.run`; the second run's job says who computes by default.
    split : bool
        Own gammas and cross-gammas apart, at one reverse pass per risk factor group that moves.

    Returns
    -------
    Explanation

    Raises
    ------
    StoreError
        A run is not finished, damaged or was not made from a job.
    DomainError
        Reporting currencies, methods or the order of dates do not fit; a market in between cannot be built; trades without
        closed form have no certificate on it.

    Notes
    -----
    Trades without closed form are learned anew on every market in between, so their steps carry the noise of training.
    """
    runs = [_finished(r) for r in (run_a, run_b)]
    pair = JobPair(*(_loaded(r) for r in runs))
    worker = _Worker(
        executor_for(pair.after.spec.execution, executor, workers, insecure), sinks, runs[1].path.parent
    )
    with own_library_state():
        ends = [worker.stored(run, job) for run, job in zip(runs, (pair.before, pair.after))]
        steps = _steps(pair, worker)
        start, market = _market(pair, runs[1], worker, split)
        _close(pair, steps, ends[0], start)
    return Explanation(_joined(pair, runs, ends, steps, market))


def attribute_stress(
    stress: StressJob,
    how: Attribution | None = None,
    executor: str | Executor | None = None,
    *,
    workers: int | None = None,
    insecure: bool = False,
) -> xr.Dataset:
    """Attribution of a stress run's scenarios, those without a market left out; costs as `Explainer` says.

    Trades without closed form are learned anew on every market, as the stress run itself does by default. ``executor``,
    ``workers`` and ``insecure`` as `executor_for` has them.

    Raises
    ------
    DomainError
        No market on the way, or no certificate there.
    """
    who = executor_for(stress.loaded.spec.execution, executor, workers, insecure)
    worker = _Worker(who, (), stress.base.path.parent)
    with own_library_state():
        engine = Exposure(stress.loaded).engine
        failed = {case.name for case in stress.plan.cases if case.reason}
        as_of = engine.book.context.as_of
        quotes = {
            s.name: shifted(engine.quotes, s, as_of)
            for s in stress.scenarios.scenarios
            if s.name not in failed
        }
        run_plan = worker.run_plan(stress.loaded)
        chosen = replace(how or Attribution(), run_plan=run_plan)
        return attribute(engine, quotes, chosen, worker.evaluator(stress.loaded, engine))


def _loaded(run: Run) -> LoadedJob:
    with job_of(run) as job:
        return job


@dataclass(frozen=True)
class _Worker:
    """Values jobs on an executor, nothing stored but in ``scratch``, which its workers see, while that runs."""

    executor: Executor
    sinks: tuple[Sink, ...]
    scratch: Path

    def run_plan(self, job: LoadedJob) -> Callable[[Plan], list[Arrays]]:
        """Blocks' sums of a plan of this job."""
        products = job.spec.inputs.products
        return lambda plan: map_blocks(plan, self.executor, trusted_modules=products, scratch=self.scratch)

    def measures(self, job: LoadedJob) -> Samples:
        """The reported measures of a job."""
        if not job.trades:
            return {}
        exposure = self._exposure(job, adjoint=False)
        return _reported(exposure, self.run_plan(job)(exposure.plan))

    def stored(self, run: Run, job: LoadedJob) -> Samples:
        """The reported measures of a finished run, from its own sums."""
        return _reported(Exposure(job), stored_sums(run))

    def point(self, job: LoadedJob, run: Run | None = None) -> MarketPoint:
        """A job's measures and gradient; those of a run from its own sums where it has them."""
        exposure = self._exposure(job, adjoint=True, run=run)
        sums = stored_sums(run) if run is not None and _usable(run) else self.run_plan(job)(exposure.plan)
        pull = exposure.learned.pullback() if exposure.learned.requests else None
        return point_from_sums(exposure.engine, exposure.plan.data, sums, _threads, pull)

    def evaluator(self, job: LoadedJob, engine: ExposureEngine) -> Evaluate:
        """Points of a job's book on other quotes; trades without closed form are learned on each."""
        if not living(job.trades, job.as_of):
            return Evaluator(engine, self.run_plan(job), _threads)

        def learned(quotes: QuoteSet) -> MarketPoint:
            return self.point(replace(job, quotes=quotes))

        return learned

    def _exposure(self, job: LoadedJob, adjoint: bool, run: Run | None = None) -> Exposure:
        xva = job.spec.xva.model_copy(update={"sensitivities": adjoint})
        products = job.spec.inputs.products
        training = Training((), self.executor, self.sinks, products)
        if run is not None:
            training = Training.of_run(run.path, self.executor, self.sinks, products)
        return Exposure(replace(job, spec=job.spec.model_copy(update={"xva": xva})), training)


def stored_sums(run: Run) -> Sequence[Arrays]:
    """All sums of a finished run, in block order.

    Raises
    ------
    StoreError
        Some are damaged.
    """
    found = scan(run.layout, run.manifest)
    if len(found.markers) != run.manifest.n_blocks:
        raise StoreError(
            f"{run.path}: {len(found.findings)} of its files are damaged; mend it with 'xva resume {run.path}'"
        )
    return StoredSums(run.layout, dict(found.markers))


def _usable(run: Run) -> bool:
    """Whether a run's sums have adjoints that belong to the plan made here."""
    here = not differing_keys(mathematics(run.manifest.identity.environment), mathematics())
    return here and "sensitivity" in run.xva


def _finished(run: Run | Path | str) -> Run:
    found = run if isinstance(run, Run) else open_run(run)
    if found.is_stress:
        raise DomainError(f"{found.path}: expected a job's run, got a stress run; name its base run")
    if found.completion is None:
        raise StoreError(f"{found.path}: expected a finished run; finish it with 'xva resume {found.path}'")
    return found


def _reported(exposure: Exposure, sums: Sequence[Arrays]) -> Samples:
    engine, settings = exposure.engine, exposure.job.spec.simulation
    weights = measure_weights(engine.world.market, engine.credit, engine.times, engine.xva).detach()
    n, paths = settings.scrambles, settings.paths // settings.scrambles
    kept = [{side: block[side] for side in ("epe", "ene")} for block in sums]
    means = [{k: np.sum([b[k] for b in kept[r::n]], axis=0) / paths for k in kept[0]} for r in range(n)]
    return _by_name(exposure, measure_samples(weights, means))


def _by_name(exposure: Exposure, found: Floats) -> Samples:
    engine = exposure.engine
    return {home.name: found[:, :, i] for i, home in enumerate(engine.book.netting_sets)}


def _steps(pair: JobPair, worker: _Worker) -> dict[str, Samples]:
    """Measures after every step but the last, by name; steps without anything to do are left out."""
    old, job = pair.before.quotes, pair.after
    alive = {*pair.same, *pair.dead}
    found: dict[str, Samples] = {}

    def add(name: str, make: Callable[[], LoadedJob]) -> None:
        try:
            found[name] = worker.measures(make())
        except XvaError as error:
            raise DomainError(f"explain, step {name}: {error.message}", error.ids) from error

    if pair.before.as_of < job.as_of:
        market = Exposure(pair.before).engine.world.market
        indices = pair.before.context.indices
        expected = expected_fixings(market, indices, pair.before.fixings, job.fixings, job.as_of)
        add("time", lambda: pair.rolled(alive, old, expected))
        if expected != dict(job.fixings):
            add("fixings", lambda: pair.rolled(alive, old))
    if pair.dead:
        add("dead trades", lambda: pair.rolled(pair.same, old))
    if pair.lost_quotes or pair.gained_quotes:
        add("quotes", lambda: pair.rolled(pair.same, pair.old_quotes()))
    return found


def _close(pair: JobPair, steps: dict[str, Samples], first: Samples, start: Samples) -> None:
    """Add the step to the second book on the first market; without new trades only if computing it here moves a number."""
    before = list(steps.values())[-1] if steps else first
    if pair.new or pair.changed_sets:
        steps["new trades"] = start
    elif before.keys() != start.keys() or any(
        not np.allclose(before[n], start[n], rtol=1e-9, atol=1e-9 * np.abs(start[n]).max()) for n in start
    ):
        steps["recomputed"] = start


def _market(pair: JobPair, run: Run, worker: _Worker, split: bool) -> tuple[Samples, xr.Dataset]:
    """The second book on the first market's quotes, and its way to the second's."""
    job = pair.after
    exposure = Exposure(replace(job, quotes=pair.old_quotes()))
    engine, last = exposure.engine, worker.point(job, run)
    how = Attribution(split=split, run_plan=worker.run_plan(job))
    inner = worker.evaluator(job, engine)

    def evaluate(quotes: QuoteSet) -> MarketPoint:
        return last if quotes is job.quotes else inner(quotes)

    start = evaluate(engine.quotes)
    found = attribute(engine, {_MARKET: job.quotes}, how, evaluate, start)
    return _by_name(exposure, start.hard), found.sel(scenario=_MARKET, drop=True)


def _joined(
    pair: JobPair, runs: Sequence[Run], ends: Sequence[Samples], steps: dict[str, Samples], market: xr.Dataset
) -> xr.Dataset:
    """Everything with labels; the last step is the market's."""
    chain = [ends[0], *steps.values(), ends[1]]
    names = list(dict.fromkeys([*ends[1], *ends[0]]))
    none = np.zeros_like(next(iter(ends[0].values())))
    levels = np.stack([np.stack([s.get(n, none) for n in names], axis=-1) for s in chain])
    changes = np.diff(levels, axis=0)
    dims = ("measure", "netting_set")
    variables: dict[str, Any] = {}
    for name, shape, samples in (
        ("value_a", dims, levels[0]),
        ("value_b", dims, levels[-1]),
        ("change", dims, levels[-1] - levels[0]),
        ("step_change", ("step", *dims), changes.swapaxes(0, 1)),
    ):
        total = samples.sum(-1)
        for prefix, values, labels in (("", samples, shape), ("total_", total, shape[:-1])):
            variables[prefix + name] = (labels, values.mean(0))
            variables[f"{prefix}{name}_se"] = (labels, standard_error(values))
    labels_of = {"step": [*steps, _MARKET], "measure": list(MEASURE_NAMES), "netting_set": names}
    whole = market.rename(change="market_change", change_se="market_change_se").rename(
        total_change="total_market_change", total_change_se="total_market_change_se"
    )
    blank = {str(v): "" if whole[v].dtype.kind == "U" else 0.0 for v in whole.data_vars}
    found = xr.Dataset(variables, labels_of).merge(whole.reindex(netting_set=names, fill_value=blank))
    lists = ("matured", "dead", "new", "amended", "changed_sets", "lost_quotes", "gained_quotes")
    told = {name: list(getattr(pair, name)) for name in lists}
    facts = {
        f"{what}_{end}": value
        for end, run, job in zip("ab", runs, (pair.before, pair.after))
        for what, value in (("run", run.manifest.run_id), ("as_of", str(job.as_of)), ("job", job.spec.name))
    }
    return found.assign_attrs(market.attrs | facts | told)


def _threads(function: Callable[[int], Any], numbers: Any) -> list[Any]:
    """Netting sets of a reverse pass on some threads; no bit depends on it."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as pool:
        return list(pool.map(function, numbers))
