"""Resetting cross-currency legs: periods that run at a notional fixed on the path, and those still to come.

A period pays ``-N`` at its start and at its end ``N`` grown at the index, plus ``N`` times a fixed multiple (the spread),
with ``N = base_amount X(start)``. Before the start, notional and growth are both bonds in the base currency at the start
date, since the resetting currency's own discounting cancels (Fujii, Shimada & Takahashi 2010); the fixed multiple is
``E[X(start) P(start, pay)]``, one exponential of the state. From the start on, everything is one exponential of the
state and the path's own FX fixing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.pricing.affine import forward_weights, running_exponents
from xva.valuation.compiled import CompiledReset, CompiledSet
from xva.valuation.frame import Frame, reset_key

Ints = NDArray[np.int64]
NO_EVENT = -1


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


class _Term(NamedTuple):
    """A term of reset ``number`` on consecutive ``dates``: ``log`` ``(date,)``, ``load`` ``(date, state)``."""

    number: int
    dates: Ints
    event: int
    sign: float
    log: Tensor
    load: Tensor


def reset_rows(compiled: CompiledSet, frame: Frame) -> ResetRows:
    """All terms of the set's resetting legs that are not bonds in the base currency."""
    terms: list[_Term] = []
    for number, reset in enumerate(compiled.resets):
        start = reset.period.start - 1e-9
        running = np.flatnonzero((frame.times >= start) & (frame.times < reset.until))
        if running.size:
            if reset.growth is not None:
                terms.append(_running(number, reset, running, frame, "growth"))
            if reset.fixed != 0.0:
                terms.append(_running(number, reset, running, frame, "fixed"))
        coming = np.flatnonzero(frame.times < min(start, reset.until))
        if coming.size and reset.fixed != 0.0:
            terms.append(_coming(number, reset, coming, frame))
    return _sorted_rows(terms, compiled, frame)


def _running(
    number: int, reset: CompiledReset, dates: Ints, frame: Frame, part: Literal["growth", "fixed"]
) -> _Term:
    currency, amount = reset.period.currency, reset.period.base_amount
    lgm, n = frame.model.rates[currency], len(frame.model.factors)
    times = frame.times[dates]
    if part == "growth" and reset.growth is not None:
        row = np.zeros(len(dates), dtype=np.int64)
        h, shift = running_exponents(reset.growth.forwards, row, times, lgm)
        log = torch.log(forward_weights(reset.growth, frame.curves))[0] + shift
    else:
        amount = amount * reset.fixed
        h_pay = lgm.h(reset.period.pay)
        h = h_pay.expand(len(dates))
        paid = frame.curves.discount_curve(currency).log_discount(np.array([reset.period.pay]))
        log = paid - 0.5 * h_pay**2 * lgm.zeta(times)
    load = -h[:, None] * torch.eye(n, dtype=torch.float64)[frame.model.index[f"IR:{currency}"]]
    event = frame.event_of[reset_key(reset, frame.day_zero)]
    return _Term(
        number,
        dates,
        event,
        float(np.sign(amount)),
        log + np.log(abs(amount)),
        load + _unit_y(frame, currency),
    )


def _coming(number: int, reset: CompiledReset, dates: Ints, frame: Frame) -> _Term:
    """``base_amount fixed E_t[X(S) P_leg(S, pay)]``, deflated: Y_base, x_base and x_leg are jointly Gaussian."""
    p = reset.period
    base, leg = frame.model.rates[p.base_currency], frame.model.rates[p.currency]
    h_base, h_start, h_pay = base.h(p.start), leg.h(p.start), leg.h(p.pay)
    unit = torch.eye(len(frame.model.factors), dtype=torch.float64)
    load = (
        _unit_y(frame, p.base_currency)
        - h_base * unit[frame.model.index[f"IR:{p.base_currency}"]]
        + (h_start - h_pay) * unit[frame.model.index[f"IR:{p.currency}"]]
    )
    at = np.array([p.start, p.pay])
    base_log = frame.curves.discount_curve(p.base_currency).log_discount(at)[0]
    leg_log = frame.curves.discount_curve(p.currency).log_discount(at)
    constant = base_log + leg_log[1] - leg_log[0]
    constant = constant - 0.5 * h_base**2 * base.zeta(p.start)
    constant = constant + 0.5 * (h_start**2 - h_pay**2) * leg.zeta(p.start)
    remaining = frame.table.at(p.start) - frame.table.at(frame.times[dates])
    growth = frame.model.drifts(remaining) @ load + 0.5 * torch.einsum("i,tij,j->t", load, remaining, load)
    amount = p.base_amount * reset.fixed
    return _Term(
        number,
        dates,
        NO_EVENT,
        float(np.sign(amount)),
        constant + growth + np.log(abs(amount)),
        load.expand(len(dates), -1),
    )


def _unit_y(frame: Frame, currency: str) -> Tensor:
    unit = torch.zeros(len(frame.model.factors), dtype=torch.float64)
    if currency != frame.model.domestic:
        unit[frame.model.index[f"FX:{currency}"]] = 1.0
    return unit


def _sorted_rows(terms: list[_Term], compiled: CompiledSet, frame: Frame) -> ResetRows:
    n_dates, n = len(frame.times), len(frame.model.factors)
    if not terms:
        none = np.zeros(0, dtype=np.int64)
        empty = torch.zeros(0, n, dtype=torch.float64)
        return ResetRows(
            np.zeros(n_dates + 1, dtype=np.int64), none, none, np.zeros(0), empty.new_zeros(0), empty
        )
    date = np.concatenate([t.dates for t in terms])
    unit = np.concatenate([np.full(len(t.dates), compiled.resets[t.number].unit) for t in terms])
    order = np.lexsort((unit, date))
    pick = torch.from_numpy(order)
    return ResetRows(
        np.searchsorted(date[order], np.arange(n_dates + 1)),
        unit[order],
        np.concatenate([np.full(len(t.dates), t.event) for t in terms])[order],
        np.concatenate([np.full(len(t.dates), t.sign) for t in terms])[order],
        torch.cat([t.log for t in terms])[pick],
        torch.cat([t.load for t in terms])[pick],
    )


def future_reset_values(compiled: CompiledSet, unit: int, currency: str, frame: Frame, x: Tensor) -> Tensor:
    """``(date, node)`` value, in units of the base ``currency``'s numeraire, of periods that have not begun."""
    mine = [r for r in compiled.resets if r.unit == unit and r.period.base_currency == currency]
    total = torch.zeros_like(x)
    if not mine:
        return total
    lgm = frame.model.rates[currency]
    zeta = lgm.zeta(frame.times)
    base = frame.curves.discount_curve(currency)
    for reset in mine:
        start = reset.period.start
        count = int(np.searchsorted(frame.times, min(start, reset.until) - 1e-9))
        leg = frame.curves.discount_curve(reset.period.currency)
        at = np.array([start])
        growth = torch.zeros(1, dtype=torch.float64)
        if reset.growth is not None:
            growth = forward_weights(reset.growth, frame.curves) * torch.exp(-leg.log_discount(at))
        h = lgm.h(start)
        bond = torch.exp(base.log_discount(at) - h * x[:count] - 0.5 * h * h * zeta[:count, None])
        value = reset.period.base_amount * (growth - 1.0) * bond
        total = total + torch.nn.functional.pad(value, (0, 0, 0, len(frame.times) - count))
    return total
