"""FX and equity options, and caplets near their fixing, as rows evaluated on every path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.compiled import CompiledExchange, CompiledSet
from xva.exposure.state.state import CovarianceTable
from xva.models.cross_asset import CrossAssetModel
from xva.pricing.affine import CurveSource
from xva.pricing.exchange import SMALLEST_STDEV, AffineRows
from xva.trades.claims import Asset

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ExchangeRows:
    """One option at one date each, sorted by date then unit.

    ``edges`` ``(date + 1,)`` delimit the dates; ``unit``, ``position`` ``(row,)``; ``log_receive + load_receive . s`` is
    the log of what is received, deflated, likewise delivered; ``stdev`` of their log ratio from the date to expiry.
    """

    edges: NDArray[np.int64]
    unit: NDArray[np.int64]
    position: NDArray[np.float64]
    log_receive: Tensor
    load_receive: Tensor
    log_deliver: Tensor
    load_deliver: Tensor
    stdev: Tensor


def exchange_rows(
    compiled: CompiledSet,
    curves: CurveSource,
    model: CrossAssetModel,
    times: Floats,
    table: CovarianceTable,
    others: Sequence[ExchangeRows],
) -> ExchangeRows:
    """Rows of the set's FX and equity options on all dates before expiry, merged with ``others``."""
    parts = list(others)
    if compiled.exchanges:
        parts.append(_option_rows(compiled.exchanges, curves, model, times, table))
    return merge_rows(parts, len(times), len(model.factors))


def _option_rows(
    options: Sequence[CompiledExchange],
    curves: CurveSource,
    model: CrossAssetModel,
    times: Floats,
    table: CovarianceTable,
) -> ExchangeRows:
    receive = [_leg(e.option.receive, e.option.expiry, curves, model) for e in options]
    deliver = [_leg(e.option.deliver, e.option.expiry, curves, model) for e in options]
    until = np.array([e.until for e in options])
    date, row = np.nonzero(times[:, None] < until)
    pick = torch.from_numpy(row)
    log_r, load_r = _at_dates(receive, date, pick, times, model)
    log_d, load_d = _at_dates(deliver, date, pick, times, model)
    difference = torch.stack([a.load - b.load for a, b in zip(receive, deliver)])
    variance = _remaining_variance(difference, options, times, table, model)
    stdev = torch.sqrt(variance[torch.from_numpy(date), pick].clamp_min(SMALLEST_STDEV**2))
    return ExchangeRows(
        np.searchsorted(date, np.arange(len(times) + 1)),
        np.array([e.unit for e in options], dtype=np.int64)[row],
        np.array([float(e.option.position) for e in options])[row],
        log_r,
        load_r,
        log_d,
        load_d,
        stdev,
    )


@dataclass(frozen=True)
class _Leg:
    """ln of the deflated asset: ``constant - half_square zeta_c(t) + load . s``."""

    constant: Tensor
    half_square: Tensor
    currency: str
    load: Tensor


def _leg(asset: Asset, expiry: float, curves: CurveSource, model: CrossAssetModel) -> _Leg:
    if asset.kind == "EQ":
        equity = model.equities[asset.name]
        constant = np.log(asset.amount) - equity.carry * expiry
        return _Leg(constant, constant.new_zeros(()), model.domestic, model.equity_load(asset.name))
    h = model.rates[asset.name].h(expiry)
    load = model.bond_load(asset.name, h)
    constant = curves.discount_curve(asset.name).log_discount(np.array([expiry]))[0] + np.log(asset.amount)
    return _Leg(constant, 0.5 * h * h, asset.name, load)


def _at_dates(
    legs: Sequence[_Leg], date: NDArray[np.int64], pick: Tensor, times: Floats, model: CrossAssetModel
) -> tuple[Tensor, Tensor]:
    zetas = {c: model.rates[c].zeta(times) for c in {leg.currency for leg in legs}}
    square = torch.stack([leg.half_square * zetas[leg.currency] for leg in legs])
    constant = torch.stack([leg.constant for leg in legs])
    load = torch.stack([leg.load for leg in legs])
    return constant[pick] - square[pick, torch.from_numpy(date)], load[pick]


def _remaining_variance(
    difference: Tensor,
    options: Sequence[CompiledExchange],
    times: Floats,
    table: CovarianceTable,
    model: CrossAssetModel,
) -> Tensor:
    """``(date, option)`` variance of ln(R/D) from each date to expiry; 0 after it."""
    used = [_states_of(e, model) for e in options]
    width = max(len(u) for u in used)
    index = torch.tensor([u + [u[0]] * (width - len(u)) for u in used])
    real = torch.tensor([[1.0] * len(u) + [0.0] * (width - len(u)) for u in used], dtype=torch.float64)
    weight = torch.gather(difference, 1, index) * real
    a, b = index[:, :, None], index[:, None, :]
    expiries = np.array([e.option.expiry for e in options])
    at_date, at_expiry = table.at(np.concatenate([times, expiries])).tensor_split([len(times)])
    own = torch.arange(len(options))[:, None, None]
    remaining = at_expiry[own, a, b][None] - at_date[:, a, b]
    return torch.einsum("oa,ob,toab->to", weight, weight, remaining)


def _states_of(exchange: CompiledExchange, model: CrossAssetModel) -> list[int]:
    found: list[int] = []
    for asset in (exchange.option.receive, exchange.option.deliver):
        if asset.kind == "EQ":
            found.append(model.layout.equity(asset.name))
        else:
            found += model.layout.currency_rows(asset.name)
    return sorted(set(found))


def lift_rows(
    rows: AffineRows, unit: int, currency: str, model: CrossAssetModel, n_dates: int
) -> ExchangeRows:
    """One-currency rows (caplets) as rows on the whole state: times Y where the currency is foreign."""
    return ExchangeRows(
        np.searchsorted(rows.date, np.arange(n_dates + 1)),
        np.full(len(rows.date), unit, dtype=np.int64),
        rows.position.numpy(),
        rows.log_receive,
        model.bond_load(currency, rows.h_receive),
        rows.log_deliver,
        model.bond_load(currency, rows.h_deliver),
        rows.stdev,
    )


def merge_rows(parts: Sequence[ExchangeRows], n_dates: int, n_states: int) -> ExchangeRows:
    """Rows of several sources in one table, sorted by date then unit."""
    if not parts:
        none = torch.zeros(0, dtype=torch.float64)
        flat = torch.zeros(0, n_states, dtype=torch.float64)
        edges = np.zeros(n_dates + 1, dtype=np.int64)
        return ExchangeRows(edges, np.zeros(0, dtype=np.int64), np.zeros(0), none, flat, none, flat, none)
    date = np.concatenate([np.repeat(np.arange(n_dates), np.diff(p.edges)) for p in parts])
    unit = np.concatenate([p.unit for p in parts])
    order = np.lexsort((unit, date))
    pick = torch.from_numpy(order)
    columns = [
        torch.cat([getattr(p, name) for p in parts])[pick]
        for name in ("log_receive", "load_receive", "log_deliver", "load_deliver", "stdev")
    ]
    return ExchangeRows(
        np.searchsorted(date[order], np.arange(n_dates + 1)),
        unit[order],
        np.concatenate([p.position for p in parts])[order],
        *columns,
    )
