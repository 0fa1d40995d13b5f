"""Exposures and measures are never shown below zero: the one place of the rule.

Where part of a netting set is a surrogate, the indicator estimator averages paths' cash flows on the side of zero that the
surrogate says. It has the right mean to second order, and noise: a set whose trades cancel may come out below zero. Such a
mean is truncated at 0. It keeps its standard error, and what it was is kept beside it (``*_untruncated``), which is the flag.

Samples are moved, all scrambles of a number alike, so what is made of them (totals, FVA, changes, errors) agrees with what
is shown. Every date of a profile and every measure of a netting set is truncated by itself: a sum over truncated
dates would be too large. A measure whose weights have both signs (funding below the risk-free rate on some dates) is let be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xva.numerics.types import Floats
from xva.sensitivities.bump import weighted
from xva.sensitivities.by_quote import with_totals
from xva.sensitivities.reverse_pass import Sums

_ROUNDING = 1e-14


def not_below_zero(samples: Floats, sign: Floats | float = 1.0) -> Floats:
    """Samples ``(scramble, ...)`` moved where the mean times ``sign`` (of its shape; 0 for no bound) is negative."""
    mean = samples.mean(0)
    return np.asarray(np.where(mean * sign < 0.0, samples - mean, samples))


def parts_of(whole: Floats, parts: Floats, sign: Floats | float = 1.0) -> Floats:
    """Parts ``(scramble, ..., part)`` of ``whole`` ``(scramble, ...)``: moved to a mean of 0 where it is truncated.

    A netting set whose exposure has a mean of 0 is positive on no path, so no trade of it has a part.
    """
    none = whole.mean(0) * sign < 0.0
    return np.asarray(np.where(none[..., None], parts - parts.mean(0), parts))


def mean_of(samples: Floats) -> Floats:
    """Mean of moved samples ``(scramble, ...)``: 0 where they were truncated, not the rounding of that."""
    mean = samples.mean(0)
    return np.asarray(np.where(np.abs(mean) <= _ROUNDING * np.abs(samples).max(0), 0.0, mean))


def measure_samples(weights: Floats, means: list[tuple[Floats, Floats]], truncate: bool = True) -> Floats:
    """``(scramble, measure, netting_set)`` of `MEASURE_NAMES`, totals over measures included.

    Parameters
    ----------
    weights : ndarray
        ``(measure, netting_set, time)``.
    means : list of (epe, ene)
        Of each scramble, ``(netting_set, time)``.
    truncate : bool
        False for what the estimators say.
    """
    samples = np.stack([weighted(weights, sides) for sides in means])
    return with_totals(not_below_zero(samples, sign_of(weights)) if truncate else samples, axis=1)


def sign_of(weights: Floats) -> Floats:
    """``(...)`` of weights ``(..., time)``: 1 where none is negative, -1 where none is positive, else 0."""
    up, down = (weights >= 0.0).all(-1), (weights <= 0.0).all(-1)
    return np.asarray(up.astype(np.float64) - down.astype(np.float64))


def sides(means: Sequence[Sums], kind: str = "") -> list[tuple[Floats, Floats]]:
    """Profiles of each scramble: exact, ``_soft`` or ``_half``."""
    return [(mean[f"epe{kind}"], mean[f"ene{kind}"]) for mean in means]
