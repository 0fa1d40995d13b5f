"""``xva stress RUN scenarios.toml``: scenarios on a finished run's own random numbers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.commands.outcome import console, exit_codes
from pipelines.commands.products import PRODUCTS, import_products
from pipelines.commands.run import BLOCK_TIMEOUT, INSECURE, SCHEDULER, WORKERS

if TYPE_CHECKING:
    import xarray as xr

    from pipelines.results.run import Run
    from xva.scenarios import StressOptions


class Surrogates(StrEnum):
    """What prices trades without closed form on a scenario's market."""

    anew = "anew"
    certified = "certified"
    reused = "reused"


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
    surrogates: Annotated[
        Surrogates,
        typer.Option(
            help="For trades without closed form: learned anew by scenario; the base run's where they pass a fresh "
            "certificate there; or the base run's as they are, flagged."
        ),
    ] = Surrogates.anew,
    explain: Annotated[
        bool, typer.Option("--explain", help="What first and second order explain of every change (slow).")
    ] = False,
    cube: Annotated[bool, typer.Option("--cube", help="Keep all values on paths, by scenario.")] = False,
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run; beside its base by default.")
    ] = None,
    insecure: Annotated[bool, INSECURE] = False,
    products: Annotated[list[str] | None, PRODUCTS] = None,
    block_timeout: Annotated[float | None, BLOCK_TIMEOUT] = None,
) -> None:
    """Run a set of scenarios: base, stressed and change by scenario, on the same random numbers.

    The same set again opens its finished run, or continues a half-finished one.
    """
    with exit_codes():
        import_products(products)
        from pipelines.commands.run import drive
        from pipelines.runs.stress import stress as run_stress
        from xva.scenarios import StressOptions

        options = StressOptions(skip_failing, cube, surrogates.value)
        finished = drive(
            lambda sink: run_stress(
                run, scenarios, scheduler, workers=workers, insecure=insecure, block_timeout=block_timeout,
                output=output, options=options, sinks=(sink,),
            )
        )  # fmt: skip
        show_stress(finished, console(), measure, netting_set)
        if explain:
            data, units = attribution(run, scenarios, options, scheduler, workers, insecure)
            show_attribution(data, units, console(), measure or "CVA", netting_set)
            if surrogates is not Surrogates.anew:
                console().print(
                    "Explained with surrogates learned anew on every market, whatever --surrogates says.",
                    soft_wrap=True,
                )


def attribution(
    run: Path,
    scenarios: Path,
    options: StressOptions,
    scheduler: str | None,
    workers: int | None,
    insecure: bool,
) -> tuple[xr.Dataset, str]:
    """What explains the changes, computed where the stress run was; and the currency."""
    from pipelines.jobs.scenarios import read_scenarios
    from pipelines.results.run import open_run
    from pipelines.runs.explain import attribute_stress
    from pipelines.runs.stress import StressJob

    job = StressJob(open_run(run), read_scenarios(scenarios), options)
    found = attribute_stress(job, executor=scheduler, workers=workers, insecure=insecure)
    return found, job.loaded.spec.reporting_currency


def show_attribution(
    data: xr.Dataset, units: str, out: Console, measure: str, netting_set: str | None
) -> None:
    """A row per scenario, the groups of each, and whose kink a large rest is."""
    from pipelines.results.explain import group_table, kink_notes, one_place, scenario_table

    out.print(scenario_table(data, measure, units, netting_set))
    for name in data["scenario"].values:
        one = data.sel(scenario=name)
        out.print(f"[bold]{name}[/]")
        out.print(group_table(one_place(one, netting_set), measure, units))
        for note in kink_notes(one):
            out.print(note, soft_wrap=True)


def show_stress(run: Run, out: Console, measure: str | None = None, netting_set: str | None = None) -> None:
    """The table by scenario, what could not be computed, and where the run lies."""
    found = run.stress
    out.print(found.table(measure, netting_set))
    if found.failed:
        out.print(found.failures(), soft_wrap=True)
    if found.notes():
        out.print(found.notes(), soft_wrap=True)
    out.print(f"The run lies in {run.path}", soft_wrap=True)
    out.print(f'Open it with pipelines.open_run("{run.path}").stress', soft_wrap=True)
