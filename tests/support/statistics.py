"""The one rule for means of simulations: within three standard errors, as Student has them for so many scrambles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

SCRAMBLES = 32


def three_sigma(scrambles: int = SCRAMBLES, numbers: int = 1) -> float:
    """99.73 % two-sided Student quantile with ``scrambles - 1`` degrees (3.26 for 32), shared among so many numbers."""
    return float(student.ppf(1.0 - 0.0027 / 2.0 / numbers, scrambles - 1))


def standard_error(samples: ArrayLike) -> NDArray[np.float64]:
    """Of the mean over the first axis, the scrambles."""
    found = np.asarray(samples, dtype=np.float64)
    return np.asarray(found.std(0, ddof=1) / np.sqrt(len(found)))


def assert_within(
    got: Any,
    se: Any,
    exact: Any,
    scrambles: int = SCRAMBLES,
    floor: float = 1e-9,
    more: Any = 0.0,
    numbers: int = 1,
) -> None:
    """``got`` is within three standard errors of ``exact``, plus ``more``; ``floor`` is relative, for exact zeros.

    ``numbers`` is among how many of a test the chance of a false alarm is shared.
    """
    got, se, exact = (np.asarray(v, dtype=np.float64) for v in (got, se, exact))
    assert np.all(np.isfinite(se)), "no standard error"
    allowed = three_sigma(scrambles, numbers) * se + floor * np.abs(exact).max(initial=0.0) + more
    worst = np.abs(got - exact) / np.where(allowed > 0, allowed, 1.0)
    assert np.all(np.abs(got - exact) <= allowed), (
        f"up to {3.0 * worst.max():.2f} 'standard errors': got {got}, exact {exact}, allowed {allowed}"
    )
