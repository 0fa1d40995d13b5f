"""Running coupons of swaps that swaptions have become, which what decided the exercise also moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from xva.dates import SAME_TIME
from xva.exposure.claim_groups import CompiledSwaption
from xva.exposure.parts.event_rows import EventRows, EventTerms, event_columns, sorted_rows, tie_columns
from xva.exposure.parts.running_coupons import coupon_terms
from xva.exposure.state.frame import Frame
from xva.numerics.types import Ints
from xva.pricing.affine import forward_weights, tied_exponents


def exercised_coupons(swaptions: Sequence[tuple[CompiledSwaption, int]], frame: Frame) -> EventRows:
    """Running coupons of physically settled swaptions, each with the number of its exercise's event; owners in this order.

    A simulated coupon has the path's own fixing. Of another the row is the conditional mean given the states now and at
    exercise: what decided the exercise also moved the coupon.
    """
    terms: list[EventTerms] = []
    for number, (swaption, event) in enumerate(swaptions):
        book, position = swaption.underlying, float(swaption.position)
        terms += coupon_terms(book, number, frame, swaption.expiry, position)
        table, times = book.forwards, frame.times[:, None]
        inside = (times >= table.fixing) & (times < table.until) & (times >= swaption.expiry - SAME_TIME)
        date, row = np.nonzero(inside & ~table.simulated)
        if date.size:
            terms.append(_mean_terms(swaption, event, number, date, row, frame))
    return sorted_rows(terms, len(frame.times), len(frame.model.factors))


def _mean_terms(
    swaption: CompiledSwaption, event: int, number: int, date: Ints, row: Ints, frame: Frame
) -> EventTerms:
    book, lgm = swaption.underlying, frame.model.lgm(swaption.currency)
    h, tie, shift = tied_exponents(book.forwards, row, frame.times[date], lgm, swaption.expiry)
    weight = swaption.position * forward_weights(book, frame.curves)[torch.from_numpy(row)]
    column = event_columns(np.full(len(date), event))
    return EventTerms(
        date,
        np.full(len(date), number, dtype=np.int64),
        column,
        np.sign(weight.detach().numpy()),
        torch.log(weight.abs()) + shift,
        frame.bond_load(swaption.currency, h[:, None]),
        tie_columns(column, -tie),
    )
