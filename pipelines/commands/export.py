"""``xva export RUN``: CSV reports with ORE's column names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes


def export(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    folder: Annotated[Path, typer.Option(help="Where to.")] = Path("csv"),
) -> None:
    """Write xva.csv, exposure_nettingset_*.csv, reconciliation.csv and sensitivity.csv; of a stress run stress.csv."""
    with exit_codes():
        from pipelines.reports import export_csv
        from pipelines.results.run import open_run

        for file in export_csv(open_run(run), folder):
            console().print(str(file), markup=False, soft_wrap=True)
