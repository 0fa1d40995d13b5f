"""One small error tree; every error names the ids it is about.

Errors are for the person who holds the file: what, where, expected, got, what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the inputs.

    Parameters
    ----------
    where : str
        File, row and column (``trades/swaps.csv, row 7, column notional``) or the id concerned.
    expected, got : str
        What should stand there, and what does.
    fix : str, optional
        What to do about it.
    unsupported : bool
        The input is in order, but of a kind that the platform does not cover.
    """

    where: str
    expected: str
    got: str
    fix: str = ""
    unsupported: bool = False

    def __str__(self) -> str:
        tail = f" -> {self.fix}" if self.fix else ""
        return f"{self.where}: expected {self.expected}, got {self.got}{tail}"


class XvaError(Exception):
    """Base of all errors raised on purpose.

    ``ids`` are the quote, trade or curve ids concerned. An error made of one `Problem` (`of`) keeps it as ``problem``, for
    whoever knows the file and the row that it comes from.
    """

    def __init__(self, message: str, ids: Sequence[str] = (), problem: Problem | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.ids = tuple(ids)
        self.problem = problem

    @classmethod
    def of(cls, where: str, expected: str, got: str, fix: str = "", ids: Sequence[str] = ()) -> Self:
        """The error that says one problem."""
        problem = Problem(where, expected, got, fix)
        return cls(str(problem), ids, problem)

    def within(self, what: str, ids: Sequence[str] = ()) -> Self:
        """The same error with what it happened in before its message; the problem stays as it is."""
        return type(self)(f"{what}, {self.message}", [*ids, *self.ids], self.problem)

    def __reduce__(self) -> tuple[type[XvaError], tuple[str, tuple[str, ...], Problem | None]]:
        return type(self), (self.message, self.ids, self.problem)


class MarketDataError(XvaError):
    """A quote is missing, malformed or out of its range."""


class CalibrationError(XvaError):
    """No curve, hazard or volatility reprices the quotes (arbitrage, or a failed solve)."""


class TradeError(XvaError):
    """The terms of a trade contradict themselves or what the platform covers."""


class DomainError(XvaError):
    """A function was asked for a value outside the domain where it is known to be right."""


class StoreError(XvaError):
    """A run directory is torn, foreign or would be written out of alignment."""


class InputErrors(XvaError):
    """All problems of the inputs at once (``.problems``)."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the inputs:"
        super().__init__("\n".join([head, *(f"  {p}" for p in self.problems)]))

    @property
    def unsupported(self) -> bool:
        """Whether nothing is wrong but trades that the platform does not cover."""
        return all(p.unsupported for p in self.problems)

    def __reduce__(self) -> tuple[type[InputErrors], tuple[tuple[Problem, ...]]]:  # type: ignore[override]
        return type(self), (self.problems,)
