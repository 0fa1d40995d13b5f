"""At-the-money normal swaption volatilities of a co-terminal strip to piecewise-constant LGM volatilities.

Expiry by expiry the model price depends on one number, ``zeta`` at that expiry; it is solved by Newton and attached
to the graph by the implicit function theorem. Every quote of the strip is repriced exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from xva.errors import CalibrationError
from xva.models.lgm import Lgm
from xva.models.lgm_swaption import swaption_terms, swaption_value
from xva.models.swaption_strip import LogDiscount, StripSwap, at_the_money


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


def lgm_vols(lgm: Lgm, strip: Sequence[StripSwap], discount: LogDiscount, projection: LogDiscount) -> Tensor:
    """At-the-money normal volatilities ``(swaption,)`` of a strip under a model."""
    found = []
    for swap in strip:
        weight, annuity = at_the_money(swap, discount, projection)
        h = lgm.h(swap.times)
        terms = swaption_terms(weight, h, h**2, lgm.zeta(swap.expiry))
        zero = weight.new_zeros(())
        found.append(swaption_value(terms, zero, zero) / (annuity * np.sqrt(swap.expiry / (2.0 * np.pi))))
    return torch.stack(found)


def _implied_zeta(
    swap: StripSwap, vol: Tensor, shell: Lgm, discount: LogDiscount, projection: LogDiscount
) -> Tensor:
    """zeta at the swaption's expiry that gives the quoted price, ``()``; first and second derivatives exact."""
    weight, annuity = at_the_money(swap, discount, projection)
    h = shell.h(swap.times)
    q = h**2
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
