"""European swaptions under G2++: one integral over the first factor, one exercise boundary in the second at each of its nodes.

Brigo & Mercurio (2006), theorem 4.2.3 (formula 4.31), in the deflated world: given the first factor at expiry the second is
Gaussian, the swap's value a sum of exponentials in it with one zero, and the option a sum of normal probabilities. At the
zero the swap is worth nothing, so that to first order its place does not matter: derivatives hold it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xva.errors import TradeError
from xva.models.g2pp import G2pp
from xva.numerics.normal import normal_cdf

_NODES = 128
_SPAN_SD = 8.0
_BISECTIONS = 80


def g2pp_swaption(weight: Tensor, load: Tensor, rates: G2pp, expiry: float, label: str = "") -> Tensor:
    """Value today of the right to receive ``sum_i weight_i exp(-load_i . x - load_i Z load_i/2)`` at ``expiry``, ``()``.

    Parameters
    ----------
    weight : Tensor
        ``(term,)`` today's values of the terms.
    load : Tensor
        ``(term, 2)``.

    Raises
    ------
    TradeError
        The underlying's value changes sign more than once in the second factor, so there is no single exercise boundary.
    """
    load = load - rates.loadings(expiry)  # the bond of expiry as numeraire: the value is where the paths are
    z = rates.covariance(expiry)
    first = torch.sqrt(z[0, 0])
    slope = z[0, 1] / z[0, 0]
    rest = torch.sqrt(z[1, 1] - slope * z[0, 1])
    node, share = np.polynomial.legendre.leggauss(_NODES)
    u = torch.from_numpy(_SPAN_SD * node)
    density = torch.from_numpy(_SPAN_SD * share) * torch.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)
    x = first * u
    # given x the second factor is slope x + rest v, v standard normal
    steep = load[:, 1] * rest
    along = load[:, 0] + slope * load[:, 1]
    log = -torch.outer(along, x) - rates.half_variance(load, expiry)[:, None]
    term = weight[:, None] * torch.exp(log)
    boundary, sense = _boundary(term.detach(), steep.detach(), label)
    tilted = term * torch.exp(0.5 * steep**2)[:, None]
    probability = normal_cdf(sense * (-steep[:, None] - boundary))
    value: Tensor = (density * (tilted * probability).sum(0)).sum()
    return value


def _boundary(term: Tensor, steep: Tensor, label: str) -> tuple[Tensor, Tensor]:
    """Zeros ``(node,)`` in v of ``sum_i term_i exp(-steep_i v)``, and +1 where it is exercised above, -1 below."""

    def swap(v: Tensor) -> Tensor:
        return (term * torch.exp(-torch.outer(steep, v))).sum(0)

    nodes = term.shape[1]
    lower, upper = -_SPAN_SD * torch.ones(nodes).double(), _SPAN_SD * torch.ones(nodes).double()
    grid = torch.linspace(-_SPAN_SD, _SPAN_SD, 33, dtype=torch.float64)
    signs = torch.stack([torch.sign(swap(v.expand(nodes))) for v in grid])
    if bool(((signs[1:] * signs[:-1] < 0).sum(0) > 1).any()):
        raise TradeError(
            f"swaption {label}: expected one exercise boundary, but the underlying changes sign more than once in the "
            "second rates factor",
            [label],
        )
    start = signs[0]
    for _ in range(_BISECTIONS):
        middle = 0.5 * (lower + upper)
        same = torch.sign(swap(middle)) == start
        lower, upper = torch.where(same, middle, lower), torch.where(same, upper, middle)
    # always or never exercised as far as anything reaches: the boundary lies beyond it
    always = signs[0] * signs[-1] > 0
    far = torch.where(start > 0, -torch.ones_like(lower), torch.ones_like(lower)) * 4.0 * _SPAN_SD
    sense = torch.where(always | (start < 0), torch.ones_like(lower), -torch.ones_like(lower))
    return torch.where(always, far, 0.5 * (lower + upper)), sense
