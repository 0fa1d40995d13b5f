"""Exposure profiles from values on paths.

Here ``values`` are deflated values less collateral ``(path, time, ...)`` and profiles are ``(time, ...)``,
both with further dims (netting set) behind. EPE and ENE are discounted and >= 0; the Basel measures
(EE, EEE, EEPE) are in money of the date, ``EPE / P(0, t)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xva.errors import DomainError
from xva.numerics.types import Floats


def epe(values: NDArray[np.floating[Any]]) -> Floats:
    """Expected positive exposure ``E[max(V/N, 0)]`` ``(time, ...)``."""
    return np.asarray(np.maximum(values, 0.0).mean(axis=0, dtype=np.float64))


def ene(values: NDArray[np.floating[Any]]) -> Floats:
    """Expected negative exposure ``E[max(-V/N, 0)]`` ``(time, ...)``, >= 0."""
    return epe(-values)


def pfe(values: NDArray[np.floating[Any]], quantile: float = 0.95) -> Floats:
    """Potential future exposure ``max(q-quantile of V/N, 0)`` ``(time, ...)``.

    The exact empirical quantile: the smallest value that a fraction ``quantile`` of the paths does not
    exceed. It depends on the measure: these are quantiles of deflated values under the numeraire's.

    Raises
    ------
    DomainError
        ``quantile`` outside (0, 1).
    """
    if not 0.0 < quantile < 1.0:
        raise DomainError(f"pfe quantile: expected a number between 0 and 1, got {quantile}")
    at = np.quantile(values, quantile, axis=0, method="inverted_cdf")
    return np.asarray(np.maximum(at, 0.0), dtype=np.float64)


def ee(epe: Floats, discount: Floats) -> Floats:
    """Expected exposure in money of the date: ``EPE / P(0, t)``; ``discount`` is ``(time,)``."""
    return epe / _along_time(discount, epe)


def eee(ee: Floats) -> Floats:
    """Effective expected exposure: the running maximum of EE ``(time, ...)``."""
    return np.maximum.accumulate(ee, axis=0)


def time_average(profile: Floats, times: Floats, horizon: float) -> Floats:
    """Average of ``profile`` over ``(0, horizon]``, each interval at its right end.

    Parameters
    ----------
    profile : array
        ``(time, ...)``.
    times : array
        ``(time,)`` Actual/365 (Fixed) year fractions, increasing, >= 0.
    horizon : float
        Years; the interval that contains it counts up to it.

    Returns
    -------
    array
        ``(...)``.

    Raises
    ------
    DomainError
        ``horizon`` <= 0.
    """
    if horizon <= 0.0:
        raise DomainError(f"horizon of a time average: expected more than 0 years, got {horizon}")
    reached = np.minimum(times, horizon)
    weights = np.diff(reached, prepend=0.0)
    return np.asarray(np.tensordot(weights / weights.sum(), profile, axes=(0, 0)))


def maturity(exposure: Floats, times: Floats) -> float:
    """The first date after which ``exposure`` ``(time,)`` is gone for good; 0 if there never is any."""
    alive = np.flatnonzero(exposure > 0.0)
    return float(times[min(alive[-1] + 1, len(times) - 1)]) if alive.size else 0.0


def epe_basel(ee: Floats, times: Floats, maturity: float) -> Floats:
    """Basel's EPE: time average of EE over ``min(1 year, maturity)``, ``(...)``."""
    return time_average(ee, times, min(1.0, maturity))


def eepe(ee: Floats, times: Floats, maturity: float) -> Floats:
    """Effective EPE: time average of EEE over ``min(1 year, maturity)``, ``(...)``."""
    return time_average(eee(ee), times, min(1.0, maturity))


def running_average(profile: Floats, times: Floats) -> Floats:
    """Time average of ``profile`` over ``(0, t]`` for every date ``(time, ...)``; at ``t = 0`` itself."""
    steps = _along_time(np.diff(times, prepend=0.0), profile)
    total = np.cumsum(steps * profile, axis=0)
    elapsed = _along_time(times, profile)
    return np.where(elapsed > 0, total / np.where(elapsed > 0, elapsed, 1.0), profile)


def _along_time(values: Floats, like: Floats) -> Floats:
    return values.reshape(-1, *(1,) * (like.ndim - 1))
