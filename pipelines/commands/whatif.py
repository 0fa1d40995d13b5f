"""``xva whatif RUN trades.csv``: what new or removed trades change; ``--allocate``: which trades it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from pipelines.commands.outcome import console, exit_codes
from pipelines.commands.products import PRODUCTS, import_products
from pipelines.commands.run import INSECURE, SCHEDULER, WORKERS

if TYPE_CHECKING:
    import pandas as pd


def whatif(
    run: Annotated[Path, typer.Argument(help="A run's directory.")],
    trades: Annotated[
        Path | None,
        typer.Argument(help="New trades: a table or JSON file named as its trade type, or a folder of such."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Trade type of a file with another name.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Id of a trade to remove; may be repeated.")
    ] = None,
    allocate: Annotated[
        bool, typer.Option("--allocate", help="No change: show what each trade contributes.")
    ] = False,
    netting_set: Annotated[str | None, typer.Option(help="With --allocate: one; all by default.")] = None,
    measure: Annotated[str, typer.Option(help="With --allocate: sort by CVA, DVA, FCA, FBA, FVA.")] = "CVA",
    top: Annotated[int, typer.Option(min=1, help="With --allocate: how many trades to show.")] = 20,
    csv: Annotated[Path | None, typer.Option(help="Also write the table by measure to this file.")] = None,
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    insecure: Annotated[bool, INSECURE] = False,
    products: Annotated[list[str] | None, PRODUCTS] = None,
) -> None:
    """Show the change of CVA, DVA and FVA by new or removed trades, or each trade's marginal contribution.

    Only the netting sets concerned are valued again, on the run's own random numbers.
    """
    if allocate and (trades is not None or remove or kind):
        raise typer.BadParameter(
            "--allocate shows the run's own trades: give it without trades, --type or --remove"
        )
    if netting_set is not None and not allocate:
        raise typer.BadParameter("--netting-set goes with --allocate; trades name their own netting sets")
    with exit_codes():
        import_products(products)
        from pipelines.execution.progress import ProgressBar
        from pipelines.runs.what_if import allocation, what_if

        out, notes = console(), Text()
        with ProgressBar(console(stderr=True)) as bar:
            if allocate:
                shares = allocation(
                    run, netting_set, executor=scheduler, workers=workers, insecure=insecure, sinks=(bar,)
                )
                tables, frame = [shares.table(measure, top)], shares.to_frame()
                notes = shares.notes()
            else:
                found = what_if(
                    run,
                    trades if trades is not None else (),
                    remove or (),
                    trade_type=kind,
                    executor=scheduler,
                    workers=workers,
                    insecure=insecure,
                    sinks=(bar,),
                )
                tables, frame = [found.table(), found.trade_table()], found.to_frame()
                notes = found.notes()
        for table in tables:
            out.print(table)
        if notes:
            out.print(notes, soft_wrap=True)
        if csv is not None:
            _write(frame, csv)
            out.print(f"{len(frame)} rows in {csv}", markup=False, soft_wrap=True)


def _write(frame: pd.DataFrame, file: Path) -> None:
    frame.reset_index().to_csv(file, index=False)
