"""European swaption."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from xva import dates
from xva.errors import TradeError
from xva.market.conventions import BUILT_IN, Conventions
from xva.market.indices import RateIndex
from xva.trades.claims import Claim, IborFlow, ParYieldAnnuity, SwaptionClaim
from xva.trades.context import TradeContext
from xva.trades.legs import Flow, fixed_float_flows, fixed_leg, last_payment, periods
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
        ``physical`` (the swap), ``cash`` (the swap's value at expiry on the discount curve: ISDA's collateralized cash
        price) or ``cash_par_yield`` (swap rate less strike times the annuity at the swap rate: ISDA's par yield curve
        unadjusted; European).
    fixed_frequency, fixed_day_count : str
        As the market quotes swaps on the index, if left empty.
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
    fixed_frequency: str = ""
    fixed_day_count: str = ""

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def maturity(self) -> np.datetime64:
        if self.settlement != "physical":
            return self.expiry_date
        return last_payment(self.maturity_date, self.index)

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        standard = conventions.standard_swap(self.index, self.currency)
        return {"fixed_frequency": standard.fixed_frequency, "fixed_day_count": standard.fixed_day_count}

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.choice("side", "long", "short")
        terms.choice("swap_side", "payer", "receiver")
        terms.positive("notional")
        terms.rate("strike")
        terms.text("index")
        terms.increasing("expiry_date", "maturity_date")
        terms.choice("settlement", "cash", "cash_par_yield", "physical")
        terms.tenor("fixed_frequency")
        terms.day_count("fixed_day_count")
        if self.settlement == "cash_par_yield" and str(self.fixed_frequency)[-1:] not in ("M", "Y"):
            terms.reject("fixed_frequency", "months or years, for a par-yield settlement")

    def _claims(self, context: TradeContext) -> Sequence[Claim]:
        if self.expiry_date <= context.as_of:
            return ()
        expiry = context.time(self.expiry_date)
        position = 1 if self.side == "long" else -1
        settlement: Literal["cash", "physical"] = "physical" if self.settlement == "physical" else "cash"
        annuity = self._annuity(context) if self.settlement == "cash_par_yield" else None
        flows = self._underlying(context, expiry)
        return (SwaptionClaim(self.currency, expiry, flows, position, settlement, annuity),)

    def _annuity(self, context: TradeContext) -> ParYieldAnnuity:
        index, start = self._start(context)
        lag = index.payment_lag if index.overnight else 0
        paying = periods(start, self.maturity_date, self.fixed_frequency, index.calendar, lag)
        leg = fixed_leg(context, self.currency, paying, self.fixed_day_count, 1.0, self.notional)
        per_year = dates.periods_a_year(self.fixed_frequency)
        sign = 1 if self.swap_side == "payer" else -1
        return ParYieldAnnuity(tuple(leg), sign, self.strike, self.notional, per_year, len(leg))

    def _start(self, context: TradeContext) -> tuple[RateIndex, np.datetime64]:
        index = context.index(self.index, self.currency)
        return index, dates.business_days(self.expiry_date, index.fixing_lag, index.calendar)

    def _underlying(self, context: TradeContext, expiry: float) -> tuple[Flow, ...]:
        index, start = self._start(context)
        if not start < self.maturity_date:
            expected = f"a date after the underlying's start {start}"
            raise TradeError.of("field maturity_date", expected, str(self.maturity_date))
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
