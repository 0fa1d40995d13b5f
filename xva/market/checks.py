"""Ranges that quotes must lie in, checked all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xva.errors import Problem
from xva.market.labels import QuoteInfo


@dataclass(frozen=True)
class Range:
    """``low <= value <= high`` (strict where said) and how to say it."""

    low: float
    high: float
    says: str
    strict_low: bool = False
    strict_high: bool = False


_RATE = Range(-1.0, 1.0, "a rate as a decimal (0.02 is 2 %) between -1 and 1")
_SPREAD = Range(0.0, 5.0, "a rate >= 0 as a decimal (0.01 is 100 bp)")
_VOL = Range(0.0, 10.0, "a volatility > 0 as a decimal (0.2 is 20 %)", strict_low=True)
_NORMAL_VOL = Range(0.0, 1.0, "a normal volatility > 0 as a decimal (0.008 is 80 bp)", strict_low=True)
_PRICE = Range(0.0, np.inf, "a price > 0", strict_low=True)
_RANGES: dict[str, Range] = {
    "deposit": _RATE,
    "OIS": _RATE,
    "IBOR swap": _RATE,
    "FRA": _RATE,
    "future": Range(
        0.0, 200.0, "a price such as 97.5, which is 100 less the rate in per cent", strict_low=True
    ),
    "future convexity": Range(-0.1, 0.1, "a rate as a decimal (0.0001 is 1 bp) between -0.1 and 0.1"),
    "tenor basis": _RATE,
    "XCCY basis": _RATE,
    "zero rate": _RATE,
    "funding": _RATE,
    "dividend": _RATE,
    "mean reversion": Range(-1.0, 1.0, "a mean reversion per year between -1 and 1"),
    "FX": _PRICE,
    "FX forward": Range(-np.inf, np.inf, "points"),
    "FX outright": _PRICE,
    "equity": _PRICE,
    "CDS": _SPREAD,
    "hazard rate": _SPREAD,
    "recovery": Range(0.0, 1.0, "a recovery rate in [0, 1)", strict_high=True),
    "swaption vol": _NORMAL_VOL,
    "short-rate vol": _NORMAL_VOL,
    "rates parameter": Range(-10.0, 10.0, "a parameter of a rates model between -10 and 10"),
    "cap vol": _NORMAL_VOL,
    "FX vol": _VOL,
    "equity vol": _VOL,
    "correlation": Range(-1.0, 1.0, "a correlation in [-1, 1]"),
}


@dataclass(frozen=True)
class RangeTable:
    """The ranges of quotes as arrays ``(quote,)``, so that a rebuild checks them in one go."""

    rows: NDArray[np.int64]
    infos: tuple[QuoteInfo, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    strict_low: NDArray[np.bool_]
    strict_high: NDArray[np.bool_]

    def problems(self, values: NDArray[np.float64]) -> list[Problem]:
        """One problem per quote out of its range; ``values`` are those of the whole quote set."""
        values = values[self.rows]
        outside = (values < self.low) | (values > self.high)
        outside |= (self.strict_low & (values == self.low)) | (self.strict_high & (values == self.high))
        return [
            Problem(f"quote {self.infos[k].quote_id}", _RANGES[self.infos[k].family].says, f"{values[k]:g}")
            for k in np.flatnonzero(outside)
        ]


def range_table(rows: Sequence[int], infos: Sequence[QuoteInfo]) -> RangeTable:
    """The ranges of quotes that stand at ``rows`` of the quote set."""
    ranges = [_RANGES[info.family] for info in infos]
    return RangeTable(
        np.array(rows, dtype=np.int64),
        tuple(infos),
        np.array([r.low for r in ranges]),
        np.array([r.high for r in ranges]),
        np.array([r.strict_low for r in ranges], dtype=np.bool_),
        np.array([r.strict_high for r in ranges], dtype=np.bool_),
    )


def variance_problems(
    quote_ids: Sequence[str], times: NDArray[np.float64], vols: NDArray[np.float64]
) -> list[Problem]:
    """One problem per expiry whose total variance is below that of the expiry before (calendar arbitrage)."""
    variance = vols**2 * times
    return [
        Problem(
            f"quote {quote_ids[k]}",
            f"a total variance of at least that of {quote_ids[k - 1]}, a volatility >= "
            f"{np.sqrt(variance[k - 1] / times[k]):.6g}",
            f"{vols[k]:.6g}",
        )
        for k in range(1, len(times))
        if variance[k] < variance[k - 1]
    ]
