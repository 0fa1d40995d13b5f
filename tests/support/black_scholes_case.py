"""PyChebyshev's documented 5-D Black-Scholes test: the box, the function, and its exact Greeks by AD."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogates.chebyshev import Axis, Box
from xva.pricing.closed_form.black_scholes import black_scholes

BOX = Box(
    (
        Axis("spot", 80.0, 120.0, "EUR"),
        Axis("strike", 90.0, 110.0, "EUR"),
        Axis("expiry", 0.25, 1.0, "year"),
        Axis("vol", 0.15, 0.35, "per root year"),
        Axis("rate", 0.01, 0.08, "per year"),
    )
)
COUNTS = (11,) * 5
GREEKS = {
    "price": BOX.order(),
    "delta": BOX.order(spot=1),
    "gamma": BOX.order(spot=2),
    "vega": BOX.order(vol=1),
    "rho": BOX.order(rate=1),
    "theta": BOX.order(expiry=1),
}
ORDERS = list(GREEKS.values())


def price(points: Tensor) -> Tensor:
    spot, strike, expiry, vol, rate = points.unbind(-1)
    return black_scholes(spot, strike, expiry, rate, vol, 0.02)


def function(points: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = price(torch.from_numpy(points)).numpy()
    return found


def sample(box: Box, count: int, seed: int = 1) -> Tensor:
    """Uniform points of a box."""
    generator = torch.Generator().manual_seed(seed)
    lower, upper = box.bounds(torch.empty(0, dtype=torch.float64))
    return lower + (upper - lower) * torch.rand(count, len(box), generator=generator, dtype=torch.float64)


def exact(points: Tensor) -> Tensor:
    """Price and five Greeks ``(point, 6)`` of the closed form, in the order of `GREEKS`."""
    x = points.clone().requires_grad_()
    value = price(x)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first[:, 0].sum(), x)
    columns = [value, first[:, 0], second[:, 0], first[:, 3], first[:, 4], first[:, 2]]
    return torch.stack(columns, 1).detach()
