"""What is interpolated: linear flows, and options far from their end, of one unit in one currency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import Caplets, CompiledSwaption, Flows, Swaptions
from xva.exposure.compiled import CompiledSet
from xva.exposure.parts.caplets import caplet_dates, caplet_kinks, on_dates
from xva.exposure.parts.interpolants import (
    LINEAR_TOLERANCE,
    OPTION_TOLERANCE,
    NodeValues,
    direct_from,
    first_orders,
)
from xva.exposure.parts.resets import future_reset_values
from xva.exposure.reset_groups import Resets
from xva.exposure.state.frame import Frame
from xva.models.lgm_swaption import SwaptionTerms, swaption_value
from xva.numerics.types import Floats, Ints
from xva.pricing.affine import node_values
from xva.pricing.exchange import exchange_node_values


@dataclass(frozen=True)
class Interpolated:
    """A function of a currency's state: values on dates at states, a guess of the nodes ``(date,)``, the tolerance."""

    values: NodeValues
    first: Ints
    tolerance: float


@dataclass(frozen=True)
class FarSwaptions:
    """Swaptions of one unit and currency on the dates at which they are interpolated."""

    items: tuple[tuple[CompiledSwaption, SwaptionTerms], ...]
    count: Ints
    """``(swaption,)`` leading dates of each."""
    zeta: Tensor
    """``(date,)``"""

    def values(self, dates: Ints, x: Tensor) -> Tensor:
        """Sum ``(date, node)`` on some dates, increasing, at states ``x`` ``(date, node)``."""
        total = torch.zeros_like(x)
        for (swaption, terms), count in zip(self.items, self.count):
            inside = int(np.searchsorted(dates, count))
            if inside:
                zeta = self.zeta[torch.from_numpy(dates[:inside]), None]
                value = swaption.position * swaption_value(terms, x[:inside], zeta)
                total = total + torch.nn.functional.pad(value, (0, 0, 0, len(dates) - inside))
        return total

    def kinks(self) -> Floats:
        """``(date,)`` smallest spread of the state from the date to an expiry; infinite where there is none."""
        found = np.full(len(self.zeta), np.inf)
        zeta = self.zeta.detach().numpy()
        for (_, terms), count in zip(self.items, self.count):
            left = np.sqrt(float(terms.zeta_expiry.detach()) - zeta[:count])
            found[:count] = np.minimum(found[:count], left)
        return found


def far_swaptions(
    compiled: CompiledSet, options: Sequence[SwaptionTerms], unit: int, currency: str, frame: Frame
) -> FarSwaptions:
    """A unit's swaptions in a currency, until they are evaluated path by path (`direct_from`) or stop."""
    mine = [
        (s, o)
        for s, o in zip(compiled.of(Swaptions).items, options)
        if s.unit == unit and s.currency == currency
    ]
    ends = [min(float(direct_from(np.array(s.expiry))), s.stop) for s, _ in mine]
    count = np.searchsorted(frame.times, np.array(ends)).astype(np.int64)
    return FarSwaptions(tuple(mine), count, frame.model.lgm(currency).zeta(frame.times))


def currency_units(compiled: CompiledSet, frame: Frame) -> list[tuple[int, int]]:
    """``(currency, unit)`` numbers that have anything to interpolate in one rates factor, sorted."""
    keys = {*compiled.of(Flows).books, *compiled.of(Caplets).books}
    keys |= {(s.unit, s.currency) for s in compiled.of(Swaptions).items}
    keys |= {(int(u), r.base_currency) for r in compiled.of(Resets).items for u in r.unit}
    one = {c for c, rates in frame.model.rates.items() if rates.n_factors == 1}
    return sorted((frame.currencies.index(currency), unit) for unit, currency in keys if currency in one)


def interpolated(
    compiled: CompiledSet, options: tuple[SwaptionTerms, ...], unit: int, currency: str, frame: Frame
) -> tuple[Interpolated, Interpolated]:
    """Linear flows and options of one unit in one currency."""
    book = compiled.of(Flows).books.get((unit, currency))
    starts = [r.start[r.unit == unit] for r in compiled.of(Resets).items if r.base_currency == currency]
    last = max((float(s.max()) for s in starts if s.size), default=0.0)
    last = max(last, book.last) if book is not None else last
    lgm = frame.model.lgm(currency)

    def linear(dates: Ints, x: Tensor) -> Tensor:
        found = future_reset_values(compiled, unit, currency, frame, dates, x)
        if book is not None:
            found = found + node_values(book, frame.curves, lgm, frame.times[dates], x)
        return found

    far = far_swaptions(compiled, options, unit, currency, frame)
    caplets = caplet_dates(compiled, unit, currency, frame, near=False)

    def optional(dates: Ints, x: Tensor) -> Tensor:
        found = far.values(dates, x)
        if caplets is not None and len(caplets.date):
            found = found + exchange_node_values(on_dates(caplets, dates), x)
        return found

    kink = np.minimum(far.kinks(), caplet_kinks(compiled, unit, currency, frame))
    seen = np.isfinite(kink)
    return (
        Interpolated(linear, first_orders(frame, currency, frame.times < last), LINEAR_TOLERANCE),
        Interpolated(optional, first_orders(frame, currency, seen, kink), OPTION_TOLERANCE),
    )
