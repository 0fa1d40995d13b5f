"""How long a block may take: from those that are done, unless somebody says a number."""

from __future__ import annotations

from bisect import insort
from statistics import median

SHORTEST = 60.0
"""Seconds that every block may take."""
MANY_TIMES = 20.0
"""Of the median of the blocks that are done: a worker may be busy with other things, but not that busy."""
UNMEASURED = 3600.0
"""Seconds while no block is done."""
DIFFERING = 86400.0
"""Seconds where blocks do not resemble each other, so that none says how long another takes."""


class Deadline:
    """The time limit of blocks.

    Parameters
    ----------
    stated : float or None
        Seconds, in place of what is measured.
    alike : bool
        Whether blocks take about the same time: blocks of paths do, trades to learn and groups of scenarios do not.
    """

    def __init__(self, stated: float | None, alike: bool) -> None:
        self._stated = stated
        self._alike = alike
        self._seconds: list[float] = []

    def note(self, seconds: float) -> None:
        """Take in what a finished block took."""
        insort(self._seconds, seconds)

    @property
    def limit(self) -> float:
        """Seconds that a block may take now."""
        if self._stated is not None:
            return self._stated
        if not self._alike:
            return DIFFERING
        if not self._seconds:
            return UNMEASURED
        return max(SHORTEST, MANY_TIMES * median(self._seconds))

    def why(self) -> str:
        """Where the limit is from, for the person who reads that a block was given up."""
        if self._stated is not None:
            return "as stated"
        if not self._alike or not self._seconds:
            return "nothing measured says how long it takes"
        return f"the median of {len(self._seconds)} finished blocks is {median(self._seconds):.3g} s"
