"""Resetting cross-currency legs: periods that run at a notional fixed on the path, and those still to come.

A period pays ``-N`` at its start and at its end ``N`` grown at the index, plus ``N`` times a fixed multiple (the spread),
with ``N = base_amount X(start)``. Before the start, notional and growth are both bonds in the base currency at the start
date, since the resetting currency's own discounting cancels (Fujii, Shimada & Takahashi 2010); the fixed multiple is
``E[X(start) P(start, pay)]``, one exponential of the state. From the start on, everything is one exponential of the
state and the path's own FX fixing; that of a period which starts on `as_of` and has no fixing yet is the spot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.models.lgm import at_unique
from xva.pricing.affine import forward_weights, running_exponents
from xva.valuation.compiled import CompiledResets, CompiledSet
from xva.valuation.event_scalars import reset_key, spot_cross
from xva.valuation.frame import Frame

Ints = NDArray[np.int64]
NO_EVENT = -1
_SAME_TIME = 1e-9


@dataclass(frozen=True)
class ResetRows:
    """One term of a period at one date each, sorted by date: ``sign exp(log + load . s + u_event)``.

    ``edges`` ``(date + 1,)``; ``unit``, ``sign``, ``log`` ``(row,)``; ``event`` is the FX fixing that set the notional, or
    `NO_EVENT` for a period still to come; ``load`` ``(row, state)``.
    """

    edges: Ints
    unit: Ints
    event: Ints
    sign: NDArray[np.float64]
    log: Tensor
    load: Tensor


class _Terms(NamedTuple):
    """Terms of one kind; ``date``, ``unit``, ``event``, ``sign``, ``log`` ``(term,)``, ``load`` ``(term, state)``."""

    date: Ints
    unit: Ints
    event: Ints
    sign: NDArray[np.float64]
    log: Tensor
    load: Tensor


def reset_rows(compiled: CompiledSet, frame: Frame) -> ResetRows:
    """All terms of the set's resetting legs that are not bonds in the base currency."""
    terms: list[_Terms] = []
    times = frame.times[:, None]
    for resets in compiled.resets:
        begun = times >= resets.start - _SAME_TIME
        alive = times < resets.until
        with_fixed = alive & (resets.fixed != 0.0)
        for found, make in (
            (begun & alive & resets.grows, _growing),
            (begun & with_fixed, _fixed),
            (~begun & with_fixed, _coming),
        ):
            date, row = np.nonzero(found)
            if date.size:
                terms.append(make(resets, date, row, frame))
    return _sorted_rows(terms, frame)


def _growing(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> _Terms:
    """Running periods: what the notional has grown and will grow to at the index."""
    lgm = frame.model.rates[resets.currency]
    h, shift = running_exponents(resets.growth.forwards, row, frame.times[date], lgm)
    # periods without an index have weight zero and no rows here
    weight = forward_weights(resets.growth, frame.curves)[torch.from_numpy(row)]
    load = _leg_load(resets.currency, h, frame)
    return _terms(resets, date, row, frame, resets.amount[row], torch.log(weight) + shift, load, True)


def _fixed(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> _Terms:
    """Running periods: the fixed multiple of the notional, a bond in the leg's currency."""
    lgm = frame.model.rates[resets.currency]
    h = at_unique(lgm.h, resets.pay[row])
    log = at_unique(frame.curves.discount_curve(resets.currency).log_discount, resets.pay[row])
    log = log - 0.5 * h**2 * at_unique(lgm.zeta, frame.times[date])
    amount = (resets.amount * resets.fixed)[row]
    return _terms(resets, date, row, frame, amount, log, _leg_load(resets.currency, h, frame), True)


def _coming(resets: CompiledResets, date: Ints, row: Ints, frame: Frame) -> _Terms:
    """``E_t[X(S) P_leg(S, pay)]``, deflated, of periods to come: Y_base, x_base and x_leg are jointly Gaussian."""
    base, leg = frame.model.rates[resets.base_currency], frame.model.rates[resets.currency]
    start, pay = resets.start[row], resets.pay[row]
    h_base, h_start, h_pay = at_unique(base.h, start), at_unique(leg.h, start), at_unique(leg.h, pay)
    load = _leg_load(resets.base_currency, h_base, frame)
    load = load + (h_start - h_pay)[:, None] * _unit(f"IR:{resets.currency}", frame)
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
    index = frame.model.index
    names = dict.fromkeys([resets.base_currency, resets.currency])
    states = [index[f"{kind}:{c}"] for c in names for kind in ("IR", "FX") if f"{kind}:{c}" in index]
    used = load[:, states]
    at, now = frame.table.position(start), frame.table.position(time)
    a, b = torch.tensor(states)[:, None], torch.tensor(states)[None, :]
    block = frame.table.values[:, a, b]
    covariance = block[torch.from_numpy(at)] - block[torch.from_numpy(now)]
    drift = []
    for position, state in enumerate(states):
        currency = frame.currencies[state] if state < len(frame.currencies) else ""
        if not currency:  # ln Y
            drift.append(-0.5 * covariance[:, position, position])
        elif currency == frame.model.domestic:
            drift.append(torch.zeros_like(covariance[:, 0, 0]))
        else:
            drift.append(-covariance[:, position, states.index(index[f"FX:{currency}"])])
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
) -> _Terms:
    numbers = np.full(len(resets.start), NO_EVENT, dtype=np.int64)
    if begun:
        today = resets.start <= _SAME_TIME
        for j in np.unique(row[~today[row]]).tolist():
            key = reset_key(resets.base_currency, resets.currency, float(resets.start[j]), frame.day_zero)
            numbers[j] = frame.event_of[key]
        if today[row].any():
            spot = spot_cross(frame.curves, frame.model, resets.base_currency, resets.currency)
            log = log + spot * torch.from_numpy(today[row].astype(np.float64))
    size = torch.from_numpy(np.log(np.abs(amount)))
    return _Terms(date, resets.unit[row], numbers[row], np.sign(amount), log + size, load)


def _leg_load(currency: str, h: Tensor, frame: Frame) -> Tensor:
    """``(term, state)`` load of a deflated bond of ``currency``: 1 on ln Y if foreign, ``-h`` on x."""
    load = -h[:, None] * _unit(f"IR:{currency}", frame)
    return load if currency == frame.model.domestic else load + _unit(f"FX:{currency}", frame)


def _unit(factor: str, frame: Frame) -> Tensor:
    unit = torch.zeros(len(frame.model.factors), dtype=torch.float64)
    unit[frame.model.index[factor]] = 1.0
    return unit


def _sorted_rows(terms: list[_Terms], frame: Frame) -> ResetRows:
    n_dates, n = len(frame.times), len(frame.model.factors)
    if not terms:
        none = np.zeros(0, dtype=np.int64)
        empty = torch.zeros(0, n, dtype=torch.float64)
        edges = np.zeros(n_dates + 1, dtype=np.int64)
        return ResetRows(edges, none, none, np.zeros(0), empty.new_zeros(0), empty)
    date = np.concatenate([t.date for t in terms])
    unit = np.concatenate([t.unit for t in terms])
    order = np.lexsort((unit, date))
    pick = torch.from_numpy(order)
    return ResetRows(
        np.searchsorted(date[order], np.arange(n_dates + 1)),
        unit[order],
        np.concatenate([t.event for t in terms])[order],
        np.concatenate([t.sign for t in terms])[order],
        torch.cat([t.log for t in terms])[pick],
        torch.cat([t.load for t in terms])[pick],
    )


def future_reset_values(
    compiled: CompiledSet, unit: int, currency: str, frame: Frame, dates: Ints, x: Tensor
) -> Tensor:
    """``(date, node)`` value on some dates, in the base ``currency``'s numeraire, of periods that have not begun."""
    total = torch.zeros_like(x)
    times = frame.times[dates]
    lgm = frame.model.rates[currency]
    for resets in compiled.resets:
        if resets.base_currency != currency:
            continue
        begins = np.minimum(resets.start - _SAME_TIME, resets.until)
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
