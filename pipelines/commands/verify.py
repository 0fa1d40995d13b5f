"""``xva verify RUN``: read everything again and compare it with its hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import INCOMPLETE, console, exit_codes


def verify(run: Annotated[Path, typer.Argument(help="A run's directory, finished or not.")]) -> None:
    """Read every file of a run again; name what is missing, torn or changed (exit code 1)."""
    with exit_codes():
        from pipelines.storage.layout import RunLayout
        from pipelines.storage.verify import verify as verify_run

        found = verify_run(RunLayout(run))
        out = console()
        for finding in found.findings:
            out.print(str(finding), style="red", markup=False, soft_wrap=True)
        state = "complete" if found.complete else "not complete"
        out.print(f"run {found.run_id[:8]}: {found.done} of {found.n_blocks} blocks stand, {state}")
        if found.root_hash is not None:
            out.print(f"root hash {found.root_hash}")
        if not found.ok:
            raise typer.Exit(INCOMPLETE)
