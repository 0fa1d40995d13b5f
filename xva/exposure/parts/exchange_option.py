"""FX and equity options, and caplets near their fixing, as rows evaluated on every path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.exposure.claim_groups import CompiledExchange, Exchanges
from xva.exposure.parts.caplets import near_caplets
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.masking import row_mask, row_sums
from xva.exposure.parts.part import DatedTensor, NettingSetSource, PartOfDate, ValuePart, Values, add_rows
from xva.exposure.state.state import CovarianceTable
from xva.models import CrossAssetModel
from xva.numerics.types import Floats, Ints
from xva.pricing.affine import CurveSource
from xva.pricing.exchange import SMALLEST_STDEV, AffineRows, ExchangeValue, exchange_value
from xva.trades.claims import Asset

_COLUMNS = ("log_receive", "load_receive", "log_deliver", "load_deliver", "stdev")


@final
@dataclass(frozen=True)
class ExchangeOptions(ValuePart):
    """One option at one date each, sorted by date then unit.

    ``edges`` ``(date + 1,)`` delimit the dates; ``unit``, ``position`` ``(row,)``; ``log_receive + load_receive . s`` is
    the log of what is received, deflated, likewise delivered; ``stdev`` of their log ratio from the date to expiry.
    """

    edges: Ints
    unit: Ints
    position: Floats
    log_receive: Tensor
    load_receive: Tensor
    log_deliver: Tensor
    load_deliver: Tensor
    stdev: Tensor

    @classmethod
    def of(cls, source: NettingSetSource, held: ExchangeOptions | None) -> ExchangeOptions:
        """Options on all dates before expiry, caplets once they are near it."""
        frame = source.frame
        found = [
            lift_rows(rows, unit, currency, frame.model, source.n_dates)
            for (unit, currency), rows in near_caplets(source.compiled, frame).items()
        ]
        if options := source.compiled.of(Exchanges).items:
            found.append(option_rows(options, frame.curves, frame.model, frame.times, frame.table))
        return merge_rows(found, source.n_dates, source.n_states)

    def on(self, at: DateContext) -> PartOfDate | None:
        a, b = int(self.edges[at.date]), int(self.edges[at.date + 1])
        if a == b:
            return None
        log_r = self.log_receive[a:b, None] + self.load_receive[a:b] @ at.state
        log_d = self.log_deliver[a:b, None] + self.load_deliver[a:b] @ at.state
        value = exchange_value(log_r, log_d, self.stdev[a:b, None])
        return _OfDate(self, at, value, torch.from_numpy(self.position[a:b]).to(at.state)[:, None])

    def tensors(self) -> Mapping[str, DatedTensor]:
        return {f"rows.{name}": DatedTensor(getattr(self, name), self.edges) for name in _COLUMNS}

    def events(self) -> Ints:
        return np.zeros(0, dtype=np.int64)

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        return 12 * int(np.diff(self.edges).max(initial=0))


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    """``position`` ``(row, 1)``."""

    part: ExchangeOptions
    at: DateContext
    value: ExchangeValue
    position: Tensor

    @property
    def rows(self) -> slice:
        edges = self.part.edges
        return slice(int(edges[self.at.date]), int(edges[self.at.date + 1]))

    def add_to(self, values: Values) -> Values:
        return add_rows(values, self.part.unit[self.rows], self.position * self.value.value)

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        part, rows, position = self.part, self.rows, self.position
        unit = part.unit[rows]
        gradient += (position * part.load_receive[rows]).T @ row_mask(self.value.received, unit, mask)
        gradient -= (position * part.load_deliver[rows]).T @ row_mask(self.value.delivered, unit, mask)

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        unit, position = self.part.unit[self.rows], self.position[:, 0]
        found: dict[str, Tensor] = {}
        for side, value, sign in (
            ("receive", self.value.received, 1.0),
            ("deliver", self.value.delivered, -1.0),
        ):
            log, load = row_sums(value, unit, mask, self.at.state)
            found[f"rows.log_{side}"] = sign * position * log
            found[f"rows.load_{side}"] = sign * position[:, None] * load
        vega = self.value.vega
        masked = (vega @ mask.T)[:, 0] if len(mask) == 1 else row_mask(vega, unit, mask).sum(-1)
        found["rows.stdev"] = position * torch.stack([masked, vega.sum(-1)])
        return found


def option_rows(
    options: Sequence[CompiledExchange],
    curves: CurveSource,
    model: CrossAssetModel,
    times: Floats,
    table: CovarianceTable,
) -> ExchangeOptions:
    """FX and equity options on all dates before they end."""
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
    return ExchangeOptions(
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
    """ln of the deflated asset: ``constant`` less half the variance of ``h . x_c`` at t, and ``load . s``."""

    constant: Tensor
    h: Tensor
    currency: str
    load: Tensor


def _leg(asset: Asset, expiry: float, curves: CurveSource, model: CrossAssetModel) -> _Leg:
    if asset.kind == "EQ":
        equity = model.equities[asset.name]
        constant = np.log(asset.amount) - equity.carry * expiry
        nothing = constant.new_zeros(model.rates[model.domestic].n_factors)
        return _Leg(constant, nothing, model.domestic, model.equity_load(asset.name))
    h = model.rates[asset.name].loadings(expiry)
    load = model.bond_load(asset.name, h)
    constant = curves.discount_curve(asset.name).log_discount(np.array([expiry]))[0] + np.log(asset.amount)
    return _Leg(constant, h, asset.name, load)


def _at_dates(
    legs: Sequence[_Leg], date: NDArray[np.int64], pick: Tensor, times: Floats, model: CrossAssetModel
) -> tuple[Tensor, Tensor]:
    square: dict[int, Tensor] = {}
    for c in {leg.currency for leg in legs}:
        mine = [k for k, leg in enumerate(legs) if leg.currency == c]
        h = torch.stack([legs[k].h for k in mine])[:, None]
        square.update(zip(mine, model.rates[c].half_variance(h, times), strict=True))
    constant = torch.stack([leg.constant for leg in legs])
    load = torch.stack([leg.load for leg in legs])
    less = torch.stack([square[k] for k in range(len(legs))])
    return constant[pick] - less[pick, torch.from_numpy(date)], load[pick]


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
) -> ExchangeOptions:
    """One-currency rows (caplets) as rows on the whole state: times Y where the currency is foreign."""
    return ExchangeOptions(
        np.searchsorted(rows.date, np.arange(n_dates + 1)),
        np.full(len(rows.date), unit, dtype=np.int64),
        rows.position.numpy(),
        rows.log_receive,
        model.bond_load(currency, rows.h_receive[:, None]),
        rows.log_deliver,
        model.bond_load(currency, rows.h_deliver[:, None]),
        rows.stdev,
    )


def merge_rows(parts: Sequence[ExchangeOptions], n_dates: int, n_states: int) -> ExchangeOptions:
    """Rows of several sources in one table, sorted by date then unit."""
    if not parts:
        none = torch.zeros(0, dtype=torch.float64)
        flat = torch.zeros(0, n_states, dtype=torch.float64)
        edges = np.zeros(n_dates + 1, dtype=np.int64)
        return ExchangeOptions(edges, np.zeros(0, dtype=np.int64), np.zeros(0), none, flat, none, flat, none)
    date = np.concatenate([np.repeat(np.arange(n_dates), np.diff(p.edges)) for p in parts])
    unit = np.concatenate([p.unit for p in parts])
    order = np.lexsort((unit, date))
    pick = torch.from_numpy(order)
    columns = [torch.cat([getattr(p, name) for p in parts])[pick] for name in _COLUMNS]
    return ExchangeOptions(
        np.searchsorted(date[order], np.arange(n_dates + 1)),
        unit[order],
        np.concatenate([p.position for p in parts])[order],
        *columns,
    )
