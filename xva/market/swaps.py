"""Curves from par instruments of one index: overnight (self-discounted) and ibor (under OIS).

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
from xva.market.curves import DiscountCurve, interpolation_matrix
from xva.market.indices import RateIndex
from xva.market.labels import quote_info
from xva.market.par_dates import SwapDates, instrument_dates
from xva.market.recipes import Recipe, order_by_date
from xva.numerics.implicit import solve_implicit


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
    quoted : QuotedRates, optional
        How quotes become rates, where some are not rates themselves.
    known : KnownLegs, optional
        Legs of tenor basis swaps on the index of the second curve it needs.
    """

    growth: Tensor
    float_own: Tensor
    fixed_own: Tensor
    float_times: NDArray[np.float64]
    fixed_times: NDArray[np.float64]
    float_sum: Tensor
    annuity: Tensor
    quoted: QuotedRates | None = None
    known: KnownLegs | None = None

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> DiscountCurve:
        if self.needs:
            discount = curves[self.needs[0]]
            log_float = discount.log_discount(self.float_times)
            log_fixed = discount.log_discount(self.fixed_times)
        else:
            log_float = values.new_zeros(len(self.float_times))
            log_fixed = values.new_zeros(len(self.fixed_times))

        ids = self.quote_ids[: len(self.times)]
        if self.quoted is not None:
            values = self.quoted.rates(values)
        other = self.known.value(curves[self.needs[1]], curves[self.needs[0]]) if self.known else None

        def residual(x: Tensor) -> Tensor:
            coupons = torch.expm1(self.growth @ x) * torch.exp(self.float_own @ x + log_float)
            fixed = torch.exp(self.fixed_own @ x + log_fixed)
            found = self.float_sum @ coupons - values * (self.annuity @ fixed)
            return found - other if other is not None else found

        def jacobian(x: Tensor) -> Tensor:
            grown = torch.exp(self.growth @ x).unsqueeze(1)
            paid = torch.exp(self.float_own @ x + log_float).unsqueeze(1)
            fixed = torch.exp(self.fixed_own @ x + log_fixed).unsqueeze(1)
            slope = paid * (grown * self.growth + (grown - 1.0) * self.float_own)
            return self.float_sum @ slope - values.unsqueeze(1) * (self.annuity @ (fixed * self.fixed_own))

        start = -values * values.new_tensor(self.times)
        nodes = solve_implicit(residual, start, jacobian=jacobian, ids=ids, what=f"curve {self.name}")
        return DiscountCurve(self.name, self.times, nodes)


@dataclass(frozen=True)
class QuotedRates:
    """Rates of quotes that may be futures prices: ``offset + scale * quote - convexity @ what follows the quotes``.

    Parameters
    ----------
    offset, scale : Tensor
        ``(instrument,)``.
    convexity : Tensor
        ``(instrument, convexity quote)``: 1 where a convexity is a future's.
    """

    offset: Tensor
    scale: Tensor
    convexity: Tensor

    def rates(self, values: Tensor) -> Tensor:
        """``(instrument,)`` from all quotes of the recipe."""
        count = len(self.scale)
        return self.offset + self.scale * values[:count] - self.convexity @ values[count:]


@dataclass(frozen=True)
class KnownLegs:
    """Floating legs on a curve that is known, for unit notional.

    Parameters
    ----------
    starts, ends : ndarray
        ``(coupon,)`` years; paid at the end.
    total : Tensor
        ``(instrument, coupon)`` adds the coupons of each instrument, whatever its sign is.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    total: Tensor

    def value(self, curve: DiscountCurve, discount: DiscountCurve) -> Tensor:
        """``(instrument,)`` values today."""
        growth = torch.expm1(curve.log_discount(self.starts) - curve.log_discount(self.ends))
        found: Tensor = self.total @ (growth * discount.discount(self.ends))
        return found


def swap_recipe(
    as_of: np.datetime64,
    name: str,
    index: RateIndex,
    quote_ids: Sequence[str],
    discount: str | None,
    convexities: Sequence[str] = (),
    other: tuple[RateIndex, str] | None = None,
) -> SwapRecipe:
    """Recipe of an index's curve.

    Parameters
    ----------
    quote_ids : sequence of str
        Instruments on the index, in any order.
    discount : str or None
        Name of the discount curve; None if the curve discounts itself.
    convexities : sequence of str
        Quotes of the difference between a future's rate and the forward; of others it is 0.
    other : tuple of RateIndex and str, optional
        The other index of tenor basis swaps, and its curve.
    """
    by_quote = [instrument_dates(as_of, q, index, other[0] if other else None) for q in quote_ids]
    order, times = order_by_date(f"curve {name}", as_of, quote_ids, [d.last for d in by_quote])
    found, ids = [by_quote[k] for k in order], [quote_ids[k] for k in order]

    def stack(field: str) -> NDArray[np.float64]:
        days = np.concatenate([getattr(d, field) for d in found])
        return dates.years(as_of, days)

    float_times, fixed_times = stack("float_pays"), stack("fixed_pays")
    float_own = interpolation_matrix(times, float_times)
    fixed_own = interpolation_matrix(times, fixed_times)
    own = discount is None
    known = _known_legs(as_of, found)
    futures = [quote_info(i).family == "future" for i in ids]
    return SwapRecipe(
        name=name,
        quote_ids=(*ids, *convexities),
        needs=() if discount is None else (discount, other[1]) if other and known else (discount,),
        times=times,
        growth=interpolation_matrix(times, stack("starts")) - interpolation_matrix(times, stack("ends")),
        float_own=float_own if own else torch.zeros_like(float_own),
        fixed_own=fixed_own if own else torch.zeros_like(fixed_own),
        float_times=float_times,
        fixed_times=fixed_times,
        float_sum=row_sums([np.ones(len(d.starts)) for d in found]),
        annuity=row_sums([d.accruals for d in found]),
        quoted=_quoted_rates(ids, convexities) if any(futures) else None,
        known=known,
    )


def _quoted_rates(ids: Sequence[str], convexities: Sequence[str]) -> QuotedRates:
    future = torch.tensor([quote_info(i).family == "future" for i in ids])
    own = [[i.replace("PRICE", "CONVEXITY", 1) == c for c in convexities] for i in ids]
    one = torch.ones(len(ids), dtype=torch.float64)
    return QuotedRates(
        offset=torch.where(future, one, 0.0 * one),
        scale=torch.where(future, -0.01 * one, one),
        convexity=torch.tensor(own, dtype=torch.float64).reshape(len(ids), len(convexities)),
    )


def _known_legs(as_of: np.datetime64, found: Sequence[SwapDates]) -> KnownLegs | None:
    legs = [d.other for d in found]
    if not any(legs):
        return None
    empty = np.empty(0, dtype="datetime64[D]")
    starts = np.concatenate([empty, *(leg.starts for leg in legs if leg is not None)])
    ends = np.concatenate([empty, *(leg.ends for leg in legs if leg is not None)])
    total = row_sums([np.ones(len(leg.starts)) if leg is not None else np.empty(0) for leg in legs])
    return KnownLegs(np.asarray(dates.years(as_of, starts)), np.asarray(dates.years(as_of, ends)), total)


def row_sums(weights: Sequence[NDArray[np.float64]]) -> Tensor:
    """``(row, entry)`` block matrix whose row k holds ``weights[k]`` on its own entries."""
    matrix = np.zeros((len(weights), sum(len(w) for w in weights)))
    at = 0
    for row, weight in enumerate(weights):
        matrix[row, at : at + len(weight)] = weight
        at += len(weight)
    return torch.from_numpy(matrix)
