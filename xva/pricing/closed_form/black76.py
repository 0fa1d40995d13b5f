"""Black (1976): European options on a lognormal forward. Many others in this folder are this one, reworded."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.numerics.normal import normal_cdf
from xva.pricing.closed_form.domain import require


def black76(forward: Tensor, strike: Tensor, std_dev: Tensor, sign: int | Tensor = 1) -> Tensor:
    """Undiscounted ``E[max(sign (F_T - K), 0)]`` of a lognormal ``F_T``.

    Parameters
    ----------
    forward, strike : Tensor
        Positive, any broadcastable shapes, same unit.
    std_dev : Tensor
        Standard deviation of ``ln F_T``, ``vol * sqrt(expiry)``, >= 0; the intrinsic value at 0.
    sign : {1, -1}
        1 a call, -1 a put.

    Returns
    -------
    Tensor
        Broadcast shape, in the unit of ``forward``; differentiable to any order where ``std_dev > 0``. Nothing is
        checked: this runs inside the engine. `black76_option` and `xva.options.greeks` check.

    References
    ----------
    F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976).
    """
    alive = std_dev > 0
    deviation = torch.where(alive, std_dev, torch.ones_like(std_dev))
    d1 = torch.log(forward / strike) / deviation + 0.5 * deviation
    value = forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * (d1 - deviation))
    payoff = sign * (forward - strike)
    return torch.where(alive, sign * value, torch.where(payoff > 0, payoff, torch.zeros_like(payoff)))


def black76_option(
    forward: Tensor,
    strike: Tensor,
    expiry: Tensor,
    rate: Tensor,
    vol: Tensor,
    sign: int | Tensor = 1,
) -> Tensor:
    """Value today of a European option on a forward, discounted at ``rate``; its Greeks are its derivatives.

    Parameters
    ----------
    forward, strike : Tensor
        Positive.
    expiry : Tensor
        Years, >= 0.
    rate, vol : Tensor
        Continuous rate; lognormal volatility of the forward, >= 0.
    sign : {1, -1}

    Raises
    ------
    DomainError
        An argument outside its domain.
    """
    require(
        positive=("forward", "strike"),
        degenerate=True,
        forward=forward,
        strike=strike,
        expiry=expiry,
        rate=rate,
        vol=vol,
    )
    return torch.exp(-rate * expiry) * black76(forward, strike, vol * torch.sqrt(expiry), sign)
