"""The underlyings of a currency's quoted swaption strip, and at the money what they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.market.conventions import swap_convention
from xva.market.indices import RateIndex
from xva.numerics.types import Floats


class LogDiscount(Protocol):
    def log_discount(self, time: Any) -> Tensor: ...


@dataclass(frozen=True)
class StripSwap:
    """Times of one underlying swap of the strip: the fixed leg of swaps quoted on ``index``, floating leg on it."""

    expiry: float
    tenor: float
    fixed_pay: Floats
    fixed_accrual: Floats
    float_start: Floats
    float_end: Floats

    @property
    def times(self) -> Floats:
        """Of the terms that `at_the_money` gives weights of."""
        return np.concatenate([self.float_start, self.float_end, self.fixed_pay])


def strip_swap(as_of: np.datetime64, index: RateIndex, expiry: float, maturity: np.datetime64) -> StripSwap:
    """The underlying that starts ``fixing_lag`` days after ``expiry`` and ends at ``maturity``."""
    expiry_date = dates.adjust(as_of + np.timedelta64(round(365.0 * expiry), "D"), index.calendar, "F")
    start = dates.business_days(expiry_date, index.fixing_lag, index.calendar)
    convention = swap_convention(index)
    fixed = dates.schedule(start, maturity, convention.fixed_frequency, index.calendar)
    floating = fixed if index.overnight else dates.schedule(start, maturity, index.tenor, index.calendar)
    accrual = [dates.year_fraction(convention.fixed_day_count, a, b) for a, b in zip(fixed[:-1], fixed[1:])]
    float_times = np.asarray(dates.years(as_of, floating))
    return StripSwap(
        float(dates.years(as_of, expiry_date)),
        float(dates.years(expiry_date, maturity)),
        np.asarray(dates.years(as_of, fixed[1:])),
        np.asarray(accrual, dtype=np.float64),
        float_times[:-1],
        float_times[1:],
    )


def at_the_money(swap: StripSwap, discount: LogDiscount, projection: LogDiscount) -> tuple[Tensor, Tensor]:
    """Today's values ``(term,)`` of the terms of the payer swap that is worth nothing, and its annuity ``()``."""
    log_float = (
        projection.log_discount(swap.float_start)
        - projection.log_discount(swap.float_end)
        + discount.log_discount(swap.float_end)
    )
    forward = torch.exp(log_float)
    paid = torch.exp(discount.log_discount(swap.float_end))
    fixed = torch.from_numpy(swap.fixed_accrual) * torch.exp(discount.log_discount(swap.fixed_pay))
    annuity = fixed.sum()
    strike = (forward - paid).sum() / annuity
    return torch.cat([forward, -paid, -strike * fixed]), annuity
