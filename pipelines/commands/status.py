"""``xva status RUN``: how far a run is, without touching it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.outcome import INCOMPLETE, console, exit_codes


def status(run: Annotated[Path, typer.Argument(help="A run's directory.")]) -> None:
    """Say how far a run is and what went wrong. Exit code 1 while it is not complete."""
    with exit_codes():
        from pipelines.execution.status import status as read_status

        found = read_status(run)
        out = console()
        out.print(f"{found.name}-{found.run_id[:8]}: {found.state}, {found.done} of {found.n_blocks} blocks")
        if found.driver:
            out.print(f"driven by {found.driver}")
        for block, error in sorted(found.failed.items()):
            out.print(f"block {block} failed: {error}", style="red", markup=False, soft_wrap=True)
        if found.state == "incomplete":
            if found.last_error:
                out.print(f"ended with {found.last_error.rstrip(': ')}", markup=False, soft_wrap=True)
            out.print(f"bring it to its end with: xva resume {found.folder}", soft_wrap=True)
        if found.root_hash:
            out.print(f"root hash {found.root_hash}")
        if found.state != "complete":
            raise typer.Exit(INCOMPLETE)
