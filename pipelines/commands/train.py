"""``xva train job.toml``: learn and certify the trades of a job that have no closed form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.outcome import INCOMPLETE, console, exit_codes
from pipelines.commands.run import INSECURE, SCHEDULER, WORKERS

if TYPE_CHECKING:
    from pipelines.execution.events import Event


def train(
    job: Annotated[Path, typer.Argument(help="The job file, TOML.")],
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the runs; the job's own by default.")] = None,
    insecure: Annotated[bool, INSECURE] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train what is there already, too.")] = False,
) -> None:
    """Learn every trade of a job that has no closed form, and test it against nested Monte Carlo.

    What was trained before is reused. Runs of the job find the surrogates in the output's folder `surrogates`. Exit code 1
    where a certificate failed and nothing may replace the surrogate.
    """
    with exit_codes():
        from pipelines.execution.events import TradeTrained
        from pipelines.execution.progress import ProgressBar
        from pipelines.reports import training_table
        from pipelines.runs.exposure import ExposureJob
        from pipelines.runs.training import SURROGATES

        exposure_job, out = ExposureJob.from_toml(job), console()
        seconds: dict[str, float] = {}

        def note(event: Event) -> None:
            if isinstance(event, TradeTrained):
                seconds[event.trade_id] = event.seconds

        with ProgressBar(console(stderr=True)) as bar:
            book = exposure_job.train(
                scheduler, workers=workers, insecure=insecure, output=output, sinks=(bar, note), again=retrain
            )
        if not book.requests:
            out.print("Every trade of this job has a closed form: there is nothing to learn.")
            return
        out.print(training_table(book, seconds))
        folder = (output or exposure_job.output) / SURROGATES
        out.print(f"The surrogates lie in {folder}", soft_wrap=True)
        for name, why in book.refused.items():
            out.print(f"trade {name}: {why}", style="red", markup=False, soft_wrap=True)
        if book.refused:
            raise typer.Exit(INCOMPLETE)
