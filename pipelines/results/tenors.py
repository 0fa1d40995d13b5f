"""Tenors of quotes as an ordered scale: ``3M`` before ``1Y`` before ``10Y``; a swaption's by expiry, then length."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xva import dates

_EPOCH = np.datetime64("1970-01-01", "D")


def years(tenor: str, as_of: np.datetime64 | None = None) -> tuple[float, ...]:
    """Years to each part of a quote's tenor: ``()`` without one, two numbers for a swaption's ``5Y/10Y``.

    Parameters
    ----------
    as_of : datetime64, optional
        For pillars that are dates; without it they are in their order, but not at their distance.
    """
    return tuple(_years(part, as_of) for part in tenor.split("/") if part)


def ordered(tenors: Iterable[str], as_of: np.datetime64 | None = None) -> pd.CategoricalDtype:
    """The tenors as ordered categories, shortest first, quotes without a tenor before all."""
    known = sorted(set(tenors), key=lambda t: (years(t, as_of), t))
    return pd.CategoricalDtype(known, ordered=True)


def _years(part: str, as_of: np.datetime64 | None) -> float:
    if dates.is_tenor(part):
        return dates.tenor_years(part)
    origin = _EPOCH if as_of is None else as_of.astype("datetime64[D]")
    return float((dates.parse_date(part) - origin).astype(np.int64)) / 365.0
