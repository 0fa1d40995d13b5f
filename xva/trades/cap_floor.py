"""Caps and floors on ibor indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva.trades.claims import Caplet, Claim, FixedFlow
from xva.trades.context import TradeContext
from xva.trades.legs import IborPeriod, ibor_periods, index_periods, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class CapFloor(Trade):
    """A strip of caplets or floorlets, every period from ``start_date`` on, the first one included.

    Parameters
    ----------
    currency : str
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it); the premium is a trade of its own.
    cap_floor : str
        ``cap`` or ``floor``.
    notional : float
        Positive.
    strike : float
        As a fraction; may be negative.
    index : str
        An ibor index.
    start_date, maturity_date : datetime64[D]
        Unadjusted; rolled modified following in the index's calendar.
    """

    kind: ClassVar[str] = "caps_floors"

    currency: str
    side: str
    cap_floor: str
    notional: float
    strike: float
    index: str
    start_date: np.datetime64
    maturity_date: np.datetime64

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return last_payment(self.maturity_date, self.index)

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.choice("cap_floor", "cap", "floor")
        terms.positive("notional")
        terms.rate("strike")
        terms.text("index")
        terms.increasing("start_date", "maturity_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        index = context.ibor(self.index, self.currency)
        strip = index_periods(index, self.start_date, self.maturity_date, index.tenor)
        return [self._optionlet(period) for period in ibor_periods(context, index, strip)]

    def _optionlet(self, period: IborPeriod) -> Claim:
        amount = (self.notional if self.side == "long" else -self.notional) * period.accrual
        sign = 1 if self.cap_floor == "cap" else -1
        if period.open:
            return Caplet(
                self.currency,
                self.index,
                period.fixing,
                period.start,
                period.end,
                period.pay,
                amount,
                period.accrual,
                self.strike,
                sign,
            )
        return FixedFlow(self.currency, period.pay, amount * max(sign * (period.known - self.strike), 0.0))
