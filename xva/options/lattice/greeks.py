"""Values and Greeks of a batch on trees, each number by a method that is right for it.

A tree's value is smooth in its market as long as its nodes keep their places among strike and exercise boundary; AD is
exact there, and blind to a node that crosses. What that means:

- CRR, first order: AD's delta and vega jump whenever a node crosses the strike, errors of order 1/sqrt(steps). Moving
  spot and vol together, ``ln(S/K)/vol`` kept, leaves every node on its side: *along the strike* AD has no jumps. Delta
  comes from the tree's values today at places -2, 0, 2 (the tree started two steps earlier), and vega is the derivative
  along the strike less delta's part in it; theta follows, for values depend on vol and time through vol^2 T.
- CRR, second order: AD's gamma is exactly 0. Gamma comes from the same nodes; vanna and volga are derivatives along the
  strike of the nodes' delta and of that first derivative, less the parts of gamma, delta and vanna.
- Early exercise: AD at a fixed boundary is right to first order and wrong by a term of order one to second (the
  boundary moves). Derivatives along the strike are then differences over +-5 % of vol, in which many nodes cross it.
- European Leisen-Reimer: the strike is between the two middle nodes in every market. AD is right to any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.autograd import grad

from xva.options.lattice.lattice import Lattice
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import Scheme, build_tree
from xva.options.lattice.result import NUMBERS, LatticeGreeks
from xva.options.lattice.value import american, european

_BUMP = 0.05  # of vol: a curvature error near 0.1 %, and hundreds of boundary crossings at 1,000 steps
_SCALES = (1.0, 1.0 - _BUMP, 1.0 + _BUMP)

_NODES = "tree nodes at places -2, 0, 2 today (AD of a CRR tree: jumps where a node crosses the strike)"
_NODE_GAMMA = "tree nodes at places -2, 0, 2 today (AD: {})"
_ALONG = "AD along the strike, less the nodes' delta"
_FALSE = "AD at a fixed boundary is false"
_METHODS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "crr": {
        "european": {
            "value": "binomial sum",
            "delta": _NODES,
            "vega": _ALONG,
            "rho": "AD",
            "theta": _ALONG,
            "gamma": _NODE_GAMMA.format("exactly 0, false"),
            "vanna": "AD of the nodes' delta along the strike",
            "volga": "AD along the strike twice, less vanna, gamma and delta",
        },
        "american": {
            "value": "rollback",
            "delta": _NODES,
            "vega": _ALONG,
            "rho": "AD",
            "theta": _ALONG,
            "gamma": _NODE_GAMMA.format("exactly 0, false"),
            "vanna": f"difference of the nodes' deltas along the strike ({_FALSE})",
            "volga": f"difference of AD along the strike, less vanna, gamma and delta ({_FALSE})",
        },
    },
    "leisen_reimer": {
        "european": {"value": "binomial sum"} | dict.fromkeys(NUMBERS[1:], "AD"),
        "american": {"value": "rollback"}
        | dict.fromkeys(("delta", "vega", "rho", "theta"), "AD")
        | {
            "gamma": _NODE_GAMMA.format("at a fixed boundary, false"),
            "vanna": f"difference of the nodes' deltas along the strike ({_FALSE})",
            "volga": f"difference of AD along the strike, less vanna, gamma and delta ({_FALSE})",
        },
    },
}
_EXERCISED = dict.fromkeys(NUMBERS, "exercised today: intrinsic value")


def greeks(options: LatticeOptions, steps: int, scheme: Scheme = "crr") -> LatticeGreeks:
    """Value, delta, vega, rho, theta, gamma, vanna and volga of each option, with the method of each number.

    Parameters
    ----------
    options : LatticeOptions
        Their graph is ignored.
    steps : int
        At least 2, odd for ``"leisen_reimer"``.
    scheme : {"crr", "crr_textbook", "leisen_reimer"}
        See `build_tree`.

    Returns
    -------
    LatticeGreeks
        ``(option,)`` each. At 1,000 steps and in units of a number's largest over spots: first order right to 2e-3,
        second order to 1e-2 (European Leisen-Reimer: both to 1e-6). Within two nodes of the exercise boundary today,
        where gamma jumps, vega, vanna and volga are off by up to 20 %.

    Raises
    ------
    DomainError
        No such tree, in a market bumped by 5 % of vol for American options too.
    """
    _check_trees(options, steps, scheme)
    early, late = options.american.nonzero()[:, 0], (~options.american).nonzero()[:, 0]
    results, kinds = [], [""] * len(options)
    for which, name in ((early, "american"), (late, "european")):
        if len(which) == 0:
            continue
        some = _detached(options.take(which))
        numbers = _american(some, steps, scheme) if name == "american" else _european(some, steps, scheme)
        exercised = some.american & (numbers["value"] <= some.sign * (some.spot - some.strike))
        for k, gone in zip(which.tolist(), exercised.tolist()):
            kinds[k] = "exercised" if gone else name
        results.append(_settle(numbers, some.sign, exercised))
    back = torch.argsort(torch.cat([early, late]))
    joined = {n: torch.cat([r[n] for r in results])[back].detach() for n in NUMBERS}
    family = "leisen_reimer" if scheme == "leisen_reimer" else "crr"
    return LatticeGreeks(**joined, kind=tuple(kinds), method={**_METHODS[family], "exercised": _EXERCISED})


def _check_trees(options: LatticeOptions, steps: int, scheme: Scheme) -> None:
    """That all trees exist, on the whole batch, where an error knows an option's place."""
    for scale in _SCALES:
        vol = torch.where(options.american, scale * options.vol, options.vol)
        build_tree(_along_strike(options, vol), steps, scheme)


def _european(options: LatticeOptions, steps: int, scheme: Scheme) -> dict[str, Tensor]:
    if scheme == "leisen_reimer":
        return _all_by_ad(options, steps)
    first = _first_order(options, steps, scheme)
    vol = options.vol.clone().requires_grad_()
    moved = _along_strike(options, vol)
    lattice = Lattice.of(moved, build_tree(moved, steps, scheme))
    root, near, far = (european(lattice, place) for place in (0, -2, 2))
    delta, gamma = _from_nodes(lattice, root, near, far)
    slope = grad(root.sum(), vol, create_graph=True)[0]
    curvature, delta_slope = grad(slope.sum(), vol, retain_graph=True)[0], grad(delta.sum(), vol)[0]
    along = _Along(delta, gamma, slope, curvature, delta_slope)
    return _aligned(options, first, along) | _second_order(options, along)


def _american(options: LatticeOptions, steps: int, scheme: Scheme) -> dict[str, Tensor]:
    """The market, and the two along the strike, as one batch."""
    n = len(options)
    markets = [_along_strike(options, scale * options.vol).market for scale in _SCALES]
    three = options.take(torch.arange(n, device=options.spot.device).repeat(3))
    three = three.with_market(*map(torch.cat, zip(*markets)))
    every = _first_order(three, steps, scheme)
    slopes = every["vega"] + _spot_per_vol(three) * every["delta"]
    (slope, low, high), (delta, delta_low, delta_high) = slopes.chunk(3), every["node_delta"].chunk(3)
    width = 2.0 * _BUMP * options.vol
    along = _Along(delta, every["gamma"][:n], slope, (high - low) / width, (delta_high - delta_low) / width)
    first = {name: every[name][:n] for name in ("value", "delta", "vega", "rho", "theta")}
    if scheme != "leisen_reimer":
        first = _aligned(options, first, along)
    return first | _second_order(options, along)


@final
@dataclass(frozen=True, eq=False)
class _Along:
    """Delta and gamma of the nodes, and derivatives by vol along the strike: of the value, twice, and of delta."""

    delta: Tensor
    gamma: Tensor
    slope: Tensor
    curvature: Tensor
    delta_slope: Tensor


def _along_strike(options: LatticeOptions, vol: Tensor) -> LatticeOptions:
    """At this vol, with the spot at as many deviations from the strike as before."""
    distance = torch.log(options.spot / options.strike) / options.vol
    spot = options.strike * torch.exp(distance * vol)
    return options.with_market(spot, *options.market[1:5], vol)


def _spot_per_vol(options: LatticeOptions) -> Tensor:
    return options.spot * torch.log(options.spot / options.strike) / options.vol


def _second_order(options: LatticeOptions, along: _Along) -> dict[str, Tensor]:
    """Chain rule of ``V(S(vol), vol)`` along the strike, solved for the partial derivatives."""
    moved = _spot_per_vol(options)
    twice = moved * torch.log(options.spot / options.strike) / options.vol
    vanna = along.delta_slope - moved * along.gamma
    spots_part = 2.0 * moved * vanna + moved * moved * along.gamma + twice * along.delta
    return {"gamma": along.gamma, "vanna": vanna, "volga": along.curvature - spots_part}


def _aligned(options: LatticeOptions, first: dict[str, Tensor], along: _Along) -> dict[str, Tensor]:
    """Delta of the nodes, and vega and theta that go with it: value = f(vol^2 T, rT, qT)."""
    vega = along.slope - _spot_per_vol(options) * along.delta
    theta = first["theta"] - 0.5 * options.vol / options.expiry * (vega - first["vega"])
    return first | {"delta": along.delta, "vega": vega, "theta": theta}


def _first_order(options: LatticeOptions, steps: int, scheme: Scheme) -> dict[str, Tensor]:
    """By AD; of American options the nodes' numbers too."""
    leaves = [x.clone().requires_grad_() for x in options.market]
    watched = options.with_market(*leaves)
    lattice = Lattice.of(watched, build_tree(watched, steps, scheme))
    nodes = {}
    if bool(options.american.any()):
        value, near, far = american(lattice)
        nodes["node_delta"], nodes["gamma"] = _from_nodes(lattice, value, near, far)
    else:
        value = european(lattice)
    delta, _, expiry, rho, _, vega = grad(value.sum(), leaves)
    return {"value": value, "delta": delta, "vega": vega, "rho": rho, "theta": -expiry} | nodes


def _from_nodes(lattice: Lattice, value: Tensor, near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Delta and gamma of the parabola in the spot through the three nodes: exact where the value is linear."""
    below, above = (lattice.spot * torch.expm1(side * lattice.spread) for side in (-2.0, 2.0))
    to_near, to_far = (near - value) / below, (far - value) / above
    gamma = 2.0 * (to_far - to_near) / (above - below)
    return to_far - 0.5 * gamma * above, gamma


def _all_by_ad(options: LatticeOptions, steps: int) -> dict[str, Tensor]:
    leaves = [x.clone().requires_grad_() for x in options.market]
    watched = options.with_market(*leaves)
    value = european(Lattice.of(watched, build_tree(watched, steps, "leisen_reimer")))
    delta, _, expiry, rho, _, vega = grad(value.sum(), leaves, create_graph=True)
    gamma, vanna = grad(delta.sum(), [leaves[0], leaves[5]], retain_graph=True)
    (volga,) = grad(vega.sum(), leaves[5])
    numbers = {"value": value, "delta": delta, "vega": vega, "rho": rho, "theta": -expiry}
    return numbers | {"gamma": gamma, "vanna": vanna, "volga": volga}


def _settle(numbers: dict[str, Tensor], sign: Tensor, exercised: Tensor) -> dict[str, Tensor]:
    """Where the option is exercised today: its sign as delta, and nothing else moves it."""
    fixed = {"value": numbers["value"], "delta": sign}
    nought = torch.zeros_like(sign)
    return {n: torch.where(exercised, fixed.get(n, nought), x) for n, x in numbers.items() if n in NUMBERS}


def _detached(options: LatticeOptions) -> LatticeOptions:
    return options.with_market(*(x.detach() for x in options.market))
