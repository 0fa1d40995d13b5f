"""Black (1976): European options on a lognormal forward. The others in this folder are this one, reworded."""

from __future__ import annotations

import torch
from torch import Tensor


def black76(forward: Tensor, strike: Tensor, std_dev: Tensor, sign: int = 1) -> Tensor:
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
        Broadcast shape, in the unit of ``forward``; differentiable to any order where ``std_dev > 0``.

    References
    ----------
    F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976).
    """
    alive = std_dev > 0
    deviation = torch.where(alive, std_dev, torch.ones_like(std_dev))
    d1 = torch.log(forward / strike) / deviation + 0.5 * deviation
    value = forward * torch.special.ndtr(sign * d1) - strike * torch.special.ndtr(sign * (d1 - deviation))
    return torch.where(alive, sign * value, torch.relu(sign * (forward - strike)))
