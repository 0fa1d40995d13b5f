"""An exposure job: from a TOML file to a run directory, here or on a Dask cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.execution.events import Event, RunStarted, Sink
from pipelines.execution.executors import executor_for
from pipelines.execution.runner import RunSettings, execute, resume
from pipelines.execution.session import Executor
from pipelines.jobs.identity import identity_inputs
from pipelines.jobs.inputs import LoadedJob, load_job
from pipelines.jobs.snapshot import restore
from pipelines.results.run import Run, open_run
from pipelines.runs.computation import Exposure
from pipelines.runs.handle import RunHandle
from pipelines.runs.training import SURROGATES, Training
from pipelines.storage.identity import RunIdentity, differing_keys
from pipelines.storage.plans import get_bytes
from pipelines.storage.results import open_cube
from surrogates.book import LearnedBook
from surrogates.training.trade_training import product_sources
from xva.errors import StoreError
from xva.market import MarketConfig, QuoteSet
from xva.trades import PathTrade, Trade

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class ExposureJob:
    """A checked job, ready to run.

    Parameters
    ----------
    loaded : LoadedJob
        As `from_toml` reads it.
    """

    loaded: LoadedJob

    def __repr__(self) -> str:
        return f"ExposureJob({self.loaded.told()})"

    @classmethod
    def from_toml(cls, path: Path | str) -> ExposureJob:
        """Read and check a job and all its inputs.

        Raises
        ------
        InputErrors
            Everything that is wrong, at once.
        """
        return cls(load_job(path))

    @property
    def trades(self) -> tuple[Trade, ...]:
        return self.loaded.trades

    @property
    def quotes(self) -> QuoteSet:
        return self.loaded.quotes

    @property
    def market_config(self) -> MarketConfig:
        """Which curves the job's market has and what each is for."""
        return self.loaded.market_config

    @property
    def output(self) -> Path:
        """The folder that holds the runs."""
        return self.loaded.output

    @cached_property
    def identity(self) -> RunIdentity:
        """What makes two runs the same: job without ``execution``, inputs, one's own products, versions, CPU class."""
        simulation = self.loaded.spec.simulation
        return RunIdentity(
            name=self.loaded.spec.name,
            seed=simulation.seed,
            job=identity_inputs(self.loaded) | _products(self.loaded),
            block_size=simulation.block_size,
            dtype=simulation.dtype,
            device=simulation.device,
        )

    @cached_property
    def exposure(self) -> Exposure:
        """The calibrated computation: a plan cut into blocks, and what turns their sums into results.

        Trades without closed form are learned here and not kept; `run` learns them on its executor and keeps them.
        """
        return Exposure(self.loaded)

    def trained(
        self,
        executor: str | Executor | None = None,
        *,
        output: Path | None = None,
        sinks: tuple[Sink, ...] = (),
    ) -> Exposure:
        """The same with trades learned on an executor and kept in ``output``'s folder of surrogates; arguments as in `run`."""
        chosen, folder = self._executor(executor), self.identity.folder(output or self.output)
        products = self.loaded.spec.inputs.products
        return Exposure(self.loaded, Training.of_run(folder, chosen, sinks, products))

    def train(
        self,
        executor: str | Executor | None = None,
        *,
        workers: int | None = None,
        insecure: bool = False,
        output: Path | None = None,
        sinks: tuple[Sink, ...] = (),
        again: bool = False,
    ) -> LearnedBook:
        """Find or train every trade without closed form; ``output``'s folder of surrogates keeps them for runs.

        Parameters
        ----------
        executor, workers, insecure, output, sinks
            As in `run`.
        again : bool
            Whether to train what is there already, too.

        Returns
        -------
        LearnedBook
            ``.requests`` and ``.trained`` by place, with certificates; ``.refused`` names what cannot be priced.
        """
        exposure = self.trained(self._executor(executor, workers, insecure), output=output, sinks=sinks)
        return replace(exposure, training=replace(exposure.training, again=again)).examined

    def run(
        self,
        executor: str | Executor | None = None,
        *,
        workers: int | None = None,
        insecure: bool = False,
        block_timeout: float | None = None,
        output: Path | None = None,
        sinks: tuple[Sink, ...] = (),
    ) -> Run:
        """Run to the end, or open the same job's finished run, or continue its half-finished one.

        Parameters
        ----------
        executor : str or Executor, optional
            ``serial``, ``local`` or a scheduler's address; the job's own by default.
        workers : int, optional
            Processes of a local cluster; given alone it asks for one.
        insecure : bool
            Accept a plain ``tcp://`` scheduler beyond this machine.
        block_timeout : float, optional
            Seconds after which a block that workers have not done is given up and its worker restarted; by default the
            job's, or 20 times the median of the finished blocks, at least 60 s.
        output : path, optional
            Folder of the runs; the job's own by default.
        sinks : tuple of callables
            Get every event.

        Raises
        ------
        XvaError
            A directory of another job, blocks that failed every attempt, a dead cluster …
        """
        folder, chosen = (
            self.identity.folder(output or self.output),
            self._executor(executor, workers, insecure, block_timeout),
        )
        exposure = self.trained(chosen, output=output, sinks=sinks)
        outcome = execute(
            exposure.plan,
            folder,
            chosen,
            lambda sums: exposure.finish(sums, open_cube(folder)),
            identity=self.identity,
            attachments=self.loaded.files,
            store_cube=self.loaded.spec.exposure.store_cube,
            settings=RunSettings((*sinks, _keeper(exposure, folder)), self.loaded.spec.inputs.products),
        )
        return open_run(outcome.folder)

    def _executor(
        self,
        asked: str | Executor | None,
        workers: int | None = None,
        insecure: bool = False,
        block_timeout: float | None = None,
    ) -> Executor:
        return executor_for(self.loaded.spec.execution, asked, workers, insecure, block_timeout)

    def submit(self, client: Client | None = None, *, output: Path | None = None) -> RunHandle:
        """Run in the background.

        Parameters
        ----------
        client : distributed.Client, optional
            Whose workers compute; they must see the run directory under the same path. None: this process.
        output : path, optional
            Folder of the runs; the job's own by default.

        Returns
        -------
        RunHandle
            ``.progress()``, ``.result()``, ``.cancel()``.
        """
        executor = "serial" if client is None else _on(client)
        return RunHandle(lambda sink: self.run(executor, output=output, sinks=(sink,)))


def resume_run(
    folder: Path,
    executor: str | Executor | None = None,
    *,
    workers: int | None = None,
    insecure: bool = False,
    block_timeout: float | None = None,
    sinks: tuple[Sink, ...] = (),
) -> Run:
    """Bring a run to its end from its directory alone; arguments as in `ExposureJob.run`.

    Raises
    ------
    StoreError
        It is no run, was not made from a job, or cannot be continued here bit for bit.
    """
    run = open_run(folder)
    with job_of(run) as loaded:
        chosen = executor_for(loaded.spec.execution, executor, workers, insecure, block_timeout)
        products = loaded.spec.inputs.products
    was, now = run.manifest.identity.job.get("products", {}), _products(loaded).get("products", {})
    if differences := differing_keys(was, now):
        raise StoreError(f"{run.path}: products of one's own have changed: {'; '.join(differences)}")
    exposure = Exposure(loaded, Training.of_run(folder.absolute(), chosen, sinks, products))
    outcome = resume(
        folder,
        chosen,
        lambda sums: exposure.finish(sums, open_cube(folder)),
        settings=RunSettings((*sinks, _keeper(exposure, folder)), products),
    )
    return open_run(outcome.folder)


@contextmanager
def job_of(run: Run) -> Iterator[LoadedJob]:
    """A run's job, read from the run's own directory; its files are there as long as the context is.

    Raises
    ------
    InputErrors
        The job names modules of products that this process has not imported by itself: opening a run executes none.
    StoreError
        The run was not made from a job, its inputs are damaged, or they say something else than the run's identity.
    """
    attachments = run.manifest.attachments
    files: Mapping[str, bytes] = {n: get_bytes(run.layout.inputs, file) for n, file in attachments.items()}
    with tempfile.TemporaryDirectory(prefix="xva-job-") as aside:
        job = load_job(restore(files, Path(aside)), stored=True)
        _check_identity(run, job)
        yield job


def _check_identity(run: Run, job: LoadedJob) -> None:
    """Refuse a stored job that is not the one whose run this is.

    Raises
    ------
    StoreError
        Names what differs.
    """
    was = {key: run.manifest.identity.job.get(key) for key in ("job", "inputs")}
    if differences := differing_keys(was, identity_inputs(job)):
        raise StoreError(
            f"{run.path}: the job stored in it is not the job that it ran: {'; '.join(differences)} (there: the run's "
            f"identity, here: its inputs) -> run the job again"
        )


def _products(job: LoadedJob) -> dict[str, dict[str, str]]:
    """sha256 of the modules of one's own products, for the identity; nothing where there are none."""
    kinds = {type(t): None for t in job.trades if isinstance(t, PathTrade)}
    found = {name: digest for kind in kinds for name, digest in product_sources(kind).items()}
    return {"products": dict(sorted(found.items()))} if found else {}


def _keeper(exposure: Exposure, folder: Path) -> Sink:
    """Puts what a run has learned into its directory as soon as there is one."""

    def keep(event: Event) -> None:
        if isinstance(event, RunStarted):
            exposure.training.keep(exposure.learned, folder / SURROGATES)

    return keep


def _on(client: Client) -> Executor:
    from pipelines.execution.dask_executors import ClientExecutor

    return ClientExecutor(client)
