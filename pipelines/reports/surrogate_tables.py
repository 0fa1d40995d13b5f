"""Surrogates and their certificates as rich tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from pipelines.reports.certificates import Errors
from pipelines.results.what_if import Fitting
from surrogates.book import LearnedBook
from surrogates.certificate import Certificate, Check
from surrogates.certificate.certificate import (
    ENE,
    EPE,
    GRADIENT,
    INDICATOR_EPE,
    NEAR_ZERO,
    OUTSIDE,
    VALUE,
    Verdict,
)
from surrogates.registry import Trained

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


def certificate_table(certificate: Certificate, title: str) -> Fitting:
    """One row per date: every error ± half its confidence interval, relative, coloured by verdict."""
    shown = {m: head for m, head in _MEASURES.items() if any(c.measure == m for c in certificate.checks)}
    caption = (
        f"Relative errors ± half of their {100.0 * certificate.level:.0f} % interval: value of its sd, gradient of its size, "
        "near 0 the mean within ±0.1 sd of it, EPE, ENE and Indicator (as in the run: by the sign only) of the mean absolute "
        "value. Green: within tolerance, red: beyond, yellow: undecided."
    )

    def make(between: str) -> Table:
        table = _table(title, caption)
        table.add_column("Date", no_wrap=True)
        for head in (*shown.values(), f"EPE, {certificate.currency}"):
            table.add_column(head, justify="right", no_wrap=True)
        for date in certificate.dates:
            mine = {c.measure: c for c in certificate.checks if c.day == date.day}
            cells = [_cell(mine[m], between) if m in mine else Text("") for m in shown]
            table.add_row(date.day, *cells, f"{date.epe.estimate:,.0f}{between}± {date.epe.half_width:,.0f}")
        return table

    return Fitting(make)


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
        f"{trade}, {identity.trade['kind']}: {trained.certificate.verdict}, {trained.route}",
        f" {', '.join(kinds)} in {', '.join(pricer.features)} on {len(pricer.days)} dates, {paths:,} training paths",
        f" tolerance: {wanted}",
    ]


def percent(share: float) -> str:
    """In per cent, one decimal below 10; a dash for no number."""
    return f"{_digits(share)} %" if np.isfinite(share) else "-"


def _cell(check: Check, between: str) -> Text:
    if not check.scale > 0.0:
        return Text("-")
    middle, half = check.error.estimate / check.scale, check.error.half_width / check.scale
    counted = check.measure == OUTSIDE
    text = percent(middle) if counted else f"{_digits(middle)}{between}± {_digits(half)} %"
    return Text(text, style=STYLES[check.verdict])


def _digits(share: float) -> str:
    amount = 100.0 * share
    return f"{amount:.0f}" if abs(amount) >= 9.95 else f"{amount:.1f}".replace("-0.0", "0.0")


def _table(title: str, caption: str) -> Table:
    return Table(
        title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption_justify="left",
    )  # fmt: skip
