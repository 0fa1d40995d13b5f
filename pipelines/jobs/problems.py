"""Collecting all problems of the inputs, and the pattern of names that become paths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self, final

from xva.errors import InputErrors, Problem

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
NAME_IN_WORDS = "a name of at most 64 letters, digits, _ and -, beginning with a letter or digit"
SHOWN = 200
"""Largest number of problems told one by one."""


class FieldError(ValueError):
    """What is wrong with fields of a file's section, in parts; pydantic collects ValueErrors and keeps them whole."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(str(p) for p in problems))

    @classmethod
    def of(cls, field: str, expected: str, got: str, fix: str = "") -> Self:
        """One field's."""
        return cls(Problem(field, expected, got, fix))


@final
class Problems:
    """Everything found wrong so far."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self.notes: list[str] = []
        """What is in order, and may yet surprise."""

    def add(self, where: str, expected: str, got: str, fix: str = "", unsupported: bool = False) -> None:
        self._found.append(Problem(where, expected, got, fix, unsupported))

    def extend(self, problems: Iterable[Problem]) -> None:
        self._found.extend(problems)

    def name(self, where: str, text: str) -> bool:
        """Whether ``text`` may become part of a path; if not, says so."""
        if NAME.fullmatch(text):
            return True
        self.add(where, NAME_IN_WORDS, repr(text) if text else "an empty cell")
        return False

    def __bool__(self) -> bool:
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def done(self) -> None:
        """Raise `InputErrors` if anything was found (each problem once)."""
        found = list(dict.fromkeys(self._found))
        if not found:
            return
        left = len(found) - SHOWN
        if left > 0:
            found = [*found[:SHOWN], Problem("and more", "no problems", f"{left} further problems")]
        raise InputErrors(found)
