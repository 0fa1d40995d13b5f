"""A netting set's values on one date's paths, with the closed-form by-products that are their derivatives.

`date_values` is written in plain differentiable torch operations: the generic engine differentiates it by autograd.
The exposure stage uses the by-products instead (`pull`, `state_gradient`), which cost a fraction of it; a test holds
the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.parts.event_rows import EventRows, RowsOfDate
from xva.exposure.parts.netting_set import SetInputs
from xva.models.state_layout import StateLayout
from xva.numerics import chebyshev
from xva.numerics.normal import normal_cdf
from xva.pricing.exchange import ExchangeValue, exchange_value

_INV_SQRT_2PI = 0.3989422804014327


@dataclass(frozen=True)
class DateContext:
    """What all netting sets see of one date.

    ``state`` ``(state, path)``, placed as in ``layout``; ``y`` ``(currency, path)`` deflated FX, 1 for the domestic currency;
    ``basis`` ``(degree, path)`` per currency; ``scale`` ``(rates factor,)`` of the Chebyshev intervals; ``events``
    ``(event, path)``.
    """

    date: int
    state: Tensor
    layout: StateLayout
    y: Tensor
    basis: tuple[Tensor, ...]
    scale: Tensor
    events: Tensor


def date_context(
    date: int,
    state: Tensor,
    layout: StateLayout,
    centre: Tensor,
    scale: Tensor,
    events: Tensor,
    degrees: list[int],
) -> DateContext:
    """Deflated FX and Chebyshev bases of one date; ``degrees[c]`` is the highest any set needs."""
    y = torch.cat([torch.ones_like(state[:1]), torch.exp(state[layout.fx_rows])])
    rows = [rates.start for rates in layout.rates_of]
    basis = tuple(
        chebyshev.basis((state[k] - centre[k]) / scale[k], max(degree, 2)) for k, degree in zip(rows, degrees)
    )
    return DateContext(date, state, layout, y, basis, scale, events)


@dataclass(frozen=True)
class Pair:
    """By-products of one swaption near expiry; ``each`` ``(term, path)`` without its scale."""

    number: int
    each: Tensor
    density: Tensor
    value: Tensor


@dataclass(frozen=True)
class Live:
    """By-products of one swaption that lives on as a swap: all of it, and its running coupons ``(row, path)``."""

    number: int
    exercised: Tensor
    swap: Tensor
    running: Tensor


@dataclass(frozen=True)
class DateTape:
    """Values ``(unit, path)`` of a netting set on a date, and by-products.

    ``value`` uses soft exercise; ``hard`` and ``half`` (the same object where there is none) the exact indicator and half
    the softness.
    """

    value: Tensor
    hard: Tensor
    half: Tensor
    smooth: dict[int, Tensor]
    rows: ExchangeValue | None
    pairs: tuple[Pair, ...]
    live: tuple[Live, ...]
    memory: Tensor | None


def date_values(s: SetInputs, at: DateContext) -> DateTape:
    """Values and by-products of one netting set on one date."""
    t = at.date
    value = at.state.new_zeros(len(s.units), at.state.shape[-1])
    smooth: dict[int, Tensor] = {}
    for c, degree in enumerate(s.smooth.degree[t].tolist()):
        if degree:
            mine = s.smooth.pairs(c)
            smooth[c] = at.y[c] * (s.smooth.coefficients[t, mine, :degree] @ at.basis[c][:degree])
            unit = torch.from_numpy(s.smooth.unit[mine]).to(value.device)
            value = value.index_add(0, unit, smooth[c])
    if s.equity.shape[1]:
        value = value + s.equity[t].T @ torch.exp(at.state[at.layout.equity_rows])
    rows = _row_values(s, at)
    if rows is not None:
        a, b = s.rows.edges[t], s.rows.edges[t + 1]
        position = torch.from_numpy(s.rows.position[a:b]).to(value)[:, None]
        value = value.index_add(0, torch.from_numpy(s.rows.unit[a:b]).to(value.device), position * rows.value)
    pairs = tuple(_pair_value(s, at, p) for p in range(s.pairs.edges[t], s.pairs.edges[t + 1]))
    for pair in pairs:
        value = _add(value, int(s.pairs.unit[pair.number]), pair.value)
    memory = None
    kept = s.memory.on(t)
    if kept:
        memory = _event_values(s.memory, kept, at)
        value = value.index_add(0, kept.owner, memory)
    return _with_live(s, at, value, smooth, rows, pairs, memory)


def _with_live(
    s: SetInputs,
    at: DateContext,
    value: Tensor,
    smooth: dict[int, Tensor],
    rows: ExchangeValue | None,
    pairs: tuple[Pair, ...],
    memory: Tensor | None,
) -> DateTape:
    hard = half = value
    live = []
    coupons = s.tied.on(at.date)
    every = _event_values(s.tied, coupons, at)
    edges = np.searchsorted(coupons.owner.cpu().numpy(), np.arange(len(s.live.unit) + 1))
    for j in range(len(s.live.unit)):
        if s.live.first[j] > at.date:
            continue
        c, unit = int(s.live.currency[j]), int(s.live.unit[j])
        count = int(s.live.degree[at.date, j])
        decision = at.events[int(s.live.event[j])]
        running = every[edges[j] : edges[j + 1]]
        swap = at.y[c] * (s.live.coefficients[at.date, j, :count] @ at.basis[c][:count]) + running.sum(0)
        gap = float(s.live.sense[j]) * (decision - s.live.root[j])
        softness = float(s.live.softness[j])
        exercised = torch.sigmoid(gap / softness)
        value = _add(value, unit, exercised * swap)
        half = _add(half, unit, torch.sigmoid(2.0 * gap / softness) * swap)
        hard = _add(hard, unit, (gap > 0).to(swap) * swap)
        live.append(Live(j, exercised, swap, running))
    return DateTape(value, hard, half, smooth, rows, pairs, tuple(live), memory)


def _add(value: Tensor, unit: int, part: Tensor) -> Tensor:
    return value.index_add(0, torch.tensor([unit], device=value.device), part[None])


def _row_values(s: SetInputs, at: DateContext) -> ExchangeValue | None:
    a, b = int(s.rows.edges[at.date]), int(s.rows.edges[at.date + 1])
    if a == b:
        return None
    log_r = s.rows.log_receive[a:b, None] + s.rows.load_receive[a:b] @ at.state
    log_d = s.rows.log_deliver[a:b, None] + s.rows.load_deliver[a:b] @ at.state
    return exchange_value(log_r, log_d, s.rows.stdev[a:b, None])


def _pair_value(s: SetInputs, at: DateContext, number: int) -> Pair:
    q = s.pairs
    a, b = int(q.term_edges[number]), int(q.term_edges[number + 1])
    c, sense = int(q.currency[number]), float(q.sense[number])
    x, width = at.state[at.layout.rates_of[c].start], q.width[number]
    h, centre = q.h[a:b, None], q.centre[a:b, None]
    each = torch.exp(-h * x) * normal_cdf(sense * (x - centre) / width)
    root = q.centre[a] - q.h[a] * width**2
    density = torch.exp(-0.5 * ((x - root) / width) ** 2) * _INV_SQRT_2PI
    return Pair(number, each, density, at.y[c] * (q.scale[a:b] @ each))


def _event_values(rows: EventRows, mine: RowsOfDate, at: DateContext) -> Tensor:
    """``(row, path)`` values of a date's rows."""
    log = rows.log[mine.rows, None] + rows.load[mine.rows] @ at.state
    if len(mine.numbers):
        log = log + mine.ties(rows.tie[mine.rows]) @ at.events[mine.numbers]
    return mine.sign * torch.exp(log)


def state_gradient(s: SetInputs, at: DateContext, tape: DateTape, mask: Tensor | None = None) -> Tensor:
    """``sum over units of mask dV/ds`` ``(state, path)``: every path's own value to its own state.

    ``mask`` is ``(unit, path)``, or None for ones.
    """
    t = at.date
    g = torch.zeros_like(at.state)
    for c, part in tape.smooth.items():
        degree, mine = int(s.smooth.degree[t, c]), s.smooth.pairs(c)
        row, fx = at.layout.rates_of[c].start, at.layout.fx_of[c]
        slope = s.smooth.coefficients[t, mine, :degree] @ _derivative(degree, g).T / at.scale[row]
        unit = s.smooth.unit[mine]
        g[row] += at.y[c] * _row_mask(slope @ at.basis[c][:degree], unit, mask).sum(0)
        if fx is not None:
            g[fx] += _row_mask(part, unit, mask).sum(0)
    if s.equity.shape[1]:
        held = s.equity[t] @ mask if mask is not None else s.equity[t].sum(1, keepdim=True)
        g[at.layout.equity_rows] += held * torch.exp(at.state[at.layout.equity_rows])
    if tape.rows is not None:
        a, b = int(s.rows.edges[t]), int(s.rows.edges[t + 1])
        unit = s.rows.unit[a:b]
        position = torch.from_numpy(s.rows.position[a:b]).to(g)[:, None]
        g += (position * s.rows.load_receive[a:b]).T @ _row_mask(tape.rows.received, unit, mask)
        g -= (position * s.rows.load_deliver[a:b]).T @ _row_mask(tape.rows.delivered, unit, mask)
    for pair in tape.pairs:
        _add_pair(s, at, pair, mask, g)
    for live in tape.live:
        j = live.number
        c, unit_mask = int(s.live.currency[j]), _unit_mask(mask, int(s.live.unit[j]))
        count, row, fx = int(s.live.degree[t, j]), at.layout.rates_of[c].start, at.layout.fx_of[c]
        slope = _derivative(count, g) @ s.live.coefficients[t, j, :count] / at.scale[row]
        weight = live.exercised * unit_mask
        g[row] += weight * at.y[c] * (slope @ at.basis[c][:count])
        if fx is not None:
            g[fx] += weight * (live.swap - live.running.sum(0))
    tied = s.tied.on(t)
    if tied:
        g += s.tied.load[tied.rows].T @ _exercised_coupons(s, tape, mask)
    if tape.memory is not None:
        kept = s.memory.on(t)
        g += s.memory.load[kept.rows].T @ _row_mask(tape.memory, kept.owner, mask)
    return g


def _exercised_coupons(s: SetInputs, tape: DateTape, mask: Tensor | None) -> Tensor:
    """``(row, path)`` running coupons of all live swaptions, where exercised, times their unit's mask."""
    return torch.cat(
        [v.exercised * _unit_mask(mask, int(s.live.unit[v.number])) * v.running for v in tape.live]
    )


def _unit_mask(mask: Tensor | None, unit: int) -> Tensor | float:
    return 1.0 if mask is None else mask[unit]


def _row_mask(value: Tensor, unit: NDArray[np.int64] | Tensor, mask: Tensor | None) -> Tensor:
    """``value`` ``(row, path)`` times its unit's mask."""
    if mask is None:
        return value
    return value * (mask if mask.shape[0] == 1 else mask[torch.as_tensor(unit, device=mask.device)])


def _derivative(degree: int, like: Tensor) -> Tensor:
    return chebyshev.derivative_matrix(degree).to(like)


def _add_pair(s: SetInputs, at: DateContext, pair: Pair, mask: Tensor | None, g: Tensor) -> None:
    q = s.pairs
    a, b = int(q.term_edges[pair.number]), int(q.term_edges[pair.number + 1])
    c, weight = int(q.currency[pair.number]), _unit_mask(mask, int(q.unit[pair.number]))
    kappa = _kappa(s, pair.number)
    jump = float(q.sense[pair.number]) * kappa.sum() / q.width[pair.number]
    row, fx = at.layout.rates_of[c].start, at.layout.fx_of[c]
    g[row] += weight * at.y[c] * (jump * pair.density - (q.scale[a:b] * q.h[a:b]) @ pair.each)
    if fx is not None:
        g[fx] += weight * pair.value


def _kappa(s: SetInputs, number: int) -> Tensor:
    """``scale_i exp(-h_i x) phi((x - centre_i)/width) = kappa_i phi((x - root)/width)``: one density for all terms."""
    q = s.pairs
    a, b = int(q.term_edges[number]), int(q.term_edges[number + 1])
    h = q.h[a:b]
    return q.scale[a:b] * torch.exp(-h * q.centre[a:b] + 0.5 * (h * q.width[number]) ** 2)


def pull(s: SetInputs, at: DateContext, tape: DateTape, mask: Tensor) -> dict[str, Tensor]:
    """``sum over paths of mask dV/d(input)`` for the inputs of this date, and the same without mask.

    Parameters
    ----------
    mask : Tensor
        ``(unit, path)``.

    Returns
    -------
    dict
        Keyed ``<part>.<tensor>``; a leading axis of two (masked, all paths), then the shape of the date's slice of that
        tensor. Event scalars are not in here: see `event_gradients`.
    """
    t = at.date
    found: dict[str, Tensor] = {}
    if tape.smooth:
        coefficients = s.smooth.coefficients.new_zeros(2, *s.smooth.coefficients.shape[1:])
        for c in tape.smooth:
            degree, mine = int(s.smooth.degree[t, c]), s.smooth.pairs(c)
            basis = at.basis[c][:degree]
            units = torch.from_numpy(s.smooth.unit[mine]).to(mask.device)
            coefficients[0, mine, :degree] = (mask[units] * at.y[c]) @ basis.T
            coefficients[1, mine, :degree] = basis @ at.y[c]
        found["smooth.coefficients"] = coefficients
    if s.equity.shape[1]:
        shares = torch.exp(at.state[at.layout.equity_rows])
        every = shares.sum(-1, keepdim=True).expand(-1, len(s.units))
        found["equity"] = torch.stack([shares @ mask.T, every])
    if tape.rows is not None:
        a, b = int(s.rows.edges[t]), int(s.rows.edges[t + 1])
        unit, position = s.rows.unit[a:b], torch.from_numpy(s.rows.position[a:b]).to(mask)
        for side, value, sign in (
            ("receive", tape.rows.received, 1.0),
            ("deliver", tape.rows.delivered, -1.0),
        ):
            log, load = _row_sums(value, unit, mask, at.state)
            found[f"rows.log_{side}"] = sign * position * log
            found[f"rows.load_{side}"] = sign * position[:, None] * load
        vega = tape.rows.vega
        masked = (vega @ mask.T)[:, 0] if len(mask) == 1 else _row_mask(vega, unit, mask).sum(-1)
        found["rows.stdev"] = position * torch.stack([masked, vega.sum(-1)])
    if tape.pairs:
        sides = (_pull_pairs(s, at, tape, mask), _pull_pairs(s, at, tape, None))
        found.update({key: torch.stack([part[key] for part in sides]) for key in sides[0]})
    if tape.live:
        coefficients = s.live.coefficients.new_zeros(2, *s.live.coefficients.shape[1:])
        for live in tape.live:
            c = int(s.live.currency[live.number])
            weight = live.exercised * at.y[c]
            masked = torch.stack([weight * mask[int(s.live.unit[live.number])], weight])
            count = int(s.live.degree[t, live.number])
            coefficients[:, live.number, :count] = masked @ at.basis[c][:count].T
        found["live.coefficients"] = coefficients
    tied = s.tied.on(t)
    if tied:
        both = (_exercised_coupons(s, tape, mask), _exercised_coupons(s, tape, None))
        found.update(_pull_rows("tied", tied, at, both))
    if tape.memory is not None:
        kept = s.memory.on(t)
        both = (_row_mask(tape.memory, kept.owner, mask), tape.memory)
        found.update(_pull_rows("memory", kept, at, both))
    return found


def _pull_rows(
    name: str, mine: RowsOfDate, at: DateContext, both: tuple[Tensor, Tensor]
) -> dict[str, Tensor]:
    """Derivatives to a date's rows, from their values ``(row, path)``, masked and all."""
    n = at.state.shape[0]
    one = torch.cat([at.state, torch.ones_like(at.state[:1]), at.events[mine.numbers]])
    sums = torch.stack([value @ one.T for value in both])
    tie = torch.stack([mine.each(side) for side in sums[..., n + 1 :]])
    return {f"{name}.log": sums[..., n], f"{name}.load": sums[..., :n], f"{name}.tie": tie}


def _row_sums(value: Tensor, unit: NDArray[np.int64], mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over paths of ``mask value`` ``(2, row)`` and of ``mask value state`` ``(2, row, state)``, and without mask.

    With one unit the mask goes to the states, so that no (row, path) array is made.
    """
    n = state.shape[0]
    one = torch.cat([state, torch.ones_like(state[:1])])
    if len(mask) == 1:
        both = (value @ torch.cat([one * mask, one]).T).reshape(-1, 2, n + 1).transpose(0, 1)
    else:
        both = torch.stack([_row_mask(value, unit, mask) @ one.T, value @ one.T])
    return both[..., n], both[..., :n]


def _pull_pairs(s: SetInputs, at: DateContext, tape: DateTape, mask: Tensor | None) -> dict[str, Tensor]:
    q = s.pairs
    scales, hs, centres, widths = [], [], [], []
    for pair in tape.pairs:
        a, b = int(q.term_edges[pair.number]), int(q.term_edges[pair.number + 1])
        c, sense, width = int(q.currency[pair.number]), float(q.sense[pair.number]), q.width[pair.number]
        x = at.state[at.layout.rates_of[c].start]
        weight = _unit_mask(mask, int(q.unit[pair.number])) * at.y[c]
        kappa = _kappa(s, pair.number)
        dense = (weight * pair.density).sum()
        tilted = (weight * pair.density * x).sum()
        scales.append(pair.each @ weight)
        hs.append(-q.scale[a:b] * (pair.each @ (weight * x)))
        centres.append(-sense / width * kappa * dense)
        widths.append(-sense / width**2 * (tilted * kappa.sum() - dense * (kappa * q.centre[a:b]).sum()))
    return {
        "pairs.scale": torch.cat(scales),
        "pairs.h": torch.cat(hs),
        "pairs.centre": torch.cat(centres),
        "pairs.width": torch.stack(widths),
    }


def boundary_gradients(s: SetInputs, tape: DateTape) -> list[tuple[int, int, int, Tensor]]:
    """``(event, unit, swaption, dV/du (path,))`` of the states that decided the live swaptions' exercise.

    The exercise boundary has minus the same derivative.
    """
    found = []
    for live in tape.live:
        j, exercised = live.number, live.exercised
        slope = float(s.live.sense[j]) / float(s.live.softness[j]) * exercised * (1.0 - exercised)
        found.append((int(s.live.event[j]), int(s.live.unit[j]), j, slope * live.swap))
    return found


def event_gradients(
    s: SetInputs, at: DateContext, tape: DateTape, mask: Tensor
) -> list[tuple[NDArray[np.int64], Tensor, Tensor]]:
    """``(events, masked (event, path), all paths' (event, path))``: dV/du of what the date's terms remember."""
    found = []
    memory, tied = s.memory.on(at.date), s.tied.on(at.date)
    if tape.memory is not None and len(memory.numbers):
        tie = memory.ties(s.memory.tie[memory.rows]).T
        found.append((memory.numbers, tie @ _row_mask(tape.memory, memory.owner, mask), tie @ tape.memory))
    if len(tied.numbers):
        tie = tied.ties(s.tied.tie[tied.rows]).T
        masked, every = _exercised_coupons(s, tape, mask), _exercised_coupons(s, tape, None)
        found.append((tied.numbers, tie @ masked, tie @ every))
    return found
