"""Basis swap: one floating index against another of the same currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva import dates
from xva.market.conventions import BUILT_IN, Conventions
from xva.trades.claims import Claim
from xva.trades.context import TradeContext
from xva.trades.legs import floating_leg, index_periods, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class BasisSwap(Trade):
    """Float against float.

    Parameters
    ----------
    currency : str
    notional : float
        Positive, of both legs.
    pay_index, receive_index : str
        Ibor legs have their index's tenor.
    pay_spread, receive_spread : float
        As fractions, added to each leg's rate.
    start_date, maturity_date : datetime64[D]
        Unadjusted; rolled modified following in the joint calendar of the indices.
    frequency : str
        Of overnight legs; the tenor of the ibor leg, if left empty, or 3M where there is none.
    """

    kind: ClassVar[str] = "basis_swaps"

    currency: str
    notional: float
    pay_index: str
    pay_spread: float = 0.0
    receive_index: str
    receive_spread: float = 0.0
    start_date: np.datetime64
    maturity_date: np.datetime64
    frequency: str = ""

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        return last_payment(self.maturity_date, self.pay_index, self.receive_index)

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        return {"frequency": conventions.standard_basis_frequency(self.pay_index, self.receive_index)}

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.positive("notional")
        terms.text("pay_index", "receive_index")
        terms.rate("pay_spread", "receive_spread")
        terms.increasing("start_date", "maturity_date")
        terms.tenor("frequency")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        pays = context.index(self.pay_index, self.currency)
        receives = context.index(self.receive_index, self.currency)
        calendar = dates.joint_calendar(pays.calendar, receives.calendar)
        claims: list[Claim] = []
        for index, spread, notional in (
            (pays, self.pay_spread, -self.notional),
            (receives, self.receive_spread, self.notional),
        ):
            periods = index_periods(index, self.start_date, self.maturity_date, self.frequency, calendar)
            claims += floating_leg(context, index, periods, spread, notional)
        return claims
