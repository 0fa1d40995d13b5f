"""Forward rate agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from xva import dates
from xva.errors import TradeError
from xva.trades.claims import Claim, FixedFlow, IborFlow
from xva.trades.context import TradeContext
from xva.trades.legs import Periods, ibor_periods, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class Fra(Trade):
    """The difference between an ibor index and an agreed rate over one period, settled at its beginning.

    As the market has it: ``notional * accrual * (L - rate) / (1 + L accrual)`` is paid on ``start_date``, and
    nothing is left from that day on. With ``L`` still open this is ``notional * (1 - (1 + rate accrual) / (1 + L
    accrual))``; the last fraction is the index's own discount factor over the period, so the claim is an
    `IborFlow` with its period's ends exchanged, and no approximation is made.

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
        """The settlement; before the index's calendar for an index that is not a standard one."""
        return last_payment(self.start_date, self.index)

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.positive("notional")
        terms.choice("side", "buyer", "seller")
        terms.rate("rate")
        terms.text("index")
        terms.increasing("start_date", "maturity_date")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        index = context.ibor(self.index, self.currency)
        ends = dates.adjust(np.array([self.start_date, self.maturity_date]), index.calendar)
        if ends[0] == ends[1]:
            raise TradeError.of(
                "period",
                f"a start and an end on two business days of {index.calendar}",
                f"{self.start_date} and {self.maturity_date}, which both roll to {ends[0]}",
                "take it out, or give it another start or end",
            )
        if ends[0] <= context.as_of:
            return ()
        (period,) = ibor_periods(context, index, Periods(ends[:1], ends[1:], ends[1:]))
        notional = self.notional if self.side == "buyer" else -self.notional
        agreed = self.rate * period.accrual
        if not period.open:
            grown = 1.0 + period.known * period.accrual
            return (FixedFlow(self.currency, period.start, notional * (1.0 - (1.0 + agreed) / grown)),)
        over = -notional * (1.0 + agreed) * period.accrual
        return (
            FixedFlow(self.currency, period.start, -notional * agreed),
            IborFlow(
                self.currency,
                self.index,
                period.fixing,
                period.end,
                period.start,
                period.start,
                over,
                period.accrual,
            ),
        )
