"""Bachelier: European options on a normal forward, the market's quoting model for rates."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bachelier(forward: Tensor, strike: Tensor, std_dev: Tensor, sign: int = 1) -> Tensor:
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
        Broadcast shape, in the unit of ``forward``.

    References
    ----------
    L. Bachelier, Théorie de la spéculation (1900).
    """
    alive = std_dev > 0
    deviation = torch.where(alive, std_dev, torch.ones_like(std_dev))
    moneyness = sign * (forward - strike)
    d = moneyness / deviation
    density = torch.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)
    return torch.where(alive, moneyness * torch.special.ndtr(d) + deviation * density, torch.relu(moneyness))
