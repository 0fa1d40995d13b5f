"""``xva market job.toml``: which curves are built from what, in which order, and which quotes are left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pipelines.commands.outcome import console, exit_codes

if TYPE_CHECKING:
    from pipelines.results.market_plan import CurvePlan, MarketPlan


def market(job: Annotated[Path, typer.Argument(help="The job file, TOML.")]) -> None:
    """Show a job's market: each curve with its quotes and pillars, in the order of building, and what is left out.

    The job is checked as by ``validate``; every problem is listed, exit code 2.
    """
    with exit_codes():
        from pipelines.jobs.inputs import load_job
        from pipelines.results.market_plan import market_plan

        plan, out = market_plan(load_job(job)), console()
        for line in _head(plan):
            out.print(Text(line))
        for curve in plan.curves:
            out.print()
            out.print(Text(_title(curve), style="bold"))
            out.print(_pillars(curve))
        out.print()
        for line in _left_out(plan):
            out.print(Text(line))


def _head(plan: MarketPlan) -> Iterator[str]:
    yield f"{plan.name}, {plan.as_of}, in {plan.reporting_currency}"
    for row in plan.currencies:
        yield f"{row.currency}: discounted on {row.discount}; {row.terms}"
    for index, curve in plan.projection.items():
        yield f"{index}: projected on {curve}"


def _title(curve: CurvePlan) -> str:
    over = f", on {', '.join(curve.needs)}" if curve.needs else ""
    return f"{curve.position}. {curve.name}: {', '.join(curve.kinds)}{over}"


def _pillars(curve: CurvePlan) -> Table:
    table = Table("pillar", "years", "quote", "value", curve.what, box=None, padding=(0, 2, 0, 0))
    for p in curve.pillars:
        table.add_row(str(p.date), f"{p.years:.4f}", Text(p.quote), f"{p.value:.8g}", f"{p.result:.8f}")
    return table


def _left_out(plan: MarketPlan) -> Iterator[str]:
    if not plan.left_out:
        yield "every quote is used"
    for why, ids in plan.left_out.items():
        yield f"left out, {why} ({len(ids)}): {', '.join(ids)}"
