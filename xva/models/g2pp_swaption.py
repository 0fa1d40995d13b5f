"""European swaptions under G2++: one integral over the first factor, one exercise boundary in the second at each of its nodes.

Brigo & Mercurio (2006), theorem 4.2.3 (formula 4.31), in the deflated world: given the first factor at expiry the second is
Gaussian, the swap's value a sum of exponentials in it with one zero, and the option a sum of normal probabilities.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from xva.errors import TradeError
from xva.models.g2pp import G2pp
from xva.numerics.normal import normal_cdf

_SPAN_SD = 8.0
_NODES, _SHARES = np.polynomial.legendre.leggauss(128)
_GRID = 33
_NEWTON = 12


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
    # with the bond of expiry as numeraire the value is where the paths are
    return plane_swaption(weight, load - rates.loadings(expiry), rates.covariance(expiry), label)


def plane_swaption(weight: Tensor, load: Tensor, covariance: Tensor, label: str = "") -> Tensor:
    """`g2pp_swaption` of loads on states that have ``covariance`` ``(2, 2)`` at expiry and mean zero."""
    first = torch.sqrt(covariance[0, 0])
    slope = covariance[0, 1] / covariance[0, 0]
    rest = torch.sqrt(covariance[1, 1] - slope * covariance[0, 1])
    u = torch.from_numpy(_SPAN_SD * _NODES)
    density = torch.from_numpy(_SPAN_SD * _SHARES) * torch.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)
    # given the first factor, first u, the second is slope first u + rest v, v standard normal
    steep = load[:, 1] * rest
    along = (load[:, 0] + slope * load[:, 1]) * first
    half = 0.5 * torch.einsum("ti,ij,tj->t", load, covariance, load)
    term = weight[:, None] * torch.exp(-torch.outer(along, u) - half[:, None])
    boundary, sense = _boundary(term, steep, label)
    tilted = term * torch.exp(0.5 * steep**2)[:, None]
    probability = normal_cdf(sense * (-steep[:, None] - boundary))
    value: Tensor = (density * (tilted * probability).sum(0)).sum()
    return value


def _boundary(term: Tensor, steep: Tensor, label: str) -> tuple[Tensor, Tensor]:
    """Zeros ``(node,)`` in v of ``sum_i term_i exp(-steep_i v)``, and +1 where it is exercised above, -1 below.

    At the zero the swap is worth nothing, so that the price's error is of second order in the zero's: attached to the graph
    by one Newton step, whose own error is of second order, it leaves derivatives of the price up to the third exact.
    """
    with torch.no_grad():
        found, inside, sense = _zeros(term.detach(), steep.detach(), label)
        slope = -(steep[:, None] * term * torch.exp(-torch.outer(steep, found))).sum(0)
        slope = torch.where(inside, slope, torch.ones_like(slope))
    value = (term * torch.exp(-torch.outer(steep, found))).sum(0)
    return torch.where(inside, found - value / slope, found), sense


def _zeros(term: Tensor, steep: Tensor, label: str) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros, where they are within reach, and the sense of exercise: ``(node,)`` each."""

    def swap(v: Tensor) -> tuple[Tensor, Tensor]:
        each = term * torch.exp(-torch.outer(steep, v))
        return each.sum(0), -(steep[:, None] * each).sum(0)

    nodes = term.shape[1]
    grid = torch.linspace(-_SPAN_SD, _SPAN_SD, _GRID, dtype=torch.float64)
    signs = torch.sign(torch.exp(-torch.outer(grid, steep)) @ term)
    changes = signs[1:] * signs[:-1] < 0
    if bool((changes.sum(0) > 1).any()):
        raise TradeError(
            f"swaption {label}: expected one exercise boundary, but the underlying changes sign more than once in the "
            "second rates factor",
            [label],
        )
    inside, start = changes.any(0), signs[0]
    place = changes.to(torch.float64).argmax(0)
    lower, upper = grid[place], grid[place + 1]
    v = 0.5 * (lower + upper)
    for _ in range(_NEWTON):
        value, slope = swap(v)
        same = torch.sign(value) == start
        lower, upper = torch.where(same, v, lower), torch.where(same, upper, v)
        step = v - value / slope
        v = torch.where((step > lower) & (step < upper), step, 0.5 * (lower + upper))
    # always or never exercised as far as anything reaches: the boundary lies beyond it
    far = torch.where(start > 0, -torch.ones(nodes).double(), torch.ones(nodes).double()) * 4.0 * _SPAN_SD
    sense = torch.where(~inside | (start < 0), torch.ones(nodes).double(), -torch.ones(nodes).double())
    return torch.where(inside, v, far), inside, sense
