"""Bermudan swaption: the right to enter, on one of several dates, what is then left of a swap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch
from torch import Tensor

from xva.errors import TradeError
from xva.market.conventions import BUILT_IN, STANDARD_INDICES, Conventions
from xva.numerics.types import Dates
from xva.trades.context import TradeContext
from xva.trades.dated_swap import DatedSwap, dated_swap, exercise_schedule
from xva.trades.legs import last_payment, periods
from xva.trades.path_trade import PathTrade
from xva.trades.paths import Flow, Paths
from xva.trades.terms import Terms
from xva.trades.waiting import Waiting


@final
@dataclass(frozen=True, kw_only=True)
class BermudanSwaption(PathTrade):
    """The right to enter a fixed/float swap, on an ibor index, for the periods that follow the exercise.

    Exercise on a date brings the floating periods fixed from that date on and the fixed periods that start with them, as a
    payment of their value (cash) or as the swap itself, whose running coupon then has the path's own fixing (physical: fixing
    dates are observed). An option exercised before the valuation date is a trade of its own.

    Parameters
    ----------
    currency : str
    side : str
        ``long`` (we decide) or ``short`` (the counterparty does); the premium is a trade of its own.
    swap_side : str
        ``payer`` or ``receiver`` of the fixed rate, as the holder sees it.
    notional : float
        Positive.
    strike : float
        The fixed rate, as a fraction.
    index : str
    start_date, maturity_date : datetime64[D]
        Of the underlying swap, unadjusted; rolled as `InterestRateSwap` does.
    first_exercise_date : datetime64[D]
        No decision before it.
    exercise_frequency : str
        One decision at the beginning of each of these periods of the swap, on the fixing date of its first rate.
    exercise_days : tuple of datetime64[D]
        Dates instead of those of the frequency.
    settlement : str
        ``cash`` or ``physical``.
    fixed_frequency, fixed_day_count : str
        As the market quotes swaps on the index, if left empty.
    """

    kind: ClassVar[str] = "bermudan_swaptions"

    currency: str
    side: str
    swap_side: str
    notional: float
    strike: float
    index: str
    start_date: np.datetime64
    maturity_date: np.datetime64
    first_exercise_date: np.datetime64
    settlement: str
    exercise_frequency: str = "1Y"
    exercise_days: tuple[np.datetime64, ...] = ()
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
        return 1 if self.side == "long" else -1

    @property
    def maturity(self) -> np.datetime64:
        if self.settlement == "physical":
            return last_payment(self.maturity_date, self.index)
        if self.exercise_days:
            return self.exercise_days[-1]
        standard = STANDARD_INDICES.get(self.index)
        calendar = standard.calendar if standard else "NULL"
        last: np.datetime64 = periods(
            self.start_date, self.maturity_date, self.exercise_frequency, calendar
        ).start[-1]
        return last

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
        terms.increasing("start_date", "maturity_date")
        terms.increasing("first_exercise_date", "maturity_date")
        terms.choice("settlement", "cash", "physical")
        terms.tenor("exercise_frequency")
        if self.exercise_days != ():
            terms.days_within("exercise_days", "maturity_date")
        terms.tenor("fixed_frequency")
        terms.day_count("fixed_day_count")

    def underlying(self, context: TradeContext) -> DatedSwap:
        """The swap as we would get it."""
        return dated_swap(
            context.ibor(self.index, self.currency),
            self.start_date,
            self.maturity_date,
            (self.strike, self.fixed_frequency, self.fixed_day_count),
            0.0,
            self.holder * (self.notional if self.swap_side == "payer" else -self.notional),
        )

    def exercise_dates(self, context: TradeContext) -> Dates:
        try:
            days = exercise_schedule(
                self.underlying(context),
                (self.start_date, self.maturity_date),
                self.exercise_frequency,
                self.first_exercise_date,
                self.exercise_days,
            )
        except TradeError as error:
            raise error.within(f"trade {self.trade_id}", [self.trade_id]) from None
        return days[days > context.as_of]

    def observation_dates(self, context: TradeContext) -> Dates:
        exercise = self.exercise_dates(context)
        if self.settlement == "cash" or not len(exercise):
            return exercise
        swap = self.underlying(context)
        return np.union1d(exercise, swap.fixings_to_come(context, swap.first_period(exercise[0])[0]))

    def cashflows(self, paths: Paths, exercised: Tensor) -> Sequence[Flow]:
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        flows = []
        for e, day in enumerate(days):
            worth = swap.value(paths, day, swap.first_period(day))
            money = paths.observer.deflator(self.currency, paths.context.time(day))
            flows.append(Flow(self.currency, day, day, exercised[e] * worth / money))
        if self.settlement == "physical":
            flows += self._straddling(paths, exercised, days, swap)
        return flows

    def settled(self, paths: Paths) -> Tensor | None:
        """The swap entered on the last exercise date so far; coupons that straddle it are flows, see `cashflows`."""
        if self.settlement == "cash":
            return None
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        rows = []
        for day in paths.report:
            passed = int(np.searchsorted(days, day, side="right"))
            if passed:
                rows.append(swap.value(paths, day, swap.first_period(days[passed - 1])))
            else:
                rows.append(torch.zeros(paths.n_paths, dtype=torch.float64))
        return torch.stack(rows) if rows else torch.zeros(0, paths.n_paths, dtype=torch.float64)

    def exercise_value(self, paths: Paths) -> Tensor:
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        rows = [self.holder * swap.value(paths, day, swap.first_period(day)) for day in days]
        return torch.stack(rows) if rows else self.none_exercised(paths.context, paths.n_paths)

    def waiting(self, paths: Paths) -> Waiting | None:
        days, swap = self.exercise_dates(paths.context), self.underlying(paths.context)
        return swap.waiting(paths, days, self.holder, self.exercise_value(paths))

    def _straddling(self, paths: Paths, exercised: Tensor, days: Dates, swap: DatedSwap) -> list[Flow]:
        """Coupons that who exercised before gets after an exercise date, for periods that it no longer brings.

        Between an exercise date and the start of the swap it brings (the fixing lag) `settled` cannot be both with and
        without them: from that date on they are flows, paid for there and then, which changes no value.
        """
        flows: list[Flow] = []
        entered = [swap.first_period(day) for day in days]
        for e in range(1, len(days)):
            for leg, (accrual, floats) in enumerate(((swap.floating, True), (swap.fixed, False))):
                for i in range(entered[e - 1][leg], entered[e][leg]):
                    if accrual.pay[i] <= days[e]:
                        continue
                    size = swap.coupon(paths, i, days[e]) if floats else float(swap.amounts[i])
                    amount = exercised[:e].sum(0) * size
                    price = amount * paths.bond(self.currency, days[e], accrual.pay[i])
                    flows.append(Flow(self.currency, days[e], accrual.pay[i], amount))
                    flows.append(Flow(self.currency, days[e], days[e], -price))
        return flows
