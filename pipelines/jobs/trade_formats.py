"""Files that trades come in, by the ending of their names: another format is a reader of its own and its line here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final

from pipelines.jobs.problems import Problems
from pipelines.jobs.products import read_documents
from pipelines.jobs.trade_rows import read_rows
from xva.trades import Trade


class TradeReader(Protocol):
    """Reads the trades of a file, all of one kind: each (None where something is wrong) with its id and where it stands.

    ``name`` is the file's in messages; ``netting_sets`` are the known ones (None: not known, not checked). Nothing is raised:
    what is wrong goes to ``problems``.
    """

    def __call__(
        self,
        path: Path,
        name: str,
        kind: type[Trade],
        netting_sets: Collection[str] | None,
        problems: Problems,
    ) -> list[tuple[Trade | None, str, str]]: ...


@final
@dataclass(frozen=True)
class TradeFormat:
    """How a file is read, and what one of its ``term``s is called in messages."""

    read: TradeReader
    term: str


_TABLE = TradeFormat(read_rows, "column")
TRADE_FORMATS: Mapping[str, TradeFormat] = {
    ".csv": _TABLE,
    ".parquet": _TABLE,
    ".json": TradeFormat(read_documents, "field"),  # terms that do not fit into a row: a list of objects
}
