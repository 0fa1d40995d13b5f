"""Callable (cancellable) swap: one side may end it on some dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.errors import TradeError
from xva.market.conventions import BUILT_IN, Conventions
from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.dated_swap import DatedSwap, dated_swap, exercise_schedule
from xva.trades.legs import last_payment
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms
from xva.trades.waiting import Waiting


@final
@dataclass(frozen=True, kw_only=True)
class CallableSwap(PathTrade):
    """A fixed/float swap on an ibor index that one side may cancel without a fee.

    A call ends the floating periods fixed from that date on and the fixed periods that start with them; coupons of periods
    already running are paid. The whole swap is modelled, coupon by coupon, with the path's own fixings: it is worth the swap
    and the right to enter the opposite one, and a coupon still to be called is paid where it is not.

    Parameters
    ----------
    currency : str
    notional : float
        Positive.
    side : str
        ``payer`` or ``receiver`` of the fixed rate.
    fixed_rate, spread : float
        As fractions; the spread is on the floating leg.
    index : str
    start_date, maturity_date : datetime64[D]
        Unadjusted, rolled as `InterestRateSwap` does.
    called_by : str
        ``us`` or ``counterparty``.
    first_call_date : datetime64[D]
        No call before it.
    call_frequency : str
        One decision at the beginning of each of these periods of the swap, on the fixing date of its first rate.
    call_days : tuple of datetime64[D]
        Dates instead of those of the frequency.
    fixed_frequency, fixed_day_count : str
        As the market quotes swaps on the index, if left empty.
    """

    kind: ClassVar[str] = "callable_swaps"

    currency: str
    notional: float
    side: str
    fixed_rate: float
    index: str
    start_date: np.datetime64
    maturity_date: np.datetime64
    called_by: str
    first_call_date: np.datetime64
    spread: float = 0.0
    call_frequency: str = "1Y"
    call_days: tuple[np.datetime64, ...] = ()
    fixed_frequency: str = ""
    fixed_day_count: str = ""

    @property
    def currencies(self) -> tuple[str, ...]:
        return (self.currency,)

    @property
    def indices(self) -> tuple[str, ...]:
        return (self.index,)

    @property
    def holder(self) -> int:
        return 1 if self.called_by == "us" else -1

    @property
    def maturity(self) -> np.datetime64:
        return last_payment(self.maturity_date, self.index)

    def _standard_terms(self, conventions: Conventions = BUILT_IN) -> Mapping[str, str]:
        standard = conventions.standard_swap(self.index, self.currency)
        return {"fixed_frequency": standard.fixed_frequency, "fixed_day_count": standard.fixed_day_count}

    def _check(self, terms: Terms) -> None:
        terms.currency("currency")
        terms.positive("notional")
        terms.choice("side", "payer", "receiver")
        terms.rate("fixed_rate", "spread")
        terms.text("index")
        terms.increasing("start_date", "maturity_date")
        terms.choice("called_by", "us", "counterparty")
        terms.increasing("first_call_date", "maturity_date")
        terms.tenor("call_frequency")
        if self.call_days != ():
            terms.days_within("call_days", "maturity_date")
        terms.tenor("fixed_frequency")
        terms.day_count("fixed_day_count")

    def underlying(self, context: TradeContext) -> DatedSwap:
        """The swap as if it could not be called."""
        return dated_swap(
            context.ibor(self.index, self.currency),
            self.start_date,
            self.maturity_date,
            (self.fixed_rate, self.fixed_frequency, self.fixed_day_count),
            self.spread,
            self.notional if self.side == "payer" else -self.notional,
        )

    def exercise_dates(self, context: TradeContext) -> Dates:
        try:
            days = exercise_schedule(
                self.underlying(context),
                (self.start_date, self.maturity_date),
                self.call_frequency,
                self.first_call_date,
                self.call_days,
            )
        except TradeError as error:
            raise error.within(f"trade {self.trade_id}", [self.trade_id]) from None
        return days[days > context.as_of]

    def observation_dates(self, context: TradeContext) -> Dates:
        swap = self.underlying(context)
        return np.union1d(self.exercise_dates(context), swap.fixings_to_come(context))

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        swap, days = self.underlying(paths.context), self.exercise_dates(paths.context)
        entered = [swap.first_period(day) for day in days]
        called = torch.cat([exercised.new_zeros(1, paths.n_paths), torch.cumsum(exercised, 0)])
        flows = []
        for k in range(swap.floating.paid(paths.context.as_of), len(swap.floating)):
            passed = sum(first[0] <= k for first in entered)
            amount = swap.coupon(paths, k, swap.fixings[k]) * (1.0 - called[passed])
            flows.append(Flow(self.currency, swap.fixings[k], swap.floating.pay[k], amount))
        for j in range(swap.fixed.paid(paths.context.as_of), len(swap.fixed)):
            passed = sum(first[1] <= j for first in entered)
            known = days[passed - 1] if passed else paths.context.as_of
            amount = float(swap.amounts[j]) * (1.0 - called[passed])
            flows.append(Flow(self.currency, known, swap.fixed.pay[j], amount))
        return flows

    def exercise_value(self, paths: Paths) -> Tensor:
        """What calling saves the holder: the value, to the other side, of what is called."""
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        rows = [-self.holder * swap.value(paths, day, swap.first_period(day)) for day in days]
        return torch.stack(rows) if rows else self.none_exercised(paths.context, paths.n_paths)

    def waiting(self, paths: Paths) -> Waiting | None:
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        return swap.waiting(paths, days, -self.holder, self.exercise_value(paths))
