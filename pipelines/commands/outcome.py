"""How a command ends: one message for people on standard error, one code for scripts.

0 delivered · 1 incomplete (a quarantined block, a dead cluster, a damaged file) · 2 bad input or usage ·
3 unsupported trades · 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

INCOMPLETE: Final = 1
BAD_INPUT: Final = 2
UNSUPPORTED: Final = 3
INTERRUPTED: Final = 130
_WIDTH_OF_A_FILE: Final = 120


def console(stderr: bool = False) -> Console:
    """Terminal output; 120 columns where it goes to a file or a pipe."""
    out = Console(stderr=stderr, highlight=False)
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDTH_OF_A_FILE)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors made on purpose, and the system's about files, into a message and an exit code.

    Anything else keeps its traceback.
    """
    from xva.errors import XvaError

    try:
        yield
    except KeyboardInterrupt:
        _say("interrupted; what is done is kept, the same command continues it")
        raise typer.Exit(INTERRUPTED) from None
    except XvaError as error:
        _say(error.message)
        raise typer.Exit(exit_code(error)) from None
    except OSError as error:
        if error.strerror is None:
            raise
        where = "" if error.filename is None else f"{error.filename}: "
        _say(f"{where}{error.strerror}; what is done is kept, the same command continues it")
        raise typer.Exit(INCOMPLETE) from None


def exit_code(error: Exception) -> int:
    """The exit code of an error made on purpose."""
    from pipelines.execution.errors import ClusterError, InsecureClusterError, QuarantineError
    from pipelines.storage.manifest import ForeignRunError
    from xva.errors import InputErrors, StoreError

    if isinstance(error, ForeignRunError | InsecureClusterError):
        return BAD_INPUT
    if isinstance(error, InputErrors) and error.unsupported:
        return UNSUPPORTED
    if isinstance(error, QuarantineError | ClusterError | StoreError):
        return INCOMPLETE
    return BAD_INPUT


def _say(message: str) -> None:
    console(stderr=True).print(f"xva: {message}", markup=False, soft_wrap=True)
