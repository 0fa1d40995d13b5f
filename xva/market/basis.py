"""A currency's discount curve under another currency's collateral: basis swaps and FX forwards.

Basis swaps have constant notionals (the market resets one leg; the fair spreads differ by a fraction of a
basis point): quarterly, from the pair's FX spot, joint calendar, both notionals exchanged at start and end at today's
FX rate, overnight rates compounded in arrears and paid at the period's end, spread on the second currency's
leg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva import dates
from xva.errors import Problem
from xva.market.conventions import BASIS_FREQUENCY, BUILT_IN, Conventions
from xva.market.curves import DiscountCurve, interpolation_matrix
from xva.market.fx_forwards import PointsCheck, points_factor
from xva.market.indices import RateIndex
from xva.market.labels import QuoteInfo, quote_info
from xva.market.recipes import Recipe, order_by_date
from xva.market.swaps import row_sums
from xva.numerics.implicit import solve_implicit


@dataclass(frozen=True)
class BasisLeg:
    """One leg of every basis swap, unit notional.

    Parameters
    ----------
    starts, ends : ndarray
        ``(coupon,)`` years; paid at the end.
    total : Tensor
        ``(swap, coupon)`` adds the coupons of each swap.
    accrual : Tensor
        ``(swap, coupon)`` the same with year fractions, 0 on the leg without spread.
    """

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    total: Tensor
    accrual: Tensor


@dataclass(frozen=True)
class BasisRecipe(Recipe[DiscountCurve]):
    """Needs, in order: the known discount curve, its overnight curve, the unknown currency's overnight curve.

    Quotes are, in order: basis swaps, points of FX forwards, FX rates whose product is the spot of the forwards' pair.

    Parameters
    ----------
    swaps : int
        Number of basis swaps.
    forward_times : ndarray
        ``(forward,)`` settlement times.
    known, unknown : BasisLeg
        The legs in the currency whose discount curve is given and in the one whose curve is solved for.
    first, last : ndarray
        ``(swap,)`` times of the exchanges.
    pay_nodes, first_nodes, last_nodes, forward_nodes : Tensor
        ``(time, pillar)``: log discounts at the unknown leg's payments, exchanges and settlements.
    forward_sign : float
        +1 if forwards are quoted as known currency per unknown currency, else -1.
    spot_powers : tuple of float
        Power (+1, -1) of each FX rate in the spot of the pair, quoted as the forwards are.
    points : PointsCheck
        Of the forwards' pair: points to one unit of its second currency, and whether quotes can be points.
    """

    swaps: int
    forward_times: NDArray[np.float64]
    known: BasisLeg
    unknown: BasisLeg
    first: NDArray[np.float64]
    last: NDArray[np.float64]
    pay_nodes: Tensor
    first_nodes: Tensor
    last_nodes: Tensor
    forward_nodes: Tensor
    forward_sign: float
    spot_powers: tuple[float, ...]
    points: PointsCheck

    @property
    def pillars(self) -> dict[str, float]:
        ends = [*self.last.tolist(), *self.forward_times.tolist()]
        return dict(zip(self.quote_ids, ends))

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> DiscountCurve:
        known, known_rate, own_rate = (curves[name] for name in self.needs)
        quotes = self.swaps + len(self.forward_times)
        spreads, quoted, rates = values[: self.swaps], values[self.swaps : quotes], values[quotes:]
        coupons = self._coupons(self.known, known_rate, spreads) * known.discount(self.known.ends)
        total = self.known.total @ coupons + known.discount(self.last) - known.discount(self.first)
        paid = self._coupons(self.unknown, own_rate, spreads)
        at_forwards = self._forward_discounts(known, quoted, rates)
        pay, first, last = self.pay_nodes, self.first_nodes, self.last_nodes

        def residual(x: Tensor) -> Tensor:
            leg = self.unknown.total @ (paid * torch.exp(pay @ x))
            swap = leg + torch.exp(last @ x) - torch.exp(first @ x) - total
            return torch.cat([swap, torch.exp(self.forward_nodes @ x) - at_forwards])

        def jacobian(x: Tensor) -> Tensor:
            leg = self.unknown.total @ ((paid * torch.exp(pay @ x)).unsqueeze(1) * pay)
            end = torch.exp(last @ x).unsqueeze(1) * last
            begin = torch.exp(first @ x).unsqueeze(1) * first
            forward = torch.exp(self.forward_nodes @ x).unsqueeze(1) * self.forward_nodes
            return torch.cat([leg + end - begin, forward])

        nodes = solve_implicit(
            residual,
            own_rate.log_discount(self.times),
            jacobian=jacobian,
            ids=self.quote_ids[:quotes],
            what=f"curve {self.name}",
        )
        return DiscountCurve(self.name, self.times, nodes)

    @staticmethod
    def _coupons(leg: BasisLeg, rate: DiscountCurve, spreads: Tensor) -> Tensor:
        growth = torch.expm1(rate.log_discount(leg.starts) - rate.log_discount(leg.ends))
        return growth + spreads @ leg.accrual

    def problems(self, values: NDArray[np.float64]) -> list[Problem]:
        quotes = self.swaps + len(self.forward_times)
        ids, points = self.quote_ids[self.swaps : quotes], values[self.swaps : quotes]
        with np.errstate(all="ignore"):  # an FX rate of 0 has a problem of its own
            spot = float(np.prod(values[quotes:] ** np.array(self.spot_powers)))
        return self.points.problems(ids, points, spot)

    def _forward_discounts(self, known: DiscountCurve, points: Tensor, rates: Tensor) -> Tensor:
        if not self.spot_powers:
            return points
        log_spot = rates.new_tensor(self.spot_powers) @ torch.log(rates)
        # forward over spot; 1 without points, whatever the spot
        ratio = 1.0 + points / self.points.factor * torch.exp(-log_spot)
        log_known = known.log_discount(self.forward_times)
        return torch.exp(log_known + self.forward_sign * torch.log(ratio))


def basis_recipe(
    as_of: np.datetime64,
    name: str,
    currency: str,
    quote_ids: Sequence[str],
    needs: tuple[str, str, str],
    overnight: Mapping[str, RateIndex],
    spot: Sequence[tuple[str, float]],
    factors: Mapping[str, float],
    conventions: Conventions = BUILT_IN,
) -> BasisRecipe:
    """Recipe of ``currency``'s discount curve.

    Parameters
    ----------
    quote_ids : sequence of str
        Basis swaps and FX forwards of one pair of currencies, in any order.
    needs : tuple of str
        Curve names as in `BasisRecipe`.
    overnight : mapping
        Overnight index by currency.
    spot : sequence
        FX quotes and their powers in the spot of the forwards' pair; empty without forwards.
    factors : mapping
        Points to one unit by pair, where it is not the usual factor.
    conventions : Conventions
        By which the pair settles.
    """
    infos = [quote_info(q) for q in quote_ids]
    periods = [_periods(as_of, info, conventions) for info in infos]
    order, times = order_by_date(f"curve {name}", as_of, quote_ids, [p[-1] for p in periods])
    swaps = [k for k in order if infos[k].family == "XCCY basis"]
    forwards = [k for k in order if infos[k].family == "FX forward"]
    pairs = {_pair(infos[k]) for k in order}
    other = next(c for pair in pairs for c in pair if c != currency)

    def exchange(at: int) -> NDArray[np.float64]:
        return dates.years(as_of, np.array([periods[k][at] for k in swaps], dtype="datetime64[D]"))

    ends = np.array([periods[k][-1] for k in forwards], dtype="datetime64[D]")
    forward_times = dates.years(as_of, ends)
    swap_infos, swap_periods = [infos[k] for k in swaps], [periods[k] for k in swaps]
    known, unknown = (_leg(as_of, c, swap_infos, swap_periods, overnight) for c in (other, currency))
    bases = {infos[k].terms["base"] for k in forwards}
    return BasisRecipe(
        name=name,
        quote_ids=tuple(quote_ids[k] for k in (*swaps, *forwards)) + tuple(q for q, _ in spot),
        needs=needs,
        times=times,
        swaps=len(swaps),
        forward_times=forward_times,
        known=known,
        unknown=unknown,
        first=exchange(0),
        last=exchange(-1),
        pay_nodes=interpolation_matrix(times, unknown.ends),
        first_nodes=interpolation_matrix(times, exchange(0)),
        last_nodes=interpolation_matrix(times, exchange(-1)),
        forward_nodes=interpolation_matrix(times, forward_times),
        forward_sign=1.0 if bases == {currency} else -1.0,
        spot_powers=tuple(power for _, power in spot),
        points=_points(infos[forwards[0]] if forwards else None, factors, forward_times),
    )


def _points(info: QuoteInfo | None, factors: Mapping[str, float], times: NDArray[np.float64]) -> PointsCheck:
    if info is None:
        return PointsCheck("", 1.0, False, times)
    pair = info.curve
    return PointsCheck(
        pair, points_factor(info.terms["base"], info.currency, factors), pair in factors, times
    )


def _leg(
    as_of: np.datetime64,
    currency: str,
    swaps: Sequence[QuoteInfo],
    periods: Sequence[NDArray[np.datetime64]],
    overnight: Mapping[str, RateIndex],
) -> BasisLeg:
    fractions = [dates.year_fraction(overnight[currency].day_count, p[:-1], p[1:]) for p in periods]
    spread_here = [float(swap.currency == currency) for swap in swaps]
    empty = [np.empty(0, dtype="datetime64[D]")]
    return BasisLeg(
        dates.years(as_of, np.concatenate(empty + [p[:-1] for p in periods])),
        dates.years(as_of, np.concatenate(empty + [p[1:] for p in periods])),
        row_sums([np.ones(len(f)) for f in fractions]),
        row_sums([f * s for f, s in zip(fractions, spread_here)]),
    )


def _pair(info: QuoteInfo) -> tuple[str, str]:
    first = info.terms["flat_currency" if info.family == "XCCY basis" else "base"]
    return first, info.currency


def _periods(as_of: np.datetime64, info: QuoteInfo, conventions: Conventions) -> NDArray[np.datetime64]:
    """Period ends of a basis swap, or spot and settlement of a forward."""
    calendar, spot = conventions.fx_calendar(*_pair(info)), conventions.fx_spot_date(as_of, *_pair(info))
    if info.family == "FX forward":
        return np.array([spot, dates.advance(spot, info.tenor, calendar)], dtype="datetime64[D]")
    return dates.schedule(spot, dates.add_tenor(spot, info.tenor), BASIS_FREQUENCY, calendar)
