"""Tree values as a function of the market that AD may differentiate as far as that is right."""

from __future__ import annotations

import torch
from torch import Tensor

from xva.options.lattice.lattice import Lattice
from xva.options.lattice.once import once_differentiable
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import Scheme, build_tree
from xva.options.lattice.value import american, european


def price(options: LatticeOptions, steps: int, scheme: Scheme = "crr") -> Tensor:
    """Value today of each option on its tree, to the holder.

    First derivatives by AD are the tree's own, what an infinitely small bump gives. Second derivatives by AD are right
    for European options on Leisen-Reimer trees only: on a CRR tree the value is piecewise linear in the spot, so gamma
    would be exactly 0, and vanna and volga miss the same kinks; with early exercise they miss the moving boundary. Asking
    for those is an error; `greeks` has the right ones by other means. On a CRR tree it also has first derivatives without
    the jumps that AD's carry where a node crosses the strike (up to 2 % of delta and vega at 1,000 steps).

    Parameters
    ----------
    options : LatticeOptions
    steps : int
        At least 2, odd for ``"leisen_reimer"``.
    scheme : {"crr", "crr_textbook", "leisen_reimer"}
        See `build_tree`.

    Returns
    -------
    Tensor
        ``(option,)``. Distance to the continuous model: order 1/steps (European Leisen-Reimer 1/steps^2). American
        values leave out nodes that matter less than about 1e-13 of the strike.

    Raises
    ------
    DomainError
        No such tree; or, from a second backward pass, a second derivative that would be false.
    """
    lattice = Lattice.of(options, build_tree(options, steps, scheme))
    early, late = options.american.nonzero()[:, 0], (~options.american).nonzero()[:, 0]
    parts = []
    if len(early):
        parts.append(american(_once(lattice.take(early)))[0])
    if len(late):
        some = lattice.take(late)
        parts.append(european(some if scheme == "leisen_reimer" else _once(some)))
    return torch.cat(parts)[torch.argsort(torch.cat([early, late]))]


def _once(lattice: Lattice) -> Lattice:
    return lattice.with_inputs(*once_differentiable(lattice.inputs))
