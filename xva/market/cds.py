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
from xva.market.cds_strip import Strip
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve, interpolation_matrix
from xva.market.labels import quote_info
from xva.market.recipes import Recipe, order_by_date
from xva.market.swaps import row_sums
from xva.numerics.implicit import attach

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

        with torch.no_grad():
            strip = self._strip(discount, spreads, loss)
            hazards = torch.from_numpy(strip.hazards())
            inverse = torch.linalg.inv(self._jacobian(discount, spreads / loss)(hazards))
        return SurvivalCurve(self.name, self.times, attach(residual, hazards, inverse))

    def _strip(self, discount: DiscountCurve, spreads: Tensor, loss: Tensor) -> Strip:
        weights = (self.premium, self.accrued, self.protection, self.pay, self.start, self.end)
        premium, accrued, protection, pay, start, end = (w.numpy() for w in weights)
        return Strip(
            self.name,
            self.quote_ids[:-1],
            spreads.numpy(),
            float(loss),
            premium * discount.discount(self.pay_times).numpy(),
            accrued * discount.discount(self.default_times).numpy(),
            protection * discount.discount(self.default_times).numpy(),
            (self.rebate * discount.discount(self.rebate_time)).numpy(),
            pay,
            start,
            end,
        )

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
