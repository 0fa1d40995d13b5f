"""Sensitivities allocated to standard tenors.

A quote between two buckets goes to both, in the proportion of its distance in years: sums are preserved, and so is the
value-weighted mean tenor of everything between the first bucket and the last. Beyond them it goes to the nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.results.sensitivities import Sensitivities
from pipelines.results.sums import sums_by
from pipelines.results.tenors import ordered, years
from xva.errors import DomainError

STANDARD: Final = ("3M", "6M", "1Y", "2Y", "3Y", "5Y", "10Y", "15Y", "20Y", "30Y")
_KEYS: Final = ("measure", "netting_set", "family", "curve", "currency", "bucket", "shift_name")


def bucketed(
    sensitivities: Sensitivities,
    buckets: Sequence[str] = STANDARD,
    swaptions: Literal["expiry", "length"] = "expiry",
) -> pd.DataFrame:
    """Values per shift by bucket instead of by quote.

    Parameters
    ----------
    sensitivities : Sensitivities
    buckets : sequence of str
        Tenors, increasing.
    swaptions : "expiry" or "length"
        Which of a swaption volatility's two tenors is meant.

    Returns
    -------
    DataFrame
        Columns ``measure, netting_set, family, curve, currency, bucket`` (ordered; empty for quotes without tenor),
        ``shift_name, value, standard_error``. The error is that of the bucket's sum, as in `Sensitivities.by`.

    Raises
    ------
    DomainError
        Buckets that do not increase.
    """
    ends = np.array([years(b)[0] for b in buckets])
    if not len(ends) or (np.diff(ends) <= 0.0).any():
        raise DomainError(f"buckets: expected increasing tenors, got {', '.join(buckets) or 'none'}")
    frame = sensitivities.to_frame().assign(row=lambda f: np.arange(len(f)))
    part = 0 if swaptions == "expiry" else -1
    parts = []
    for tenor, rows in frame.groupby("tenor", observed=True):
        at = years(str(tenor), sensitivities.as_of)
        weights = shares(at[part], ends) if at else np.zeros(len(ends))
        names = [(b, w) for b, w in zip(buckets, weights) if w] if at else [("", 1.0)]
        for bucket, weight in names:
            scaled = {n: rows[n] * weight for n in ("value", "standard_error")}
            parts.append(rows.assign(bucket=bucket, weight=weight, **scaled))
    found = pd.concat(parts)
    found["bucket"] = found["bucket"].astype(ordered(found["bucket"]))
    samples = sensitivities.samples()
    if samples is not None:
        samples = samples[:, found["row"]] * found["weight"].to_numpy()
    return sums_by(found, _KEYS, samples).reset_index()


def shares(at: float, ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights ``(bucket,)`` of a point at ``at`` years: >= 0, sum 1, mean ``at`` between the first bucket and the last."""
    unit = np.eye(len(ends))
    return np.array([np.interp(at, ends, row) for row in unit])
