"""``xva sensitivities RUN``: the largest derivatives of a measure by quote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes


def sensitivities(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    measure: Annotated[str, typer.Option(help="CVA, DVA, FCA, FBA or FVA.")] = "CVA",
    netting_set: Annotated[str | None, typer.Option(help="One netting set; the total by default.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many, the largest first.")] = 20,
    csv: Annotated[Path | None, typer.Option(help="Write all of them to this file instead.")] = None,
) -> None:
    """Show the largest sensitivities of a measure to market quotes, with standard errors."""
    with exit_codes():
        from pipelines.results.run import open_run
        from pipelines.results.tables import sensitivity_table

        table = open_run(run).sensitivities(measure, netting_set)
        if csv is None:
            console().print(sensitivity_table(table, top))
            return
        table.to_frame().to_csv(csv)
        console().print(f"{table.data.sizes['quote']} sensitivities in {csv}", markup=False, soft_wrap=True)
