"""A stress run: a scenario set on a finished run's paths, in a run directory of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from pipelines.execution.executors import executor_for
from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.session import Executor
from pipelines.jobs.inputs import LoadedJob
from pipelines.jobs.problems import Problems
from pipelines.jobs.products import trade_types
from pipelines.jobs.scenarios import read_scenarios, scenario_document
from pipelines.jobs.spec import Execution
from pipelines.library_state import own_library_state
from pipelines.results.run import Run, open_run
from pipelines.results.stress import REUSED, STRESS
from pipelines.runs.computation import Exposure, settings_of
from pipelines.runs.exposure import job_of, resume_run
from pipelines.runs.training import SURROGATES, Training
from pipelines.storage.durable import digest_bytes
from pipelines.storage.identity import RunIdentity, differing_keys, mathematics
from pipelines.storage.layout import RunLayout
from pipelines.storage.manifest import Completion, refuse_foreign
from pipelines.storage.markers import Marker, root_hash
from pipelines.storage.plans import get_bytes, load_plan
from pipelines.storage.results import StoredSums
from pipelines.storage.tensors import encode_arrays
from pipelines.storage.verify import scan
from surrogates.book.reused_error import PATHS, reused_errors, rough
from surrogates.book.stress import Learn, StressedSurrogates, certified, freshly, reused
from surrogates.durable import canonical_json
from xva.blocks.plan import Arrays
from xva.errors import DomainError, StoreError
from xva.market import ScenarioSet
from xva.scenarios import StressOptions, StressPlan, prepare, stress_results
from xva.trades.path_trade import living

if TYPE_CHECKING:
    from pipelines.execution.events import Sink

BASE_JOB = "base_job.json"
"""What a stress run keeps of its base run's job beside its plan: who computes, and modules of products."""
_TOLD = {
    "anew": "learned anew",
    "certified": "reused where certified on the scenario's market, else learned anew",
    "reused": REUSED,
}


def stress(
    run: Run | Path | str,
    scenarios: ScenarioSet | Path | str,
    executor: str | Executor | None = None,
    *,
    workers: int | None = None,
    insecure: bool = False,
    block_timeout: float | None = None,
    output: Path | None = None,
    options: StressOptions | None = None,
    sinks: tuple[Sink, ...] = (),
) -> Run:
    """Run scenarios on a finished run's own random numbers; the same again opens the finished child run.

    Parameters
    ----------
    run : Run or path
        The base run.
    scenarios : ScenarioSet or path
        Of a scenario file, TOML.
    executor, workers, insecure, block_timeout, sinks
        As in `ExposureJob.run`; the base run's job's own by default.
    output : path, optional
        Folder of the child run; beside the base run by default.
    options : StressOptions, optional
        ``skip_failing`` flags scenarios that have no market instead of refusing the set, ``keep_cube`` keeps all values.

    Returns
    -------
    Run
        ``.stress`` has base, stressed and change with standard errors, by scenario.

    Raises
    ------
    InputErrors
        What is wrong with the scenarios, or why they cannot be computed: all at once.
    StoreError
        The base run is not finished, or other versions than its own are installed here.
    """
    base = run if isinstance(run, Run) else open_run(run)
    found = scenarios if isinstance(scenarios, ScenarioSet) else read_scenarios(scenarios)
    job = StressJob(base, found, options or StressOptions())
    folder = job.identity.folder(output or base.path.parent)
    chosen = executor_for(job.loaded.spec.execution, executor, workers, insecure, block_timeout)
    products = job.loaded.spec.inputs.products
    kept = (base.path.parent / SURROGATES, base.path / SURROGATES)
    job = replace(job, training=Training(kept, chosen, sinks, products))
    settings = RunSettings(sinks, products, alike=False)
    if (folder / "run.json").exists():
        refuse_foreign(RunLayout(folder), job.identity)
        return _resumed(folder, chosen, settings)
    outcome = execute(
        job.plan,
        folder,
        chosen,
        lambda sums: finish(job.plan, sums, job.identity),
        identity=job.identity,
        attachments={
            "scenarios.json": canonical_json(scenario_document(found)),
            BASE_JOB: canonical_json({"execution": _executed(job.loaded), "products": list(products)}),
        },
        store_cube=job.options.keep_cube,
        settings=settings,
    )
    return open_run(outcome.folder)


def resume_any(
    folder: Path,
    executor: str | Executor | None = None,
    *,
    workers: int | None = None,
    insecure: bool = False,
    block_timeout: float | None = None,
    sinks: tuple[Sink, ...] = (),
) -> Run:
    """Bring a run of either kind to its end from its directory alone; arguments as in `ExposureJob.run`."""
    run = open_run(folder)
    if not run.is_stress:
        return resume_run(
            folder,
            executor,
            workers=workers,
            insecure=insecure,
            block_timeout=block_timeout,
            sinks=sinks,
        )
    execution, products = _base_job(run)
    return _resumed(
        folder,
        executor_for(execution, executor, workers, insecure, block_timeout),
        RunSettings(sinks, products, alike=False),
    )


@dataclass(frozen=True)
class StressJob:
    """A scenario set on a base run, checked and ready to be computed.

    Raises
    ------
    StoreError
        The base run is not finished, is a stress run itself, or was made by other versions or on another kind of CPU.
    """

    base: Run
    scenarios: ScenarioSet
    options: StressOptions = field(default_factory=StressOptions)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.base.is_stress:
            raise DomainError(f"{self.base.path}: expected a job's run, got a stress run; name its base run")
        if self.base.completion is None:
            raise StoreError(
                f"{self.base.path}: expected a finished run; finish it with 'xva resume {self.base.path}'"
            )
        if differences := differing_keys(mathematics(self.base.manifest.identity.environment), mathematics()):
            raise StoreError(
                f"{self.base.path}: its paths cannot be made again here bit for bit: {'; '.join(differences)}. Use the "
                f"environment it was made in, or run its job again"
            )

    @cached_property
    def loaded(self) -> LoadedJob:
        """The base run's job, from its own directory."""
        with job_of(self.base) as job:
            return job

    @cached_property
    def parent(self) -> dict[str, str]:
        """What names the base run for good."""
        completion: Completion | None = self.base.completion
        root = completion.root_hash if completion is not None else ""
        return {"run_id": self.base.manifest.run_id, "root_hash": root}

    @cached_property
    def identity(self) -> RunIdentity:
        """The base run's root hash, the scenarios, and how they are prepared."""
        base = self.base.manifest.identity
        job = {
            STRESS: scenario_document(self.scenarios),
            "parent": self.parent,
            "keep_cube": self.options.keep_cube,
            "skip_failing": self.options.skip_failing,
            "surrogates": self.options.surrogates,
        }
        name = f"{base.name[:40]}-{self.scenarios.name[:23]}"
        return RunIdentity(name, base.seed, job, base.block_size, base.dtype, base.device)

    @cached_property
    def plan(self) -> StressPlan:
        """What workers compute: built markets, and what they reach."""
        manifest = self.base.manifest
        found = scan(self.base.layout, manifest)
        if len(found.markers) != manifest.n_blocks:
            raise StoreError(
                f"{self.base.path}: {len(found.findings)} of its files are damaged; mend it with "
                f"'xva resume {self.base.path}'"
            )
        sums = StoredSums(self.base.layout, dict(found.markers))
        exposure = Exposure(self.loaded, self.training)
        engine, blocks = exposure.engine, list(sums)
        if not living(engine.book.trades, self.loaded.as_of):
            with own_library_state():
                return prepare(engine, self.scenarios, blocks, self.options)
        settings = settings_of(self.loaded)
        anew: Learn = partial(self.training.learn, settings=settings)
        worlds = StressedSurrogates(anew)
        if self.options.surrogates == "certified":
            worlds = StressedSurrogates(certified(exposure.learned, anew))
        elif self.options.surrogates == "reused":
            aside = replace(self.training, folders=(), again=False)  # not kept: nothing certifies them
            beside: Learn = partial(aside.learn, settings=rough(settings))
            worlds = StressedSurrogates(reused(exposure.learned), freshly(exposure.learned, beside))
        with own_library_state():
            return prepare(engine, self.scenarios, blocks, self.options, worlds)


def finish(plan: StressPlan, sums: Sequence[Arrays], identity: RunIdentity) -> xr.Dataset:
    """Results of a stress run, with every scenario's fingerprint and what priced trades without closed form.

    ``root_hash`` is that of a fresh run on the scenario's quotes that keeps no cube and has no sensitivities.
    """
    blocks = list(sums)
    hashes = [data_hash(scenario) for scenario in plan.scenario_sums(blocks)]
    found = stress_results(plan, blocks).assign_coords(root_hash=("scenario", hashes))
    surrogates = "none"
    if plan.base.mixed:
        surrogates = _TOLD[identity.job["surrogates"]]
        if identity.job["surrogates"] == "reused":
            found = found.assign(reused_errors(plan))
            found.attrs["reused_error_paths"] = min(plan.block_size, PATHS) * plan.base.scrambles
    parent: dict[str, str] = identity.job["parent"]
    return found.assign_attrs(
        parent_run_id=parent["run_id"], parent_root_hash=parent["root_hash"], surrogates=surrogates
    )


def data_hash(blocks: Sequence[Arrays]) -> str:
    """The root hash that a run has whose blocks are these sums and nothing else; empty without any."""
    markers = []
    for number, sums in enumerate(blocks):
        layout = RunLayout(Path("."))
        name = layout.relative(layout.sums(number))
        digest = digest_bytes(encode_arrays(sums, f"block {number}, sums"))
        markers.append(Marker("", number, ((name, digest),)))
    return root_hash(markers) if markers else ""


def _executed(job: LoadedJob) -> dict[str, Any]:
    """The job's ``execution`` but for its folder, which is the base run's."""
    return job.spec.execution.model_dump(exclude={"output"})


def _base_job(run: Run) -> tuple[Execution, tuple[str, ...]]:
    """What `stress` kept of the base run's job; nothing in particular where an earlier version kept none."""
    file = run.manifest.attachments.get(BASE_JOB)
    if file is None:
        return Execution(), ()
    document = json.loads(get_bytes(run.layout.inputs, file))
    products, problems = tuple(document["products"]), Problems()
    trade_types(products, f"{run.path}, products", problems, stored=True)
    problems.done()
    return Execution(**document["execution"]), products


def _resumed(folder: Path, executor: Executor, settings: RunSettings) -> Run:
    run = open_run(folder)
    loaded = load_plan(run.layout.inputs, run.manifest.plan, settings.trusted_modules)
    if not isinstance(loaded, StressPlan):
        raise StoreError(f"{folder}: expected the plan of a stress run, got {loaded.kind}")
    identity = run.manifest.identity
    outcome = resume(folder, executor, lambda sums: finish(loaded, sums, identity), settings=settings)
    return open_run(outcome.folder)
