"""``xva report RUN``: one HTML file that needs no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes


def report(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    output: Annotated[
        Path | None, typer.Option(help="The file; report.html in the run's directory by default.")
    ] = None,
    stress: Annotated[
        list[Path] | None, typer.Option(help="Directory of a stress run of this run; may be given again.")
    ] = None,
) -> None:
    """Write a self-contained page: summary, exposure, XVA, sensitivities, surrogates, stress, provenance, methods."""
    with exit_codes():
        from pipelines.reports.html import write_report
        from pipelines.results.run import open_run

        file = write_report(open_run(run), output, [open_run(path) for path in stress or ()])
        console().print(str(file), markup=False, soft_wrap=True)
