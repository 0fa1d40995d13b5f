"""Bachelier: European options on a normal forward, the market's quoting model for rates."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.numerics.normal import normal_cdf, normal_density
from xva.pricing.closed_form.domain import require


def bachelier(forward: Tensor, strike: Tensor, std_dev: Tensor, sign: int | Tensor = 1) -> Tensor:
    """Undiscounted ``E[max(sign (F_T - K), 0)]`` of a normal ``F_T``.

    Parameters
    ----------
    forward, strike : Tensor
        Any sign, broadcastable shapes, same unit.
    std_dev : Tensor
        Standard deviation of ``F_T``, ``normal_vol * sqrt(expiry)``, >= 0; the intrinsic value at 0.
    sign : {1, -1}
        1 a call (caplet, payer), -1 a put (floorlet, receiver).

    Returns
    -------
    Tensor
        Broadcast shape, in the unit of ``forward``. Nothing is checked: this runs inside the engine.
        `bachelier_option` and `xva.options.greeks` check.

    References
    ----------
    L. Bachelier, Théorie de la spéculation (1900).
    """
    alive = std_dev > 0
    deviation = torch.where(alive, std_dev, torch.ones_like(std_dev))
    moneyness = sign * (forward - strike)
    d = moneyness / deviation
    density = normal_density(d)
    payoff = torch.where(moneyness > 0, moneyness, torch.zeros_like(moneyness))
    return torch.where(alive, moneyness * normal_cdf(d) + deviation * density, payoff)


def bachelier_option(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    normal_vol: Tensor,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of a European option on a normal forward, discounted at ``rate``.

    Parameters
    ----------
    forward, strike : Tensor
        Any sign.
    expiry : Tensor
        Years, >= 0.
    rate, normal_vol : Tensor
        Continuous rate; volatility in the unit of the forward per square root of a year, >= 0.
    sign : {1, -1}

    Raises
    ------
    DomainError
        An argument outside its domain.
    """
    require(degenerate=True, forward=forward, strike=strike, expiry=expiry, rate=rate, normal_vol=normal_vol)
    return torch.exp(-rate * expiry) * bachelier(forward, strike, normal_vol * torch.sqrt(expiry), sign)
