"""``xva stress RUN scenarios.toml``: scenarios on a finished run's own random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.commands.outcome import console, exit_codes
from pipelines.commands.run import INSECURE, SCHEDULER, WORKERS

if TYPE_CHECKING:
    from pipelines.results.run import Run


def stress(
    run: Annotated[Path, typer.Argument(help="The base run's directory, finished.")],
    scenarios: Annotated[Path, typer.Argument(help="The scenario file, TOML.")],
    measure: Annotated[
        str | None, typer.Option(help="CVA, DVA, FCA, FBA, FVA or XVA; most by default.")
    ] = None,
    netting_set: Annotated[str | None, typer.Option(help="One netting set; the total by default.")] = None,
    skip_failing: Annotated[
        bool, typer.Option("--skip-failing", help="Flag scenarios without a market, run the others.")
    ] = False,
    reuse_surrogates: Annotated[
        bool,
        typer.Option(
            "--reuse-surrogates",
            help="Keep what was learned on the base market, flagged; else trades are learned anew by scenario.",
        ),
    ] = False,
    cube: Annotated[bool, typer.Option("--cube", help="Keep all values on paths, by scenario.")] = False,
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run; beside its base by default.")
    ] = None,
    insecure: Annotated[bool, INSECURE] = False,
) -> None:
    """Run a set of scenarios: base, stressed and change by scenario, on the same random numbers.

    The same set again opens its finished run, or continues a half-finished one.
    """
    with exit_codes():
        from pipelines.commands.run import drive
        from pipelines.stress_job import stress as run_stress
        from xva.valuation.scenarios.prepare import StressOptions

        options = StressOptions(skip_failing, cube, reuse_surrogates)
        finished = drive(
            lambda sink: run_stress(
                run, scenarios, scheduler, workers=workers, insecure=insecure, output=output, options=options,
                sinks=(sink,),
            )
        )  # fmt: skip
        show_stress(finished, console(), measure, netting_set)


def show_stress(run: Run, out: Console, measure: str | None = None, netting_set: str | None = None) -> None:
    """The table by scenario, what could not be computed, and where the run lies."""
    found = run.stress
    out.print(found.table(measure, netting_set))
    if found.failed:
        out.print(found.failures(), soft_wrap=True)
    out.print(f"The run lies in {run.path}", soft_wrap=True)
    out.print(f'Open it with pipelines.open_run("{run.path}").stress', soft_wrap=True)
