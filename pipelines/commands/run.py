"""``xva run job.toml``: validate, compute, show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from pipelines.commands.outcome import console, exit_codes

if TYPE_CHECKING:
    from pipelines.execution.events import Sink
    from pipelines.results.run import Run

WORKERS: Final = typer.Option(min=1, help="Processes on this machine (executor local).")
SCHEDULER: Final = typer.Option(help="serial, local, or the address of a Dask scheduler, tls://host:8786.")
INSECURE: Final = typer.Option("--insecure", help="Accept a plain tcp:// scheduler beyond this machine.")
BLOCK_TIMEOUT: Final = typer.Option(
    min=1.0, help="Seconds after which a worker's block is given up; by default 20 times their median."
)
_LARGEST: Final = 10


def run(
    job: Annotated[Path, typer.Argument(help="The job file, TOML.")],
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the runs; the job's own by default.")] = None,
    insecure: Annotated[bool, INSECURE] = False,
    block_timeout: Annotated[float | None, BLOCK_TIMEOUT] = None,
) -> None:
    """Run a job: validate everything, compute, show adjustments and sensitivities.

    The same job again opens its finished run, or continues a half-finished one.
    """
    with exit_codes():
        from pipelines.runs.exposure import ExposureJob

        exposure_job = ExposureJob.from_toml(job)
        finished = drive(
            lambda sink: exposure_job.run(
                executor=scheduler,
                workers=workers,
                insecure=insecure,
                block_timeout=block_timeout,
                output=output,
                sinks=(sink,),
            )
        )
        show(finished, console())


def drive(work: Callable[[Sink], Run]) -> Run:
    """Do the work under one progress bar on standard error."""
    from pipelines.execution.progress import ProgressBar

    with ProgressBar(console(stderr=True)) as bar:
        return work(bar)


def show(run: Run, out: Console) -> None:
    """The table by netting set, the largest CVA sensitivities, and where the run lies."""
    from pipelines.results.open_fixings import from_dataset, in_words
    from pipelines.results.tables import XvaTable, sensitivity_table

    out.print(XvaTable(run.xva))
    if fixings := from_dataset(run.xva):
        out.print(f"Fixings of the valuation date filled in by the market's own: {in_words(fixings)}")
    for note in run.xva.attrs.get("notes", ()):
        out.print(f"Note: {note}", markup=False, soft_wrap=True)
    if "total_sensitivity" in run.xva:
        out.print()
        out.print(sensitivity_table(run.sensitivities("CVA"), _LARGEST))
    out.print(f"The run lies in {run.path}", soft_wrap=True)
    out.print(f'Open it with pipelines.open_run("{run.path}"), or: xva export {run.path}', soft_wrap=True)
