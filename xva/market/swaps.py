"""Curves from deposits and fixed-against-floating swaps: overnight (self-discounted) and ibor (under OIS).

A floating coupon over [s, e] is P(s)/P(e) - 1 on the projected curve; overnight compounding telescopes to
the same. Residuals are linear in exp(matrix @ log discounts), so the Jacobian is written down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva import dates
from xva.market.conventions import swap_convention
from xva.market.curves import DiscountCurve, interpolation_matrix
from xva.market.indices import RateIndex
from xva.market.labels import quote_info
from xva.market.recipes import Recipe, order_by_date
from xva.numerics.implicit import solve_implicit
from xva.numerics.types import Dates


@dataclass(frozen=True)
class SwapDates:
    """Dates of one par instrument, for unit notional.

    ``starts``, ``ends``, ``float_pays`` are ``(floating coupon,)``; ``fixed_pays`` and ``accruals`` (year
    fractions) ``(fixed coupon,)``.
    """

    starts: Dates
    ends: Dates
    float_pays: Dates
    fixed_pays: Dates
    accruals: NDArray[np.float64]

    @property
    def last(self) -> np.datetime64:
        """The last date that the instrument's value depends on."""
        last: np.datetime64 = np.concatenate([self.ends, self.float_pays, self.fixed_pays]).max()
        return last


def instrument_dates(as_of: np.datetime64, quote_id: str, index: RateIndex) -> SwapDates:
    """Dates of the deposit or swap that a quote is about, from its spot date.

    Deposits and overnight swaps from the last business day of a month end on the last business day of theirs.
    """
    info = quote_info(quote_id)
    calendar = index.calendar
    spot = dates.business_days(as_of, int(info.terms["lag"][:-1]), calendar)
    month_end = calendar != "NULL" and bool(spot == dates.end_of_month(spot, calendar))
    if info.family == "deposit":
        last = dates.adjust(_end(spot, info.tenor, calendar, month_end), calendar)
        end = np.array([last], dtype="datetime64[D]")
        start = np.array([spot], dtype="datetime64[D]")
        return SwapDates(start, end, end, end, dates.year_fraction(index.day_count, start, end))
    convention = swap_convention(index)
    if index.overnight:
        end_date = _end(spot, info.tenor, calendar, month_end)
        fixed = floating = dates.schedule(
            spot, end_date, convention.fixed_frequency, calendar, end_of_month=month_end
        )
    else:
        end_date = dates.add_tenor(spot, info.tenor)
        fixed = dates.schedule(spot, end_date, convention.fixed_frequency, calendar)
        floating = dates.schedule(spot, end_date, index.tenor, calendar)
    lag = index.payment_lag if index.overnight else 0
    return SwapDates(
        starts=floating[:-1],
        ends=floating[1:],
        float_pays=dates.business_days(floating[1:], lag, calendar),
        fixed_pays=dates.business_days(fixed[1:], lag, calendar),
        accruals=dates.year_fraction(convention.fixed_day_count, fixed[:-1], fixed[1:]),
    )


def _end(spot: np.datetime64, tenor: str, calendar: str, month_end: bool) -> np.datetime64:
    """Unadjusted end, but the last business day of the month if ``spot`` is one."""
    end = dates.add_tenor(spot, tenor)
    return dates.end_of_month(end, calendar) if month_end and tenor[-1] in "MY" else end


@dataclass(frozen=True)
class SwapRecipe(Recipe[DiscountCurve]):
    """A curve bootstrapped from par instruments, one pillar each at its last relevant date.

    Parameters
    ----------
    growth : Tensor
        ``(coupon, pillar)``: ln P(start)/P(end) = growth @ x, with x the log discounts at the pillars.
    float_own, fixed_own : Tensor
        ``(coupon, pillar)``: log discounts at the payment dates if the curve discounts itself, else 0.
    float_times, fixed_times : ndarray
        Payment times, for discounting on the curve it needs.
    float_sum : Tensor
        ``(instrument, coupon)`` adds the coupons of each instrument.
    annuity : Tensor
        ``(instrument, fixed coupon)`` the same with the accruals.
    """

    growth: Tensor
    float_own: Tensor
    fixed_own: Tensor
    float_times: NDArray[np.float64]
    fixed_times: NDArray[np.float64]
    float_sum: Tensor
    annuity: Tensor

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> DiscountCurve:
        if self.needs:
            discount = curves[self.needs[0]]
            log_float = discount.log_discount(self.float_times)
            log_fixed = discount.log_discount(self.fixed_times)
        else:
            log_float = values.new_zeros(len(self.float_times))
            log_fixed = values.new_zeros(len(self.fixed_times))

        def residual(x: Tensor) -> Tensor:
            coupons = torch.expm1(self.growth @ x) * torch.exp(self.float_own @ x + log_float)
            fixed = torch.exp(self.fixed_own @ x + log_fixed)
            return self.float_sum @ coupons - values * (self.annuity @ fixed)

        def jacobian(x: Tensor) -> Tensor:
            grown = torch.exp(self.growth @ x).unsqueeze(1)
            paid = torch.exp(self.float_own @ x + log_float).unsqueeze(1)
            fixed = torch.exp(self.fixed_own @ x + log_fixed).unsqueeze(1)
            slope = paid * (grown * self.growth + (grown - 1.0) * self.float_own)
            return self.float_sum @ slope - values.unsqueeze(1) * (self.annuity @ (fixed * self.fixed_own))

        start = -values * values.new_tensor(self.times)
        nodes = solve_implicit(
            residual, start, jacobian=jacobian, ids=self.quote_ids, what=f"curve {self.name}"
        )
        return DiscountCurve(self.name, self.times, nodes)


def swap_recipe(
    as_of: np.datetime64, name: str, index: RateIndex, quote_ids: Sequence[str], discount: str | None
) -> SwapRecipe:
    """Recipe of an index's curve.

    Parameters
    ----------
    quote_ids : sequence of str
        Deposits and swaps on the index, in any order.
    discount : str or None
        Name of the discount curve; None if the curve discounts itself.
    """
    by_quote = [instrument_dates(as_of, q, index) for q in quote_ids]
    order, times = order_by_date(f"curve {name}", as_of, quote_ids, [d.last for d in by_quote])
    found = [by_quote[k] for k in order]

    def stack(field: str) -> NDArray[np.float64]:
        days = np.concatenate([getattr(d, field) for d in found])
        return dates.years(as_of, days)

    float_times, fixed_times = stack("float_pays"), stack("fixed_pays")
    float_own = interpolation_matrix(times, float_times)
    fixed_own = interpolation_matrix(times, fixed_times)
    own = discount is None
    return SwapRecipe(
        name=name,
        quote_ids=tuple(quote_ids[k] for k in order),
        needs=() if discount is None else (discount,),
        times=times,
        growth=interpolation_matrix(times, stack("starts")) - interpolation_matrix(times, stack("ends")),
        float_own=float_own if own else torch.zeros_like(float_own),
        fixed_own=fixed_own if own else torch.zeros_like(fixed_own),
        float_times=float_times,
        fixed_times=fixed_times,
        float_sum=row_sums([np.ones(len(d.starts)) for d in found]),
        annuity=row_sums([d.accruals for d in found]),
    )


def row_sums(weights: Sequence[NDArray[np.float64]]) -> Tensor:
    """``(row, entry)`` block matrix whose row k holds ``weights[k]`` on its own entries."""
    matrix = np.zeros((len(weights), sum(len(w) for w in weights)))
    at = 0
    for row, weight in enumerate(weights):
        matrix[row, at : at + len(weight)] = weight
        at += len(weight)
    return torch.from_numpy(matrix)
