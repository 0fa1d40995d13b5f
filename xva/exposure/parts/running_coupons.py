"""Coupons between their fixing and their payment with the path's own fixing.

A coupon fixed at F depends on the state there, one that compounds overnight from S on ``K_t - K_S`` with
``K_t = int_0^t x dH``: scalars that all coupons of one currency with these dates share (`event_scalars`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from xva.exposure.event_keys import EventKey
from xva.exposure.parts.event_rows import NO_EVENT, EventTerms, event_columns, tie_columns
from xva.exposure.state.coupon_events import coupon_scalars, running
from xva.exposure.state.frame import Frame
from xva.numerics.types import Ints
from xva.pricing.affine import forward_weights, path_exponents
from xva.pricing.flow_book import FlowBook


def path_terms(book: FlowBook, date: Ints, row: Ints, frame: Frame) -> tuple[Tensor, Tensor, Ints, Tensor]:
    """Coupons ``row`` at dates ``date`` per unit of weight: ``(h, shift, event, tie)``, events in two columns.

    Term: ``exp(-h x + shift + tie . u)``.
    """
    table = book.forwards
    lgm = frame.model.lgm(book.currency)
    h, fixed, shift = path_exponents(table, row, frame.times[date], lgm)
    (first, _), (second, _) = coupon_scalars(book, date, row, frame.times, frame.day_zero)
    compounded = table.compounded[row]
    begins, ends = _numbers(first, frame.event_of), _numbers(second, frame.event_of)
    ends = np.where(compounded, ends, NO_EVENT)
    one = torch.ones_like(h)
    tie = torch.where(torch.from_numpy(compounded), -one, -fixed)
    return h, shift, np.column_stack([begins, ends]), torch.stack([tie, one], dim=1)


def _numbers(keys: list[EventKey], event_of: Mapping[EventKey, int]) -> Ints:
    """Numbers of event scalars; today's is nought and has none."""
    return np.array([event_of.get(key, NO_EVENT) for key in keys], dtype=np.int64)


def coupon_terms(
    book: FlowBook, owner: int, frame: Frame, since: float = 0.0, position: float = 1.0
) -> list[EventTerms]:
    """Terms of a book's running coupons, in the reporting currency; none where it has none."""
    date, row = running(book.forwards, frame.times, since)
    amount = position * book.forwards.amount[row]
    date, row = date[amount != 0.0], row[amount != 0.0]
    if not date.size:
        return []
    h, shift, event, tie = path_terms(book, date, row, frame)
    weight = position * forward_weights(book, frame.curves)[torch.from_numpy(row)]
    event = event_columns(event[:, 0], event[:, 1])
    return [
        EventTerms(
            date,
            np.full(len(date), owner, dtype=np.int64),
            event,
            np.sign(weight.detach().numpy()),
            torch.log(weight.abs()) + shift,
            frame.bond_load(book.currency, h[:, None]),
            tie_columns(event, tie[:, 0], tie[:, 1]),
        )
    ]
