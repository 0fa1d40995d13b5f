"""A copy of the demo bank that tests may spoil."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.jobs.inputs import LoadedJob, load_job
from xva.errors import InputErrors, Problem


@dataclass(frozen=True)
class Copy:
    """The demo's files in a folder of their own."""

    folder: Path

    @property
    def job(self) -> Path:
        return self.folder / "demo.toml"

    def load(self) -> LoadedJob:
        return load_job(self.job)

    def problems(self) -> tuple[Problem, ...]:
        """What loading complains about."""
        with pytest.raises(InputErrors) as caught:
            self.load()
        return caught.value.problems

    def problem(self) -> Problem:
        """The one problem there is."""
        found = self.problems()
        assert len(found) == 1, "\n".join(map(str, found))
        return found[0]

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace the first ``old``, which must be there."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def set(self, file: str, key: str, column: str, value: str) -> int:
        """Set a cell in the row whose first cell is ``key``; returns the row's number."""
        rows = self.rows(file)
        number = next(n for n, row in enumerate(rows) if row[0] == key)
        rows[number][rows[0].index(column)] = value
        self.write(file, rows)
        return number + 1

    def drop(self, file: str, doomed: Callable[[list[str]], bool]) -> None:
        """Drop the rows for which ``doomed``; there must be some."""
        rows = self.rows(file)
        kept = [rows[0], *(row for row in rows[1:] if not doomed(row))]
        assert len(kept) < len(rows)
        self.write(file, kept)

    def append(self, file: str, *cells: str) -> int:
        rows = [*self.rows(file), list(cells)]
        self.write(file, rows)
        return len(rows)

    def rows(self, file: str) -> list[list[str]]:
        with (self.folder / file).open(newline="") as lines:
            return list(csv.reader(lines))

    def write(self, file: str, rows: list[list[str]]) -> None:
        with (self.folder / file).open("w", newline="") as lines:
            csv.writer(lines, lineterminator="\n").writerows(rows)
