"""Bringing a run to its end: create or resume, missing blocks, sums in block order, results, fingerprint."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from pipelines.execution.blocks import BlockDriver
from pipelines.execution.errors import NoWorkersError
from pipelines.execution.events import (
    BlockDiscarded,
    BlocksFinished,
    EventLog,
    RunFailed,
    RunFinished,
    RunStarted,
    Sink,
    fan_out,
)
from pipelines.execution.memory import check_memory
from pipelines.execution.session import Executor, Session
from pipelines.execution.tasks import PlanAddress, Receipt, StoreTask
from pipelines.storage.durable import digest_file
from pipelines.storage.identity import RunIdentity, differing_keys, environment
from pipelines.storage.layout import RunLayout
from pipelines.storage.leftovers import ASIDE, DRAFTS, WEEK, sweep
from pipelines.storage.lock import driver_lock
from pipelines.storage.manifest import (
    Completion,
    RunManifest,
    read_completion,
    read_manifest,
    refuse_foreign,
    write_completion,
)
from pipelines.storage.markers import Marker, root_hash
from pipelines.storage.plans import load_plan, plan_files
from pipelines.storage.results import StoredSums, write_results
from pipelines.storage.runs import create_run, mend_run
from pipelines.storage.verify import check_files, scan
from xva.blocks import Plan
from xva.blocks.plan import Arrays
from xva.errors import StoreError

Finish = Callable[[Sequence[Arrays]], xr.Dataset]


@dataclass(frozen=True)
class RunOutcome:
    """A complete run; ``computed`` are the blocks that this call computed."""

    folder: Path
    run_id: str
    root_hash: str
    computed: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class RunSettings:
    """How a run is driven; none of it touches a number.

    Parameters
    ----------
    sinks : iterable of callables
        Get every event (`pipelines.execution.progress.ProgressBar`), beside ``events.jsonl``.
    trusted_modules : collection of str
        Modules outside ``xva`` and ``surrogates`` whose plans may be loaded.
    max_attempts : int
        Attempts per block.
    alike : bool
        Whether blocks take about the same time, so that finished ones say when one is stuck.
    """

    sinks: tuple[Sink, ...] = ()
    trusted_modules: tuple[str, ...] = ()
    max_attempts: int = 3
    alike: bool = True


def execute(
    plan: Plan,
    run_dir: Path | str,
    executor: Executor,
    finish: Finish,
    *,
    identity: RunIdentity,
    attachments: Mapping[str, bytes] | None = None,
    store_cube: bool = True,
    settings: RunSettings = RunSettings(),
) -> RunOutcome:
    """Run a plan in a directory, or bring the run that is there to its end.

    Blocks that stand are kept, all others computed; a complete run is checked and returned as it is.

    Parameters
    ----------
    run_dir : path
        ``identity.folder(output)`` by default of the caller.
    finish : callable
        Turns the blocks' sums, in block order, into the results (``xva.zarr``).
    attachments : mapping, optional
        Files of the job to keep under ``inputs/``, by name.
    store_cube : bool
        Whether to keep the cube beside the sums.

    Raises
    ------
    ForeignRunError, LockedError, StoreError
        The directory belongs to another job or to another driver, or cannot be trusted.
    ClusterError, QuarantineError
        No workers; blocks that failed every attempt. What is done is kept.
    """
    layout = RunLayout(Path(run_dir).absolute())
    refuse_foreign(layout, identity)
    fresh = not layout.root.exists()
    layout.root.mkdir(parents=True, exist_ok=True)
    with driver_lock(layout.lock):
        if layout.run_json.exists():
            layout.require_own()
            manifest = read_manifest(layout)
            manifest = mend_run(layout, manifest, plan, settings.trusted_modules, attachments)
        else:
            variables = plan.schema.variables if store_cube else ()
            with _undone_if(fresh, layout):
                manifest = create_run(
                    layout, plan, identity, variables, settings.trusted_modules, attachments
                )
        return _Run(layout, manifest, plan, executor, settings, fresh).bring_to_end(finish)


def resume(
    run_dir: Path | str, executor: Executor, finish: Finish, *, settings: RunSettings = RunSettings()
) -> RunOutcome:
    """Bring the run in a directory to its end, from the directory alone.

    Raises
    ------
    StoreError
        Also when this machine's versions or CPU class are not those of the run: other bits would come out.
    """
    layout = RunLayout(Path(run_dir).absolute())
    there = read_manifest(layout).identity
    if differences := differing_keys(there.environment, environment()):
        raise StoreError(
            f"{layout.root}: cannot be continued here bit for bit: {'; '.join(differences)}. Use the "
            f"environment it was started in, or start the job anew"
        )
    with driver_lock(layout.lock):
        layout.require_own()
        manifest = read_manifest(layout)
        plan = load_plan(layout.inputs, manifest.plan, settings.trusted_modules)
        mend_run(layout, manifest, plan, settings.trusted_modules)
        return _Run(layout, manifest, plan, executor, settings, fresh=False).bring_to_end(finish)


@contextmanager
def _undone_if(fresh: bool, layout: RunLayout) -> Iterator[None]:
    try:
        yield
    except NoWorkersError:
        raise  # workers may come later, for the same directory
    except Exception:
        if fresh:
            shutil.rmtree(layout.root)
        raise


class _Run:
    """One driver's work on one directory, whose lock it holds."""

    def __init__(
        self,
        layout: RunLayout,
        manifest: RunManifest,
        plan: Plan,
        executor: Executor,
        settings: RunSettings,
        fresh: bool,
    ) -> None:
        self._layout = layout
        self._manifest = manifest
        self._plan = plan
        self._executor = executor
        self._settings = settings
        self._fresh = fresh
        self._emit = fan_out([EventLog(layout.events), *settings.sinks])
        self._started = time.monotonic()

    def bring_to_end(self, finish: Finish) -> RunOutcome:
        """Compute what is missing, then the results; every way out leaves an event."""
        try:
            return self._bring_to_end(finish)
        except BaseException as error:
            with suppress(StoreError):  # a full disk: the first error says so
                if self._layout.root.exists():
                    self._emit(RunFailed(f"{type(error).__name__}: {error}", self._seconds()))
            raise

    def _bring_to_end(self, finish: Finish) -> RunOutcome:
        manifest = self._manifest
        markers = self._standing()
        missing = tuple(b for b in range(manifest.n_blocks) if b not in markers)
        self._emit(
            RunStarted(
                manifest.run_id, manifest.identity.name, manifest.n_blocks, len(markers), self._executor.label
            )
        )
        if missing:
            self._compute(missing, markers)
        self._emit(BlocksFinished(self._seconds()))
        root = root_hash(list(markers.values()))
        completion = self._completion(root)
        if completion is None or missing or check_files(self._layout, completion.results):
            results = write_results(self._layout, finish(StoredSums(self._layout, markers)))
            self._sweep()
            write_completion(self._layout, manifest, root, results)
        elif completion.run_json != digest_file(self._layout.run_json):  # it was lost and made again
            write_completion(self._layout, manifest, root, completion.results)
        self._emit(RunFinished(root, self._seconds()))
        return RunOutcome(self._layout.root, manifest.run_id, root, missing, self._seconds())

    def _standing(self) -> dict[int, Marker]:
        found = scan(self._layout, self._manifest)
        for finding in found.findings:
            if finding.block is not None:
                self._layout.marker(finding.block).unlink(missing_ok=True)
                self._emit(BlockDiscarded(finding.block, f"{finding.file}: {finding.reason}"))
        return dict(found.markers)

    def _compute(self, missing: tuple[int, ...], markers: dict[int, Marker]) -> None:
        def accept(receipt: Receipt) -> None:
            markers[receipt.block] = receipt.value

        with ExitStack() as stack:
            session = self._open(stack)
            BlockDriver(session, self._emit, accept, self._settings.max_attempts).run(missing)

    def _open(self, stack: ExitStack) -> Session:
        """Start workers and check the memory promise; a directory made for a run that cannot start goes."""
        with _undone_if(self._fresh, self._layout):
            session = stack.enter_context(self._executor.open(self._task(), self._emit))
            _, arrays = plan_files(self._layout.inputs, self._manifest.plan)
            plan_bytes = (self._layout.inputs / arrays).stat().st_size
            check_memory(session, self._plan.bytes_per_block, plan_bytes)
        return session

    def _task(self) -> StoreTask:
        manifest = self._manifest
        plan = PlanAddress(
            str(self._layout.inputs),
            manifest.plan,
            self._settings.trusted_modules,
            tuple(sorted(manifest.identity.environment.items())),
        )
        threads = manifest.identity.threads_per_task
        return StoreTask(
            str(self._layout.root), manifest.run_id, manifest.variables, plan, threads, self._settings.alike
        )

    def _completion(self, root: str) -> Completion | None:
        try:
            completion = read_completion(self._layout)
        except StoreError:
            return None  # damaged: the blocks vouch for themselves, and it is written again
        run = (self._manifest.run_id, self._manifest.n_blocks)
        if completion is not None and (completion.run_id, completion.n_blocks) != run:
            return None  # changed: as above
        if completion is not None and completion.root_hash != root:
            raise StoreError(
                f"{self._layout.root}: the blocks have root hash {root[:8]}, COMPLETE.json says "
                f"{completion.root_hash[:8]}: a block computed again did not give the same bits. Remove "
                f"COMPLETE.json to accept the new ones, and report it"
            )
        return completion

    def _sweep(self) -> None:
        """Remove what dead writers left behind."""
        sweep(self._layout.root, *DRAFTS)
        sweep(Path(tempfile.gettempdir()), *ASIDE, older=WEEK)

    def _seconds(self) -> float:
        return time.monotonic() - self._started
