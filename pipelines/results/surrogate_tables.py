"""Surrogates and their certificates as rich tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from pipelines.results.certificates import Errors
from surrogates.book import LearnedBook
from surrogates.certificate.certificate import (
    ENE,
    EPE,
    GRADIENT,
    INDICATOR_EPE,
    NEAR_ZERO,
    OUTSIDE,
    VALUE,
    Certificate,
    Check,
    Verdict,
)
from surrogates.certificate.intervals import Interval
from surrogates.trained import Trained

STYLES: Final[dict[Verdict, str]] = {"pass": "green", "fail": "red", "undecided": "yellow", "reported": ""}
_SCALES: Final = (
    "Largest errors over the dates: value of its sd, gradient of its size, EPE and ENE of the mean absolute value; "
    "outside: states beyond the training's."
)
_MEASURES: Final = {
    VALUE: "Value",
    GRADIENT: "Gradient",
    NEAR_ZERO: "Near 0",
    EPE: "EPE",
    ENE: "ENE",
    INDICATOR_EPE: "Indicator",
    OUTSIDE: "Outside",
}


def training_table(book: LearnedBook, seconds: Mapping[str, float]) -> Table:
    """Every trade without closed form: verdict, errors, route, and the seconds it took (none: reused)."""
    table = _table(f"Trades without a closed form, {len(book.requests)}", _SCALES)
    for name in ("Trade", "Netting set", "Certificate"):
        table.add_column(name, no_wrap=True)
    for name in ("Value", "Gradient", "EPE", "Outside", "Seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Route", overflow="fold")
    for place in sorted(book.requests):
        trade, trained = book.requests[place].trade, book.trained[place]
        errors, verdict = Errors.of(trained.certificate), trained.certificate.verdict
        took = f"{seconds[trade.trade_id]:.1f}" if trade.trade_id in seconds else "reused"
        table.add_row(
            trade.trade_id,
            trade.netting_set,
            Text(verdict, style=STYLES[verdict]),
            *(percent(e) for e in (errors.value, errors.gradient, errors.exposure, errors.outside)),
            took,
            Text(str(trained.route), style="" if trained.route.outcome == "surrogate" else "yellow"),
        )
    return table


def certificate_table(certificate: Certificate, title: str) -> Table:
    """One row per date: every error ± half its confidence interval, relative, coloured by verdict."""
    level = f"{100.0 * certificate.level:.0f} %"
    caption = (
        f"Relative errors ± half of their {level} interval, of the scales above; green within tolerance, red beyond, "
        "yellow undecided. EPE and ENE: of the value; Indicator: of its sign only, as in the run."
    )
    table = _table(title, caption)
    table.add_column("Date", no_wrap=True)
    shown = {m: head for m, head in _MEASURES.items() if any(c.measure == m for c in certificate.checks)}
    for head in shown.values():
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column(f"EPE, {certificate.currency}", justify="right", no_wrap=True)
    table.add_column("States", justify="right", no_wrap=True)
    for date in certificate.dates:
        mine = {c.measure: c for c in certificate.checks if c.day == date.day}
        cells = [_cell(mine[m]) if m in mine else Text("") for m in shown]
        table.add_row(date.day, *cells, _amount(date.epe), str(date.states))
    return table


def overall_lines(certificate: Certificate) -> list[Text]:
    """What covers all dates."""
    return [Text(f" {check}", style=STYLES[check.verdict]) for check in certificate.checks if not check.day]


def description(trade: str, trained: Trained) -> list[str]:
    """What was trained, on what, and what is asked of it."""
    identity, pricer, tolerance = trained.identity, trained.pricer, trained.certificate.tolerance
    kinds = sorted({s.kind for s in pricer.surrogates})
    paths = trained.route.attempts[-1].paths if trained.route.attempts else identity.settings.get("paths")
    asked = {"value": tolerance.value, "exposure": tolerance.exposure, "outside": tolerance.outside}
    wanted = ", ".join(f"{name} {percent(bound)}" for name, bound in asked.items() if bound is not None)
    return [
        f"{trade}, {identity.trade['class']}: {trained.certificate.verdict}, {trained.route}",
        f" {', '.join(kinds)} in {', '.join(pricer.features)} on {len(pricer.days)} dates, {paths:,} training paths",
        f" tolerance: {wanted}",
    ]


def percent(share: float) -> str:
    """Two significant digits; a dash for no number."""
    return f"{100.0 * share:.2g} %" if np.isfinite(share) else "-"


def _cell(check: Check) -> Text:
    if not check.scale > 0.0:
        return Text("-")
    middle, half = check.error.estimate / check.scale, check.error.half_width / check.scale
    text = percent(middle) if check.measure == OUTSIDE else f"{100.0 * middle:.2g} ± {100.0 * half:.2g} %"
    return Text(text, style=STYLES[check.verdict])


def _amount(found: Interval) -> str:
    return f"{found.estimate:,.0f} ± {found.half_width:,.0f}"


def _table(title: str, caption: str) -> Table:
    return Table(
        title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption_justify="left",
    )  # fmt: skip
