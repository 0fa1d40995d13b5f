"""``xva sensitivities RUN``: the largest derivatives of a measure by quote."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes


class FxForwards(StrEnum):
    """What stays where the spot of quoted FX forwards moves."""

    points = "points"
    curve = "curve"


def sensitivities(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    measure: Annotated[str, typer.Option(help="CVA, DVA, FCA, FBA or FVA.")] = "CVA",
    netting_set: Annotated[str | None, typer.Option(help="One netting set; the total by default.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many, the largest first.")] = 20,
    fx_forwards: Annotated[
        FxForwards,
        typer.Option(
            help="What of quoted FX forwards stays where an FX rate moves: points or the curve they build."
        ),
    ] = FxForwards.points,
    csv: Annotated[Path | None, typer.Option(help="Write all of them to this file instead.")] = None,
) -> None:
    """Show the largest sensitivities of a measure to market quotes, with standard errors."""
    with exit_codes():
        from pipelines.results.run import open_run
        from pipelines.results.tables import sensitivity_table

        table = open_run(run).sensitivities(measure, netting_set, fx_forwards=fx_forwards.value)
        if csv is None:
            console().print(sensitivity_table(table, top))
            if "FX forward" in table.data["quote_family"].values:
                console().print(f"FX rates: {table.data.attrs['fx_forwards']} where FX forwards are quoted")
            return
        table.to_frame().to_csv(csv)
        console().print(f"{table.data.sizes['quote']} sensitivities in {csv}", markup=False, soft_wrap=True)
