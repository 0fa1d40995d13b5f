"""At-the-money FX and equity volatilities to piecewise-constant spot volatilities, rates being stochastic.

The forward to T has variance ``int_0^T |sigma dW_X + sum_j s_j (H_j(T) - H_j(u)) alpha_j dW_j|^2 du``; each pillar
adds one unknown to a quadratic equation, solved in closed form, so the calibration is differentiable as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xva.errors import CalibrationError
from xva.models.rates_model import RatesModel
from xva.numerics.quadrature import composite_rule


@dataclass(frozen=True)
class RateLeg:
    """One rates factor's part in the forward: sign, its currency's model and number, correlation with the asset's driver."""

    sign: float
    rates: RatesModel
    factor: int
    asset_correlation: Tensor


def calibrate_lognormal(
    name: str,
    times: NDArray[np.float64],
    implied: Tensor,
    legs: Sequence[RateLeg],
    rate_correlation: Tensor,
    quote_ids: Sequence[str] = (),
) -> Tensor:
    """Piecewise-constant volatilities ``(pillar,)`` that reprice the implied ones exactly.

    Parameters
    ----------
    times : ndarray
        ``(pillar,)`` option expiries in years.
    implied : Tensor
        ``(pillar,)`` quoted lognormal volatilities of the forward.
    legs : sequence of RateLeg
        Domestic (+) and foreign (-) rates factors for FX; the equity's own currency's (+) for an equity.
    rate_correlation : Tensor
        ``(leg, leg)`` correlation between the legs' drivers.

    Raises
    ------
    CalibrationError
        The quoted variance is smaller than what rates and earlier pillars already use up.
    """
    rule = composite_rule(np.append(0.0, times), np.concatenate([leg.rates.breaks for leg in legs]))
    load = [_rate_loading(leg, times, rule.points) for leg in legs]
    seen = torch.from_numpy((rule.points[None, :] < times[:, None]).astype(np.float64))
    pairs = sum(
        rate_correlation[i, j] * load[i] * load[j] for i in range(len(legs)) for j in range(len(legs))
    )
    own = sum(leg.asset_correlation * c for leg, c in zip(legs, load))
    rates_variance = rule.integrate((pairs * seen).T).sum(0)
    cross = rule.integrate((own * seen).T).T
    span = np.diff(np.append(0.0, times))
    sigmas: list[Tensor] = []
    for k in range(len(times)):
        used = rates_variance[k] - implied[k] ** 2 * float(times[k])
        for i, sigma in enumerate(sigmas):
            used = used + sigma**2 * float(span[i]) + 2.0 * sigma * cross[k, i]
        root = cross[k, k] ** 2 - float(span[k]) * used
        if float(root.detach()) <= 0 or float(used.detach()) >= 0:
            ids = [quote_ids[k]] if quote_ids else [name]
            raise CalibrationError(
                f"volatility of {name} at {times[k]:.2f}y ({ids[0]} = {float(implied[k].detach()):.4f}): expected a "
                f"variance above what rates and earlier expiries use up, got {float(used.detach()):+.2e} too little; "
                "raise this quote, lower the one before or the swaption volatilities",
                ids,
            )
        sigmas.append((torch.sqrt(root) - cross[k, k]) / float(span[k]))
    return torch.stack(sigmas)


def _rate_loading(leg: RateLeg, times: NDArray[np.float64], points: NDArray[np.float64]) -> Tensor:
    """``(pillar, point)`` signed loading ``s (H(T) - H(u)) alpha(u)``."""
    then, now = (leg.rates.loadings(t)[:, leg.factor] for t in (times, points))
    return leg.sign * (then[:, None] - now[None, :]) * leg.rates.volatilities(points)[:, leg.factor]
