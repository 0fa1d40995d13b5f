"""What is left of linear netting sets is worth on the curve today, date by date: what the paths' mean has to be.

V/N is a martingale less what has been paid, so E[V/N] on a date is today's value of all later flows. A sample that misses it
by far more than its own standard error does not meet what the trades are worth: its EPE, ENE and their errors are wrong too.
"""

from __future__ import annotations

import numpy as np
import torch

from xva.exposure import ExposureEngine
from xva.numerics.types import Floats
from xva.pricing.deterministic import flow_values
from xva.trades import PathTrade

_SAME = 1e-9  # years: a flow on a date is not part of that date's value


def curve_values(engine: ExposureEngine) -> Floats:
    """``(netting_set, time)`` in reporting currency; NaN where a netting set has more than fixed and floating legs."""
    book, claims = engine.book, engine.book.claims
    with torch.no_grad():
        pay, value = flow_values(claims, engine.world.market)
    until = np.minimum(pay, _ends(engine)[claims.flows.owner])
    place = {n.name: k for k, n in enumerate(book.netting_sets)}
    home = np.array([place[t.netting_set] for t in book.trades], dtype=np.int64)
    last = np.searchsorted(engine.times, until - _SAME)  # dates before it have the flow to come
    found = np.zeros((len(place), len(engine.times) + 1))
    np.add.at(found, (home[claims.flows.owner], last), value.numpy())
    later = found[:, ::-1].cumsum(1)[:, ::-1][:, 1:]
    more = [k for k, trade in enumerate(book.trades) if k in claims.others or isinstance(trade, PathTrade)]
    later[home[more]] = np.nan
    return np.asarray(later)


def _ends(engine: ExposureEngine) -> Floats:
    """``(trade,)`` years to a mandatory break that cuts exposure off; infinite without one."""
    as_of = engine.book.context.as_of
    cut = engine.book.breaks == "truncate"
    return np.array(
        [
            (trade.break_date - as_of).astype(np.int64) / 365.0
            if cut and trade.break_date is not None
            else np.inf
            for trade in engine.book.trades
        ]
    )
