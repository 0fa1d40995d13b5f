"""Caplets of a netting set: at Chebyshev nodes as long as their fixing is far, on every path once it is near."""

from __future__ import annotations

import numpy as np
import torch

from xva.dates import SAME_TIME
from xva.exposure.claim_groups import Caplets, UnitCurrency
from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.interpolants import direct_from
from xva.exposure.state.frame import Frame
from xva.numerics.types import Floats, Ints
from xva.pricing.caplet import caplet_rows
from xva.pricing.exchange import AffineRows


def near_caplets(compiled: CompiledSet, frame: Frame) -> dict[UnitCurrency, AffineRows]:
    """Of every unit and currency that has any: caplets on the dates at which they are evaluated on every path."""
    found = {}
    for unit, currency in compiled.of(Caplets).books:
        rows = caplet_dates(compiled, unit, currency, frame, near=True)
        if rows is not None and len(rows.date):
            found[unit, currency] = rows
    return found


def caplet_dates(
    compiled: CompiledSet, unit: int, currency: str, frame: Frame, near: bool
) -> AffineRows | None:
    """Caplets of a unit on the dates at which they are near (evaluated per path) or far (at nodes).

    Those whose fixing is the path's own until then (`fixed_caplets`), others to their payment.
    """
    book = compiled.of(Caplets).books.get((unit, currency))
    if book is None:
        return None
    table = book.book.forwards
    split = np.minimum(direct_from(table.fixing), table.until)
    times = frame.times[:, None]
    until = np.where(table.simulated, np.minimum(table.until, table.fixing + SAME_TIME), table.until)
    inside = (times >= split) & (times < until) if near else times < split
    date, row = np.nonzero(inside)
    return caplet_rows(book, frame.curves, frame.model.lgm(currency), frame.times, date, row)


def caplet_kinks(compiled: CompiledSet, unit: int, currency: str, frame: Frame) -> Floats:
    """``(date,)`` smallest spread of the state until a far caplet fixes; infinite where there is none."""
    book = compiled.of(Caplets).books.get((unit, currency))
    if book is None:
        return np.full(len(frame.times), np.inf)
    table, lgm = book.book.forwards, frame.model.lgm(currency)
    far = frame.times[:, None] < np.minimum(direct_from(table.fixing), table.until)
    left = lgm.zeta(table.fixing).detach().numpy() - lgm.zeta(frame.times).detach().numpy()[:, None]
    found: Floats = np.sqrt(np.where(far, left, np.inf)).min(axis=1, initial=np.inf)
    return found


def on_dates(rows: AffineRows, dates: Ints) -> AffineRows:
    """The rows of some dates, increasing, with the dates' places among these as their numbers."""
    place = np.minimum(np.searchsorted(dates, rows.date), len(dates) - 1)
    kept = np.flatnonzero(dates[place] == rows.date)
    pick = torch.from_numpy(kept)
    return AffineRows(place[kept].astype(np.int64), *(column[pick] for column in rows[1:]))
