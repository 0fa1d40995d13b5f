"""Forward rate agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva import dates
from xva.trades.claims import Claim, FixedFlow, IborFlow
from xva.trades.context import TradeContext
from xva.trades.legs import Periods, ibor_periods, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class Fra(Trade):
    """The difference between an ibor index and an agreed rate over one period.

    The market settles at ``start_date`` the difference discounted at the index's fixing. While the fixing is
    open it is modelled as the payment of the undiscounted difference at ``maturity_date``, which is worth the
    same where the index's curve discounts too (else the basis over the period is left out). Once fixed, it
    is the market's payment at ``start_date``; from that date on there is nothing left.

    Parameters
    ----------
    currency : str
    notional : float
        Positive.
    side : str
        ``buyer`` receives index minus rate, ``seller`` the opposite.
    rate : float
        As a fraction.
    index : str
        An ibor index.
    start_date, maturity_date : datetime64[D]
        Unadjusted ends of the period; rolled modified following.
    """

    kind: ClassVar[str] = "fras"

    currency: str
    notional: float
    side: str
    rate: float
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
        terms.positive("notional")
        terms.choice("side", "buyer", "seller")
        terms.finite("rate")
        terms.text("index")
        terms.increasing("start_date", "maturity_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        index = context.ibor(self.index, self.currency)
        ends = dates.adjust(np.array([self.start_date, self.maturity_date]), index.calendar)
        if ends[0] <= context.as_of:
            return ()
        (period,) = ibor_periods(context, index, Periods(ends[:1], ends[1:], ends[1:]))
        amount = (self.notional if self.side == "buyer" else -self.notional) * period.accrual
        if period.open:
            return (
                IborFlow(
                    self.currency,
                    self.index,
                    period.fixing,
                    period.start,
                    period.end,
                    period.pay,
                    amount,
                    period.accrual,
                ),
                FixedFlow(self.currency, period.pay, -amount * self.rate),
            )
        settled = amount * (period.known - self.rate) / (1.0 + period.known * period.accrual)
        return (FixedFlow(self.currency, period.start, settled),)
