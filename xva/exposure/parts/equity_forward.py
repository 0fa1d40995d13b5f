"""Equity forwards: units of an equity received later, without the dividends until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from xva.exposure.claim_groups import EquityUnits
from xva.exposure.parts.date_context import DateContext
from xva.exposure.parts.part import DatedTensor, NettingSetSource, PartOfDate, ValuePart, Values
from xva.numerics.types import Ints


@final
@dataclass(frozen=True)
class EquityForwards(ValuePart):
    """``units`` ``(date, equity, unit)`` of equities held, dividends taken off, times their deflated prices."""

    units: Tensor

    @classmethod
    def of(cls, source: NettingSetSource, held: EquityForwards | None) -> EquityForwards:
        """``exp(-q T)`` times the quantity, until payment or break."""
        frame, compiled = source.frame, source.compiled
        names = list(frame.model.equities)
        total = torch.zeros(len(frame.times), len(names), len(compiled.units), dtype=torch.float64)
        for flow in compiled.of(EquityUnits).items:
            alive = torch.from_numpy((frame.times < flow.until).astype(np.float64))
            carry = torch.exp(-frame.model.equities[flow.equity].carry * flow.pay)
            place = torch.zeros(len(names), len(compiled.units), dtype=torch.float64)
            place[names.index(flow.equity), flow.unit] = flow.quantity
            total = total + alive[:, None, None] * place * carry
        return cls(total)

    def on(self, at: DateContext) -> PartOfDate | None:
        if not self.units.shape[1]:
            return None
        return _OfDate(at, self.units[at.date], torch.exp(at.state[at.equity_rows]))

    def tensors(self) -> Mapping[str, DatedTensor]:
        return {"equity": DatedTensor(self.units)}

    def events(self) -> Ints:
        return np.zeros(0, dtype=np.int64)

    def degree(self, date: int, rates_row: int) -> int:
        return 0

    def floats_per_path(self, n_states: int) -> int:
        return 2 * self.units.shape[1]


@final
@dataclass(frozen=True)
class _OfDate(PartOfDate):
    """``held`` ``(equity, unit)``, ``prices`` ``(equity, path)``."""

    at: DateContext
    held: Tensor
    prices: Tensor

    def add_to(self, values: Values) -> Values:
        own = self.held.T @ self.prices
        return values.each(lambda value: value + own)

    def add_state_gradient(self, gradient: Tensor, mask: Tensor | None) -> None:
        held = self.held @ mask if mask is not None else self.held.sum(1, keepdim=True)
        gradient[self.at.equity_rows] += held * self.prices

    def input_adjoint(self, mask: Tensor) -> Mapping[str, Tensor]:
        every = self.prices.sum(-1, keepdim=True).expand(-1, self.held.shape[1])
        return {"equity": torch.stack([self.prices @ mask.T, every])}
