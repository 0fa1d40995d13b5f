"""What is known of the surrogates that a run used: part of its results, and a table on the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from surrogates.book import LearnedBook


def certificates(book: LearnedBook) -> xr.Dataset:
    """Variables ``(surrogate,)`` of the trades without closed form; empty where there are none."""
    if not book.requests:
        return xr.Dataset()
    places = sorted(book.requests)
    trained = [book.trained[p] for p in places]
    worst = [
        max((c.missed for c in t.certificate.checks if c.bound is not None), default=0.0) for t in trained
    ]
    variables: dict[str, Any] = {
        "surrogate_netting_set": [book.requests[p].trade.netting_set for p in places],
        "surrogate_verdict": [t.certificate.verdict for t in trained],
        "surrogate_route": [str(t.route) for t in trained],
        "surrogate_pricer": [t.route.outcome for t in trained],
        "surrogate_worst": np.array(worst),
    }
    names = [book.requests[p].trade.trade_id for p in places]
    found = xr.Dataset({k: (("surrogate",), v) for k, v in variables.items()}, {"surrogate": names})
    found["surrogate_worst"].attrs["long_name"] = (
        "largest error of the certificate, in units of its tolerance"
    )
    return found
