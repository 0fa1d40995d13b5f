"""European swaption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from xva import dates
from xva.errors import TradeError
from xva.trades.claims import Claim, IborFlow, SwaptionClaim
from xva.trades.context import TradeContext
from xva.trades.legs import Flow, fixed_float_flows, last_payment
from xva.trades.terms import Terms
from xva.trades.trade import Trade


@final
@dataclass(frozen=True, kw_only=True)
class Swaption(Trade):
    """The right to enter a fixed/float swap that starts the index's fixing lag after expiry.

    Parameters
    ----------
    currency : str
    side : str
        ``long`` (we hold it) or ``short`` (we wrote it); the premium is a trade of its own.
    swap_side : str
        ``payer`` or ``receiver`` of the fixed rate, as the holder sees it.
    notional : float
        Positive.
    strike : float
        The fixed rate, as a fraction.
    index : str
    expiry_date, maturity_date : datetime64[D]
        Exercise, and end of the underlying swap (unadjusted). On or before the valuation date the option is
        gone; a swap that came of it is a trade of its own.
    settlement : str
        ``cash`` (the swap's value at expiry) or ``physical`` (the swap).
    fixed_frequency, fixed_day_count : str
    """

    kind: ClassVar[str] = "swaptions"

    currency: str
    side: str
    swap_side: str
    notional: float
    strike: float
    index: str
    expiry_date: np.datetime64
    maturity_date: np.datetime64
    settlement: str
    fixed_frequency: str = "1Y"
    fixed_day_count: str = "30E/360"

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        if self.settlement == "cash":
            return self.expiry_date
        return last_payment(self.maturity_date, self.index)

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.choice("swap_side", "payer", "receiver")
        terms.positive("notional")
        terms.finite("strike")
        terms.text("index")
        terms.increasing("expiry_date", "maturity_date")
        terms.choice("settlement", "cash", "physical")
        terms.tenor("fixed_frequency")
        terms.day_count("fixed_day_count")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.expiry_date <= context.as_of:
            return ()
        expiry = context.time(self.expiry_date)
        position = 1 if self.side == "long" else -1
        settlement: Literal["cash", "physical"] = "cash" if self.settlement == "cash" else "physical"
        return (
            SwaptionClaim(self.currency, expiry, self._underlying(context, expiry), position, settlement),
        )

    def _underlying(self, context: TradeContext, expiry: float) -> tuple[Flow, ...]:
        index = context.index(self.index, self.currency)
        start = dates.business_days(self.expiry_date, index.fixing_lag, index.calendar)
        if not start < self.maturity_date:
            raise TradeError(
                f"field maturity_date: expected a date after the underlying's start {start}, "
                f"got {self.maturity_date}"
            )
        flows = fixed_float_flows(
            context,
            index,
            start,
            self.maturity_date,
            (self.strike, self.fixed_frequency, self.fixed_day_count),
            0.0,
            self.notional if self.swap_side == "payer" else -self.notional,
        )
        # An expiry on a holiday would have the first fixing just before it.
        return tuple(
            f._replace(fixing=max(f.fixing, expiry)) if isinstance(f, IborFlow) else f for f in flows
        )
