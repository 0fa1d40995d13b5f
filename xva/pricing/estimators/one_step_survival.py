"""One-step survival: a step's normals given that a price stays on its side of a level, and the probability of it.

Both are smooth in the state before and in every parameter, so that values weighted by the probability stay unbiased and
their pathwise derivatives become so. P. Glasserman and J. Staum, Operations Research 49 (2001); T. Alm, B. Harrach,
D. Harrach and M. Keller, Journal of Computational Finance 17 (2013).
"""

from __future__ import annotations

from torch import Tensor

from xva.numerics.normal import TINY, normal_cdf, normals_below


def surviving_normals(
    normals: Tensor, direction: Tensor, bound: Tensor, side: float
) -> tuple[Tensor, Tensor]:
    """Normals of paths that do not cross, and the probability of that.

    Parameters
    ----------
    normals : Tensor
        ``(normal, path)`` of the step.
    direction : Tensor
        ``(normal, path)`` or ``(normal, 1)`` of unit length: how the log price loads on them.
    bound : Tensor
        ``(path,)`` deviations from the mean to the level, positive where the mean is on the surviving side.
    side : {1.0, -1.0}
        1 where the level is crossed from below.

    Returns
    -------
    Tensor, Tensor
        ``(normal, path)``, with what is across ``direction`` as it was; ``(path,)``, at least `TINY`.
    """
    along = side * (direction * normals).sum(0)
    inside = normals_below(along, bound)
    return normals + side * direction * (inside - along), normal_cdf(bound).clamp_min(TINY)


def crossing_normals(normals: Tensor, direction: Tensor, bound: Tensor, side: float) -> tuple[Tensor, Tensor]:
    """The same of paths that cross; their probability may be 0."""
    along = side * (direction * normals).sum(0)
    outside = -normals_below(-along, -bound)
    return normals + side * direction * (outside - along), normal_cdf(-bound)
