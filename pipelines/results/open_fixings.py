"""Fixings of the valuation date that the market stood in for: stored beside the results, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr

from xva.exposure.market_fixings import OpenFixing

_SHOWN: Final = 3


def as_dataset(fixings: Sequence[OpenFixing]) -> xr.Dataset:
    """``open_fixing_value``, ``open_fixing_trades`` ``(open_fixing,)``; nothing where none was open.

    Trades are ids joined by spaces.
    """
    if not fixings:
        return xr.Dataset()
    variables = {
        "open_fixing_value": (("open_fixing",), np.array([f.value for f in fixings])),
        "open_fixing_trades": (("open_fixing",), [" ".join(f.trades) for f in fixings]),
    }
    return xr.Dataset(variables, {"open_fixing": [f.name for f in fixings]})


def from_dataset(results: xr.Dataset) -> tuple[OpenFixing, ...]:
    """What `as_dataset` stored; empty where nothing is."""
    if "open_fixing_value" not in results:
        return ()
    rows = zip(
        results["open_fixing"].values,
        results["open_fixing_value"].values,
        results["open_fixing_trades"].values,
        strict=True,
    )
    return tuple(OpenFixing(str(name), float(value), tuple(str(ids).split())) for name, value, ids in rows)


def in_words(fixings: Sequence[OpenFixing]) -> str:
    """One line of names, values and trades."""
    return "; ".join(_one(f) for f in fixings)


def _one(fixing: OpenFixing) -> str:
    rate = not fixing.name.startswith(("FX/", "EQ/"))
    value = f"{100.0 * fixing.value:.5g} %" if rate else f"{fixing.value:.7g}"
    more = len(fixing.trades) - _SHOWN
    ids = ", ".join(fixing.trades[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    return f"{fixing.name} {value} ({ids})"
