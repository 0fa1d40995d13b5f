"""The command ``xva``: one file per verb in `pipelines.commands`; torch and dask are imported when needed."""

from __future__ import annotations

import typer

from pipelines.commands.certificate import certificate
from pipelines.commands.explain import explain
from pipelines.commands.export import export
from pipelines.commands.market import market
from pipelines.commands.report import report
from pipelines.commands.resume import resume
from pipelines.commands.run import run
from pipelines.commands.sensitivities import sensitivities
from pipelines.commands.status import status
from pipelines.commands.stress import stress
from pipelines.commands.train import train
from pipelines.commands.validate import validate
from pipelines.commands.verify import verify
from pipelines.commands.whatif import whatif
from pipelines.execution.allocator import keep_freed_memory

VERBS = (
    run,
    validate,
    market,
    resume,
    status,
    verify,
    export,
    sensitivities,
    stress,
    explain,
    whatif,
    train,
    certificate,
    report,
)

app = typer.Typer(
    name="xva",
    help="CVA, DVA and FVA of a portfolio with their sensitivities to every market quote.",
    epilog="Exit codes: 0 delivered, 1 incomplete, 2 bad input, 3 unsupported trades, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in VERBS:
    app.command()(verb)


def main() -> None:
    """Entry point of the console script."""
    keep_freed_memory()
    app()


if __name__ == "__main__":
    main()
