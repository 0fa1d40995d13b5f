"""European swaptions under LGM: one exercise root, then a sum of bond options (Jamshidian 1989).

The root depends on the market but not on the path. At the root the swap is worth nothing, so to first order the
price does not move with it; it is attached to the graph all the same, because a physically settled swaption's
exposure after expiry does move, and so do second derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from xva.errors import TradeError
from xva.numerics.normal import normal_cdf

_SEARCH_SD = 12.0


@dataclass(frozen=True)
class SwaptionTerms:
    """The underlying at expiry, ``sum_i weight_i exp(-h_i x - q_i zeta_e/2)``, and where it is exercised.

    ``sense`` +1: exercised for ``x > root`` (payer), -1: for ``x < root``.
    """

    weight: Tensor
    h: Tensor
    q: Tensor
    zeta_expiry: Tensor
    root: Tensor
    sense: int


def swaption_terms(weight: Tensor, h: Tensor, q: Tensor, zeta: Tensor, label: str = "") -> SwaptionTerms:
    """Find the exercise boundary of the right to enter these terms ``(term,)``; ``zeta`` ``()`` is that of expiry.

    Raises
    ------
    TradeError
        The underlying's value changes sign more than once in the state, so there is no single exercise boundary.
    """
    z = float(zeta.detach())
    slopes = h.detach().numpy()
    scaled = (weight * torch.exp(-0.5 * q * zeta)).detach().numpy()

    def swap(x: float) -> float:
        return float(scaled @ np.exp(-slopes * x))

    width = _SEARCH_SD * np.sqrt(z)
    grid = np.linspace(-width, width, 49)
    signs = np.sign(np.exp(-np.outer(grid, slopes)) @ scaled)
    changes = np.flatnonzero(signs[1:] * signs[:-1] < 0)
    if len(changes) > 1:
        raise TradeError(
            f"swaption {label}: expected one exercise boundary, but the underlying changes sign "
            f"{len(changes)} times in the rate",
            [label],
        )
    if len(changes) == 0:  # always or never exercised as far as any path reaches
        root = weight.new_tensor(-width if signs[0] > 0 else width)
        return SwaptionTerms(weight, h, q, zeta, root, 1)
    k = int(changes[0])
    start = float(brentq(swap, grid[k], grid[k + 1], xtol=1e-15, rtol=1e-14))
    slope = float(-(scaled * slopes) @ np.exp(-slopes * start))
    root = weight.new_tensor(start)
    for _ in range(2):  # Newton steps with a frozen slope: exact first and second derivatives
        root = root - (weight * torch.exp(-h * root - 0.5 * q * zeta)).sum() / slope
    return SwaptionTerms(weight, h, q, zeta, root, 1 if slope > 0 else -1)


def swaption_value(terms: SwaptionTerms, x: Tensor, zeta: Tensor) -> Tensor:
    """Deflated value to the holder at states ``x`` (any shape) with ``zeta`` (broadcastable) < zeta at expiry."""
    remaining = (terms.zeta_expiry - zeta)[..., None]
    state = x[..., None]
    tilt = terms.h * remaining
    growth = torch.exp(-terms.h * state + 0.5 * terms.h * tilt - 0.5 * terms.q * terms.zeta_expiry)
    probability = normal_cdf(terms.sense * (state - tilt - terms.root) / torch.sqrt(remaining))
    value: Tensor = (terms.weight * growth * probability).sum(-1)
    return value
