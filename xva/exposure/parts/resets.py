"""Resetting cross-currency legs: periods that run at a notional fixed on the path, and those still to come.

A period pays ``-N`` at its start and at its end ``N`` grown at the index, plus ``N`` times a fixed multiple (the spread),
with ``N = base_amount X(start)``. Before the start, notional and growth are both bonds in the base currency at the start
date, since the resetting currency's own discounting cancels (Fujii, Shimada & Takahashi 2010); the fixed multiple is
``E[X(start) P(start, pay)]``, one exponential of the state. From the start on, everything is one exponential of the
state and the path's own FX fixing; that of a period which starts on `as_of` and has no fixing yet is the spot.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.dates import SAME_TIME
from xva.exposure.compiled import CompiledSet
from xva.exposure.event_keys import reset_key
from xva.exposure.parts.event_rows import NO_EVENT, EventTerms, event_columns, tie_columns
from xva.exposure.parts.running_coupons import path_terms
from xva.exposure.reset_groups import CompiledResets, Resets
from xva.exposure.state.event_scalars import spot_cross
from xva.exposure.state.frame import Frame
from xva.models.lgm import at_unique
from xva.numerics.types import Ints
from xva.pricing.affine import forward_weights, running_exponents


def reset_terms(compiled: CompiledSet, frame: Frame) -> list[EventTerms]:
    """All terms of the set's resetting legs that are not bonds in the base currency.

    A period's notional is an event of its own, from its start on.
    """
    terms: list[EventTerms] = []
    times = frame.times[:, None]
    for resets in compiled.of(Resets).items:
        begun = times >= resets.start - SAME_TIME
        alive = times < resets.until
        with_fixed = alive & (resets.fixed != 0.0)
        growing = begun & alive & resets.grows
        # at the start of its period a coupon is still its forward, whosever its fixing
        own = resets.growth.forwards.simulated & (times > resets.growth.forwards.fixing + SAME_TIME)
        for found, make in (
            (growing & ~own, _growing),
            (growing & own, _simulated),
            (begun & with_fixed, _fixed),
            (~begun & with_fixed, _coming),
        ):
            date, row = np.nonzero(found)
            if date.size:
                terms.append(make(resets, date, row, frame))
    return terms


def _growing(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> EventTerms:
    """Running periods: what the notional has grown and will grow to at the index."""
    lgm = frame.model.lgm(resets.currency)
    h, shift = running_exponents(resets.growth.forwards, row, frame.times[date], lgm)
    # periods without an index have weight zero and no rows here
    weight = forward_weights(resets.growth, frame.curves)[torch.from_numpy(row)]
    load = frame.bond_load(resets.currency, h[:, None])
    return _terms(resets, date, row, frame, resets.amount[row], torch.log(weight) + shift, load, True)


def _simulated(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> EventTerms:
    """As `_growing`, with the path's own fixing."""
    h, shift, event, tie = path_terms(resets.growth, date, row, frame)
    weight = forward_weights(resets.growth, frame.curves)[torch.from_numpy(row)]
    load = frame.bond_load(resets.currency, h[:, None])
    found = _terms(resets, date, row, frame, resets.amount[row], torch.log(weight) + shift, load, True)
    event = event_columns(found.event[:, 0], event[:, 0], event[:, 1])
    return found._replace(event=event, tie=tie_columns(event, found.tie[:, 0], tie[:, 0], tie[:, 1]))


def _fixed(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> EventTerms:
    """Running periods: the fixed multiple of the notional, a bond in the leg's currency."""
    lgm = frame.model.lgm(resets.currency)
    h = at_unique(lgm.h, resets.pay[row])
    log = at_unique(frame.curves.discount_curve(resets.currency).log_discount, resets.pay[row])
    log = log - 0.5 * h**2 * at_unique(lgm.zeta, frame.times[date])
    amount = (resets.amount * resets.fixed)[row]
    return _terms(resets, date, row, frame, amount, log, frame.bond_load(resets.currency, h[:, None]), True)


def _coming(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> EventTerms:
    """``E_t[X(S) P_leg(S, pay)]``, deflated, of periods to come: Y_base, x_base and x_leg are jointly Gaussian."""
    base, leg = frame.model.lgm(resets.base_currency), frame.model.lgm(resets.currency)
    start, pay = resets.start[row], resets.pay[row]
    h_base, h_start, h_pay = at_unique(base.h, start), at_unique(leg.h, start), at_unique(leg.h, pay)
    load = frame.bond_load(resets.base_currency, h_base[:, None])
    load = load + frame.model.rates_load(resets.currency, (h_start - h_pay)[:, None])
    leg_curve = frame.curves.discount_curve(resets.currency)
    log = at_unique(frame.curves.discount_curve(resets.base_currency).log_discount, start)
    log = log + at_unique(leg_curve.log_discount, pay) - at_unique(leg_curve.log_discount, start)
    log = log - 0.5 * h_base**2 * at_unique(base.zeta, start)
    log = log + 0.5 * (h_start**2 - h_pay**2) * at_unique(leg.zeta, start)
    log = log + _log_mean(resets, load, start, frame.times[date], frame)
    amount = (resets.amount * resets.fixed)[row]
    return _terms(resets, date, row, frame, amount, log, load, False)


def _log_mean(
    resets: CompiledResets, load: Tensor, start: NDArray[np.float64], time: NDArray[np.float64], frame: Frame
) -> Tensor:
    """``ln E_t[exp(load . (s_S - s_t))]`` ``(term,)`` from the covariance of the few states involved."""
    names = dict.fromkeys([resets.base_currency, resets.currency])
    states = [row for c in names for row in frame.model.layout.currency_rows(c)]
    used = load[:, states]
    at, now = frame.table.position(start), frame.table.position(time)
    a, b = torch.tensor(states)[:, None], torch.tensor(states)[None, :]
    block = frame.currency_covariances[:, a, b]
    covariance = block[torch.from_numpy(at)] - block[torch.from_numpy(now)]
    partner, factor = frame.model.drift_rule()
    drift = [
        factor[state] * covariance[:, position, states.index(partner[state])]
        for position, state in enumerate(states)
    ]
    mean = (torch.stack(drift, dim=1) * used).sum(-1)
    return mean + 0.5 * torch.einsum("ri,rij,rj->r", used, covariance, used)


def _terms(
    resets: CompiledResets,
    date: Ints,
    row: Ints,
    frame: Frame,
    amount: NDArray[np.float64],
    log: Tensor,
    load: Tensor,
    begun: bool,
) -> EventTerms:
    numbers = np.full(len(resets.start), NO_EVENT, dtype=np.int64)
    if begun:
        today = resets.start <= SAME_TIME
        for j in np.unique(row[~today[row]]).tolist():
            key = reset_key(resets.base_currency, resets.currency, float(resets.start[j]), frame.day_zero)
            numbers[j] = frame.event_of[key]
        if today[row].any():
            spot = spot_cross(frame.curves, frame.model, resets.base_currency, resets.currency)
            log = log + spot * torch.from_numpy(today[row].astype(np.float64))
    event = event_columns(numbers[row])
    size = torch.from_numpy(np.log(np.abs(amount)))
    tie = tie_columns(event, torch.ones_like(log))
    return EventTerms(date, resets.unit[row], event, np.sign(amount), log + size, load, tie)


def future_reset_values(
    compiled: CompiledSet, unit: int, currency: str, frame: Frame, dates: Ints, x: Tensor
) -> Tensor:
    """``(date, node)`` value on some dates, in the base ``currency``'s numeraire, of periods that have not begun."""
    total = torch.zeros_like(x)
    times = frame.times[dates]
    lgm = frame.model.lgm(currency)
    for resets in compiled.of(Resets).items:
        if resets.base_currency != currency:
            continue
        begins = np.minimum(resets.start - SAME_TIME, resets.until)
        date, row = np.nonzero((times[:, None] < begins) & (resets.unit == unit))
        if not date.size:
            continue
        leg = frame.curves.discount_curve(resets.currency)
        grown = forward_weights(resets.growth, frame.curves) * torch.exp(-leg.log_discount(resets.start))
        h = lgm.h(resets.start)
        bond = frame.curves.discount_curve(currency).log_discount(resets.start)
        weight = torch.from_numpy(resets.amount) * (grown - 1.0) * torch.exp(bond)
        pick = torch.from_numpy(row)
        zeta = at_unique(lgm.zeta, times[date])
        each = torch.exp(-h[pick, None] * x[torch.from_numpy(date)] - (0.5 * h[pick] ** 2 * zeta)[:, None])
        total = total.index_add(0, torch.from_numpy(date), weight[pick, None] * each)
    return total
