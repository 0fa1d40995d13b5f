"""At-the-money normal swaption volatilities of a co-terminal strip to piecewise-constant LGM volatilities.

Expiry by expiry the model price depends on one number, ``zeta`` at that expiry; it is solved by Newton and attached
to the graph by the implicit function theorem. Every quote of the strip is repriced exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from xva import dates
from xva.errors import CalibrationError
from xva.market.conventions import swap_convention
from xva.market.indices import RateIndex
from xva.models.lgm import Lgm
from xva.models.lgm_swaption import swaption_terms, swaption_value
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


def calibrate_lgm(
    currency: str,
    mean_reversion: Tensor,
    strip: Sequence[StripSwap],
    normal_vols: Tensor,
    discount: LogDiscount,
    projection: LogDiscount,
    quote_ids: Sequence[str] = (),
) -> Lgm:
    """LGM that reprices the strip.

    Parameters
    ----------
    strip : sequence of StripSwap
        By increasing expiry.
    normal_vols : Tensor
        ``(swaption,)`` at-the-money normal (Bachelier) volatilities.
    quote_ids : sequence of str
        One per swaption, named in errors.

    Raises
    ------
    CalibrationError
        Total variance would fall between two expiries, or a price is out of the model's reach.
    """
    times = np.array([s.expiry for s in strip])
    shell = Lgm(currency, mean_reversion, times, normal_vols.detach())
    zetas = torch.stack(
        [
            _implied_zeta(swap, vol, shell, discount, projection)
            for swap, vol in zip(strip, normal_vols.unbind())
        ]
    )
    growth = torch.exp(2.0 * mean_reversion * torch.from_numpy(np.append(0.0, times)))
    variance = torch.diff(zetas, prepend=zetas.new_zeros(1)) * 2.0 * mean_reversion / torch.diff(growth)
    bad = [k for k, v in enumerate(variance.tolist()) if not v > 0]
    if bad:
        ids = [quote_ids[k] if quote_ids else f"{currency} {times[k]:.2f}y" for k in bad]
        raise CalibrationError(
            f"LGM {currency}: expected total swaption variance to rise with expiry, but it falls at {', '.join(ids)}; "
            "raise these quotes, lower the earlier ones or the mean reversion",
            ids,
        )
    return Lgm(currency, mean_reversion, times, torch.sqrt(variance))


def atm_terms(
    swap: StripSwap, shell: Lgm, discount: LogDiscount, projection: LogDiscount
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``(weight, h, q)`` of the at-the-money payer swap, and its annuity ``()``."""
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
    h_start, h_end, h_fixed = shell.h(swap.float_start), shell.h(swap.float_end), shell.h(swap.fixed_pay)
    weight = torch.cat([forward, -paid, -strike * fixed])
    h = torch.cat([h_start, h_end, h_fixed])
    return weight, h, h**2, annuity


def _implied_zeta(
    swap: StripSwap, vol: Tensor, shell: Lgm, discount: LogDiscount, projection: LogDiscount
) -> Tensor:
    """zeta at the swaption's expiry that gives the quoted price, ``()``; first and second derivatives exact."""
    weight, h, q, annuity = atm_terms(swap, shell, discount, projection)
    target = annuity * vol * np.sqrt(swap.expiry / (2.0 * np.pi))

    def price(zeta: Tensor, w: Tensor, hh: Tensor, qq: Tensor) -> Tensor:
        terms = swaption_terms(w, hh, qq, zeta, f"{swap.expiry:.2f}y x {swap.tenor:.2f}y")
        return swaption_value(terms, zeta.new_zeros(()), zeta.new_zeros(()))

    fixed = (weight.detach(), h.detach(), q.detach())
    slope_at = float((-(fixed[0] * fixed[1]).sum()).detach())
    start = (float(target.detach()) * np.sqrt(2.0 * np.pi) / slope_at) ** 2
    zeta, slope = _newton(lambda z: price(z, *fixed), start, float(target.detach()))
    solved = weight.new_tensor(zeta)
    for _ in range(2):
        solved = solved - (price(solved, weight, h, q) - target) / slope
    return solved


def _newton(price: Callable[[Tensor], Tensor], start: float, target: float) -> tuple[float, float]:
    """Root of ``price(z) = target`` and the slope there, by Newton on sqrt(z), in which the price is nearly linear."""
    root = float(np.sqrt(start))
    for _ in range(50):
        with torch.enable_grad():  # the caller may well be without
            z = torch.tensor(root**2, dtype=torch.float64, requires_grad=True)
            value = price(z)
            (slope,) = torch.autograd.grad(value, z)
        step = (float(value.detach()) - target) / (float(slope) * 2.0 * root)
        root = max(root - step, 0.1 * root)
        if abs(step) < 1e-14 * root:
            return root**2, float(slope)
    if abs(step) < 1e-10 * root:
        return root**2, float(slope)
    raise CalibrationError(f"LGM: no variance reprices the swaption (last step {step:.1e})")
