"""The smallest set of instruments that flattens a target: greedy orthogonal least squares, then pruning.

Finding the truly smallest set is hard (it is subset selection); greedy forward steps, each the instrument that lowers the
residual of the least squares most (Chen, Cowan & Grant 1991, OLS), find it where instruments hardly overlap, as par
instruments do in the coordinates of their own quotes. What later choices made superfluous is taken out again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xva.errors import DomainError
from xva.numerics.types import Floats

_DEPENDENT = 1e-10  # share of a column's length that is new; less is rounding


def select(target: Floats, columns: Floats, remaining: float, at_most: int) -> list[int]:
    """Numbers of the columns chosen, the most useful first.

    Parameters
    ----------
    target : ndarray
        ``(row,)``.
    columns : ndarray
        ``(row, instrument)``.
    remaining : float
        Stop when the residual is at most this share of the target's length.
    at_most : int
        And at this many.

    Raises
    ------
    DomainError
        A target that is zero, or limits that make no sense.
    """
    if not 0.0 <= remaining < 1.0 or at_most < 1:
        raise DomainError(
            f"hedge: expected 0 <= remaining < 1 and at_most >= 1, got {remaining} and {at_most}"
        )
    length = float(np.linalg.norm(target))
    if length == 0.0:
        raise DomainError("hedge: expected a ladder that is not flat already, got zeros only")
    goal = remaining * length
    chosen = _forward(target, columns, goal, at_most)
    if _residual(target, columns, chosen) <= goal:
        for k in reversed(chosen[:-1]):
            fewer = [c for c in chosen if c != k]
            if _residual(target, columns, fewer) <= goal:
                chosen = fewer
    return chosen


def amounts(target: Floats, columns: Floats, chosen: Sequence[int]) -> Floats:
    """``(chosen,)`` least-squares amounts whose sum of columns comes nearest to the target."""
    part = columns[:, list(chosen)]
    scale = np.linalg.norm(part, axis=0)
    found: Floats = np.linalg.lstsq(part / scale, target, rcond=None)[0] / scale
    return found


def _forward(target: Floats, columns: Floats, goal: float, at_most: int) -> list[int]:
    length = np.linalg.norm(columns, axis=0)
    usable = length > 0.0
    rest = np.divide(columns, length, out=np.zeros_like(columns), where=usable)
    residual, chosen = target.copy(), list[int]()
    while len(chosen) < min(at_most, int(usable.sum())) and np.linalg.norm(residual) > goal:
        new = np.linalg.norm(rest, axis=0)
        fresh = usable & (new > _DEPENDENT)
        fresh[chosen] = False
        gain = np.where(fresh, np.abs(rest.T @ residual) / np.where(fresh, new, 1.0), 0.0)
        best = int(np.argmax(gain))
        if gain[best] <= _DEPENDENT * np.linalg.norm(target):
            break
        chosen.append(best)
        direction = rest[:, best] / new[best]
        residual = residual - direction * (direction @ residual)
        rest = rest - np.outer(direction, direction @ rest)
    return chosen


def _residual(target: Floats, columns: Floats, chosen: Sequence[int]) -> float:
    if not chosen:
        return float(np.linalg.norm(target))
    return float(np.linalg.norm(target - columns[:, list(chosen)] @ amounts(target, columns, chosen)))
