"""``xva resume RUN``: bring a run to its end from its own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import console, exit_codes
from pipelines.commands.products import PRODUCTS, import_products
from pipelines.commands.run import BLOCK_TIMEOUT, INSECURE, SCHEDULER, WORKERS


def resume(
    run: Annotated[Path, typer.Argument(help="The run's directory; the original files are not needed.")],
    workers: Annotated[int | None, WORKERS] = None,
    scheduler: Annotated[str | None, SCHEDULER] = None,
    insecure: Annotated[bool, INSECURE] = False,
    products: Annotated[list[str] | None, PRODUCTS] = None,
    block_timeout: Annotated[float | None, BLOCK_TIMEOUT] = None,
) -> None:
    """Compute what is missing, torn or damaged in a run, and nothing else."""
    with exit_codes():
        import_products(products)
        from pipelines.commands.run import drive, show
        from pipelines.commands.stress import show_stress
        from pipelines.runs.stress import resume_any

        finished = drive(
            lambda sink: resume_any(
                run,
                executor=scheduler,
                workers=workers,
                insecure=insecure,
                block_timeout=block_timeout,
                sinks=(sink,),
            )
        )
        (show_stress if finished.is_stress else show)(finished, console())
