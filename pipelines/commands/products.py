"""Modules of products that a user names on the command line, for runs whose jobs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

PRODUCTS: Final = typer.Option(
    "--products", help="Module of your own products that the run's job names; may be repeated."
)


def import_products(modules: Sequence[str] | None) -> None:
    """Import them: what a run's own files name is not imported on their word.

    Raises
    ------
    InputErrors
        One cannot be imported, or has no products.
    """
    if not modules:
        return
    from pipelines.jobs.problems import Problems
    from pipelines.jobs.products import trade_types

    problems = Problems()
    trade_types(modules, "--products", problems)
    problems.done()
