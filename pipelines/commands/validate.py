"""``xva validate job.toml``: every problem of the inputs at once, what a run would be, values at t = 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pipelines.commands.outcome import console, exit_codes

if TYPE_CHECKING:
    from pipelines.jobs.validation import ValidationReport


def validate(job: Annotated[Path, typer.Argument(help="The job file, TOML.")]) -> None:
    """Check a job and all its inputs without running it; lists every problem, exit code 2.

    Shows where values at t = 0 differ most from booked ones and from quoted volatilities.
    """
    with exit_codes():
        from pipelines.jobs.inputs import load_job
        from pipelines.jobs.validation import validate_job
        from pipelines.results.calibration import calibration_lines
        from pipelines.results.left_out import left_out_lines
        from pipelines.results.open_fixings import in_words
        from pipelines.results.reconciliation import reconciliation_table
        from pipelines.runs.computation import Exposure

        loaded, out = load_job(job), console()
        exposure = Exposure(loaded)
        told = calibration_lines(exposure.repriced())
        out.print(report_table(validate_job(loaded), in_words(exposure.open_fixings()), told))
        for line in left_out_lines(exposure.left_out()):
            out.print(line)
        out.print()
        out.print(reconciliation_table(exposure.reconciliation(), loaded.spec.reporting_currency))


def report_table(report: ValidationReport, open_fixings: str = "", calibration: Sequence[str] = ()) -> Table:
    """The report in words, one row per subject.

    ``open_fixings`` are those that the market stands in for, ``calibration`` what rates make of their quotes.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for subject, text in _rows(report):
        table.add_row(subject, Text(text))
    for line in calibration:
        table.add_row("calibration", Text(line))
    if open_fixings:
        table.add_row(
            "filled in", Text(f"fixings of the valuation date, by the market's own: {open_fixings}")
        )
    return table


def _rows(report: ValidationReport) -> Iterator[tuple[str, str]]:
    from pipelines.results.tables import in_short

    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.trades.items()))
    count, memory = sum(report.trades.values()), report.bytes_per_block / 2**20
    yield report.name, "nothing wrong"
    live = count - len(report.ended)
    yield "trades", f"{count:,} ({live:,} live, {report.booked:,} with a booked value): {kinds}"
    if report.ended:
        yield "count as 0", in_short([f"{name} ({why})" for name, why in report.ended.items()])
    yield "netting sets", f"{len(report.netting_sets)}, of {report.counterparties} counterparties"
    if report.idle_netting_sets:
        yield "left out", f"netting sets without trades: {', '.join(report.idle_netting_sets)}"
    for note in report.notes:
        yield "note", note
    if report.filled:
        yield (
            "filled in",
            "; ".join(
                f"{kind}, {column}: {value} ({count:,} trade{'s' if count != 1 else ''})"
                for (kind, column, value), count in sorted(report.filled.items())
            ),
        )
    if report.proxies:
        yield "proxies", ", ".join(f"{name} by {proxy}" for name, proxy in report.proxies.items())
    yield "market", f"{report.quotes:,} quotes"
    if report.unused:
        yield "unused", f"quotes that nothing of this book is built from: {'; '.join(report.unused)}"
    if report.outrights:
        yield (
            "FX forwards",
            f"{report.outrights:,} outrights (FXFWD/PRICE), read as points (FXFWD/RATE) on their spot",
        )
    yield "model", f"{len(report.factors)} factors: {', '.join(report.factors)}"
    own = (
        f" ({report.own_dates} of them the book's own, at most {report.most_dates} in all)"
        if report.own_dates
        else ""
    )
    yield "dates", f"{report.dates}, {report.first_date} to {report.last_date}{own}"
    events = (
        f"{report.resets} notional resets, {report.exercises} exercises, {report.fixings} fixings of coupons"
    )
    yield "event dates", f"{len(report.event_dates)} ({events}; fixing = {report.fixing})"
    yield "Sobol", f"{report.sobol_dimensions:,} dimensions, {report.scrambles} scrambles"
    yield "paths", f"{report.paths:,} in {report.blocks} blocks, about {memory:,.0f} MB each"
