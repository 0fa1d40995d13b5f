"""``xva explain RUN_A RUN_B``: what changed between two runs, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes
from pipelines.commands.products import PRODUCTS, import_products
from pipelines.commands.run import INSECURE, SCHEDULER, WORKERS


def explain(
    run_a: Annotated[Path, typer.Argument(help="The earlier run's directory, finished.")],
    run_b: Annotated[Path, typer.Argument(help="The later run's directory, finished.")],
    measure: Annotated[
        str, typer.Option(help="CVA, DVA, FCA, FBA, FVA or XVA, of the table by group.")
    ] = "CVA",
    netting_set: Annotated[str | None, typer.Option(help="One netting set; the book by default.")] = None,
    no_split: Annotated[
        bool, typer.Option("--no-split", help="Own gammas and cross-gammas together, several times faster.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Also write all terms to this file.")] = None,
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    insecure: Annotated[bool, INSECURE] = False,
    products: Annotated[list[str] | None, PRODUCTS] = None,
) -> None:
    """Explain the change between two runs: time, fixings, trades, market by risk factor group, and the rest."""
    with exit_codes():
        import_products(products)
        from pipelines.execution.progress import ProgressBar
        from pipelines.runs.explain import explain as explain_runs

        with ProgressBar(console(stderr=True)) as bar:
            found = explain_runs(
                run_a,
                run_b,
                scheduler,
                workers=workers,
                insecure=insecure,
                split=not no_split,
                sinks=(bar,),
            )
        out = console()
        out.print(found.table(netting_set))
        out.print(found.market_table(measure, netting_set))
        if notes := found.notes():
            out.print(notes, markup=False, soft_wrap=True)
        if csv is not None:
            found.to_frame(netting_set).to_csv(csv)
            out.print(f"All terms in {csv}", markup=False, soft_wrap=True)
