"""TOML files of people: a table, or why there is none."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import require_file


def read_toml(path: Path, what: str, problems: Problems) -> dict[str, Any] | None:
    """The table in a file; None, with the reason in ``problems``, where it cannot be read. ``what`` says whose file it is."""
    try:
        require_file(path)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.add(str(path), f"a readable {what} file", error.strerror or str(error))
    except UnicodeDecodeError as error:
        problems.add(path.name, "text in UTF-8", f"a byte that is not ({error.reason})")
    except ValueError as error:  # no TOML, or a number too long to be one
        problems.add(path.name, "TOML", str(error))
    except RecursionError:
        problems.add(path.name, "TOML", "lists or tables nested too deeply")
    return None
