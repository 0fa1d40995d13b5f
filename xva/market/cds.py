"""Survival curves from CDS spreads: standard contracts (since 2015), default at the middle of each period.

Quarterly premiums on the 20ths, Actual/360 (the last day counts in the last period), accrued premium paid at
default, protection from the valuation date, the premium accrued before it rebated three business days later.
Matches QuantLib's `SpreadCdsHelper` with the mid-point engine, except on the day before a coupon date:
there QuantLib charges the whole coupon and rebates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva import dates
from xva.errors import CalibrationError
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve, interpolation_matrix
from xva.market.labels import quote_info
from xva.market.recipes import Recipe, order_by_date
from xva.market.swaps import row_sums
from xva.numerics.implicit import solve_implicit

_REBATE_LAG = 3
_CALENDAR = "WEEKENDS"


@dataclass(frozen=True)
class CdsDates:
    """One contract's premium periods ``(period,)``, years and year fractions.

    ``default`` is the assumed default time within [start, end], ``accrued`` the premium accrued by then.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    pay: NDArray[np.float64]
    default: NDArray[np.float64]
    accrual: NDArray[np.float64]
    accrued: NDArray[np.float64]
    rebate: float
    pillar: np.datetime64


def contract_dates(as_of: np.datetime64, tenor: str) -> CdsDates:
    """Premium periods still unpaid of a standard CDS traded on ``as_of``."""
    ends = dates.cds_dates(as_of, tenor)
    pays = dates.adjust(ends[1:], _CALENDAR, "F")
    alive = pays > as_of
    begin, end, pay = ends[:-1][alive], ends[1:][alive], pays[alive]
    start: NDArray[np.datetime64] = np.maximum(begin, as_of)
    middle = start + (end - start) // 2
    last_day = (np.arange(len(end)) == len(end) - 1).astype(np.int64)
    days = (end - begin).astype(np.int64) + last_day
    before = int((as_of - begin[0]).astype(np.int64)) + 1
    return CdsDates(
        start=dates.years(as_of, start),
        end=dates.years(as_of, end),
        pay=dates.years(as_of, pay),
        default=dates.years(as_of, middle),
        accrual=days / 360.0,
        accrued=((middle - begin).astype(np.int64) + last_day) / 360.0,
        rebate=max(before, 0) / 360.0,
        pillar=pay[-1],
    )


@dataclass(frozen=True)
class CdsRecipe(Recipe[SurvivalCurve]):
    """Quotes are the spreads by maturity, then the recovery; needs the discount curve.

    Parameters
    ----------
    pay, start, end : Tensor
        ``(period, pillar)``: integrated hazards at those dates = matrix @ hazards.
    premium, accrued, protection : Tensor
        ``(contract, period)`` sums weighted with accrual, accrued premium, one.
    pay_times, default_times : ndarray
        ``(period,)`` years.
    rebate : Tensor
        ``(contract,)`` premium accrued before the valuation date, as a year fraction.
    rebate_time : float
        Years.
    """

    pay: Tensor
    start: Tensor
    end: Tensor
    premium: Tensor
    accrued: Tensor
    protection: Tensor
    pay_times: NDArray[np.float64]
    default_times: NDArray[np.float64]
    rebate: Tensor
    rebate_time: float

    def build(self, values: Tensor, curves: Mapping[str, DiscountCurve]) -> SurvivalCurve:
        spreads, loss = values[:-1], 1.0 - values[-1]
        discount = curves[self.needs[0]]
        legs = self._legs(discount)

        def residual(hazards: Tensor) -> Tensor:
            annuity, protection = legs(hazards)
            return (spreads * annuity - loss * protection) / loss

        hazards = solve_implicit(
            residual,
            spreads / loss,
            jacobian=self._jacobian(discount, spreads / loss),
            ids=self.quote_ids[:-1],
            what=f"survival curve {self.name}",
        )
        with torch.no_grad():
            if bool((hazards < 0.0).any()):
                self._arbitrage(hazards, spreads, loss, legs)
        return SurvivalCurve(self.name, self.times, hazards)

    def _legs(self, curve: DiscountCurve) -> _Legs:
        return _Legs(
            self,
            curve.discount(self.pay_times),
            curve.discount(self.default_times),
            self.rebate * curve.discount(self.rebate_time),
        )

    def _jacobian(self, curve: DiscountCurve, ratio: Tensor) -> _Jacobian:
        with torch.no_grad():
            paid, default = curve.discount(self.pay_times), curve.discount(self.default_times)
            premium = ratio.unsqueeze(1) * self.premium * paid
            default_leg = (ratio.unsqueeze(1) * self.accrued - self.protection) * default
        return _Jacobian(self, premium, default_leg)

    def _arbitrage(self, hazards: Tensor, spreads: Tensor, loss: Tensor, legs: _Legs) -> None:
        """Raise for the first pillar with a negative hazard, with the lowest spread that has none."""
        k = int((hazards < 0.0).nonzero()[0])
        floor = hazards.clone()
        floor[k:] = 0.0
        annuity, protection = legs(floor)
        lowest = float(loss * protection[k] / annuity[k])
        tenors = [quote_info(q).tenor for q in self.quote_ids[:-1]]
        since = f"after {tenors[k - 1]} ({float(spreads[k - 1]) * 1e4:.4g} bp)" if k else "from today"
        about = self.quote_ids[max(k - 1, 0) : k + 1]
        raise CalibrationError(
            f"CDS strip of {self.name} has an arbitrage at tenor {tenors[k]}: the hazard rate {since} would "
            f"be {float(hazards[k]):.6f}; expected {self.quote_ids[k]} of at least {lowest:.6g}, got "
            f"{float(spreads[k]):.6g} -> correct it or the quotes before it ({', '.join(about)})",
            about,
        )


@dataclass(frozen=True)
class _Legs:
    """Annuity and protection (per unit of loss) of each contract as functions of the hazards."""

    recipe: CdsRecipe
    paid: Tensor
    default: Tensor
    rebate: Tensor

    def __call__(self, hazards: Tensor) -> tuple[Tensor, Tensor]:
        r = self.recipe
        defaults = (torch.exp(-(r.start @ hazards)) - torch.exp(-(r.end @ hazards))) * self.default
        premiums = r.premium @ (torch.exp(-(r.pay @ hazards)) * self.paid)
        return premiums + r.accrued @ defaults - self.rebate, r.protection @ defaults


@dataclass(frozen=True)
class _Jacobian:
    recipe: CdsRecipe
    premium: Tensor
    default: Tensor

    def __call__(self, hazards: Tensor) -> Tensor:
        r = self.recipe
        at_pay = torch.exp(-(r.pay @ hazards)).unsqueeze(1) * r.pay
        at_start = torch.exp(-(r.start @ hazards)).unsqueeze(1) * r.start
        at_end = torch.exp(-(r.end @ hazards)).unsqueeze(1) * r.end
        return self.default @ (at_end - at_start) - self.premium @ at_pay


def cds_recipe(
    as_of: np.datetime64, name: str, quote_ids: Sequence[str], recovery_id: str, discount: str
) -> CdsRecipe:
    """Recipe of a name's survival curve from its CDS spreads (in any order) and recovery."""
    contracts = [contract_dates(as_of, quote_info(q).tenor) for q in quote_ids]
    order, times = order_by_date(f"survival curve {name}", as_of, quote_ids, [c.pillar for c in contracts])
    found = [contracts[k] for k in order]
    widths = torch.from_numpy(np.diff(times, prepend=0.0))
    to_integrals = torch.tril(torch.ones(len(times), len(times), dtype=torch.float64)) * widths

    def integrated(at: NDArray[np.float64]) -> Tensor:
        return interpolation_matrix(times, at) @ to_integrals

    pay_times = np.concatenate([c.pay for c in found])
    return CdsRecipe(
        name=name,
        quote_ids=(*(quote_ids[k] for k in order), recovery_id),
        needs=(discount,),
        times=times,
        pay=integrated(pay_times),
        start=integrated(np.concatenate([c.start for c in found])),
        end=integrated(np.concatenate([c.end for c in found])),
        premium=row_sums([c.accrual for c in found]),
        accrued=row_sums([c.accrued for c in found]),
        protection=row_sums([np.ones(len(c.pay)) for c in found]),
        pay_times=pay_times,
        default_times=np.concatenate([c.default for c in found]),
        rebate=torch.tensor([c.rebate for c in found], dtype=torch.float64),
        rebate_time=dates.years(as_of, dates.business_days(as_of, _REBATE_LAG, _CALENDAR)),
    )
