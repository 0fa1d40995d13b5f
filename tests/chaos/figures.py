"""What a part of the chaos found, as a row of a table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Figures:
    """One row: what was done, what came of it, what was lost."""

    what: str
    came: str = ""
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> str:
        lost = "nothing" if not self.lost else "; ".join(self.lost[:5]).replace("|", "/").replace("\n", " ")
        return f"| {self.what} | {self.came} | {lost} | {self.seconds:.0f} s |"

    def expect(self, fine: bool, otherwise: str) -> None:
        """Keep what went wrong, and go on."""
        if not fine:
            self.lost.append(otherwise)


@contextmanager
def timed(figures: Figures) -> Iterator[Figures]:
    started = time.monotonic()
    yield figures
    figures.seconds = time.monotonic() - started


HEAD = "| what was done | what came of it | lost | took |\n|---|---|---|---|"
