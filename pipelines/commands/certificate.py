"""``xva certificate RUN``: how wrong the surrogates of a run are, against fresh nested Monte Carlo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from pipelines.commands.outcome import INCOMPLETE, console, exit_codes

if TYPE_CHECKING:
    from surrogates.registry import Trained


def certificate(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    trade: Annotated[str | None, typer.Option(help="One trade; all without closed form by default.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write figures to this .png; of several trades to FILE-TRADE.png.")
    ] = None,
) -> None:
    """Show what a run's surrogates are certified for, date by date.

    Exit code 1 where a certificate failed and nothing replaced the surrogate.
    """
    with exit_codes():
        from pipelines.reports.certificates import kept, uncovered
        from pipelines.reports.surrogate_sheet import check_sheet
        from pipelines.results.run import open_run

        opened, out = open_run(run), console()
        if plot is not None:
            check_sheet(plot)
        found = kept(opened, trade)
        if not found:
            out.print("Every trade of this run has a closed form: there are no surrogates.")
        for name, trained in found.items():
            _show(name, trained, out)
            if plot is not None:
                _draw(name, trained, plot if len(found) == 1 else plot.with_stem(f"{plot.stem}-{name}"), out)
        failed = [name for name in uncovered(opened.xva) if name in found]
        for name in failed:
            out.print(f"trade {name}: its certificate failed and nothing replaced it", style="red")
        if failed:
            raise typer.Exit(INCOMPLETE)


def _show(name: str, trained: Trained, out: Console) -> None:
    from pipelines.reports.surrogate_tables import certificate_table, description, overall_lines

    for line in description(name, trained):
        out.print(line, markup=False, soft_wrap=True)
    if trained.certificate.dates:
        out.print(certificate_table(trained.certificate, f"Certificate of {name}, {trained.identity.as_of}"))
        for text in overall_lines(trained.certificate):
            out.print(text, soft_wrap=True)
    out.print()


def _draw(name: str, trained: Trained, path: Path, out: Console) -> None:
    from pipelines.reports.surrogate_sheet import write_sheet

    if trained.evidence:
        write_sheet(trained, name, path)
        out.print(f"Figures of {name} in {path}", markup=False, soft_wrap=True)
