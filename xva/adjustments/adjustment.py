"""What an adjustment is: a name, the profile that it weighs, its sign in the totals, and its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from xva.adjustments.interval_weights import Quadrature
from xva.errors import DomainError

Variant = Literal["unilateral", "first_to_default"]
"""Which defaults count: all of one side's, or only those before the other side's."""


@dataclass(frozen=True, kw_only=True)
class WeightInputs:
    """What an adjustment's weights are made of, of one netting set on the grid ``times`` ``(time,)``.

    ``theirs``, ``own`` are survival probabilities, ``ois``, ``borrow``, ``lend`` discount factors, all ``(time,)``; losses
    given default ``()``. ``first_to_default`` counts a default only where the other side is alive; ``funding`` is one of
    `fva.Funding`.
    """

    times: NDArray[np.float64]
    theirs: Tensor
    own: Tensor
    their_lgd: Tensor | float
    own_lgd: Tensor | float
    ois: Tensor
    borrow: Tensor
    lend: Tensor
    first_to_default: bool
    funding: str
    quadrature: Quadrature


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """A valuation adjustment that is linear in a profile: its value is ``sum_t weights_t profile_t``, >= 0.

    Parameters
    ----------
    name : str
    profile : "epe" or "ene"
        The discounted profile that it weighs.
    cost : bool
        Whether it costs us; a benefit otherwise.
    total : dict
        Its coefficient in each total of `registry.TOTALS`; not named: no part of it.
    varies_by : "variant" or "funding"
        The option whose alternatives are reported beside the job's own.
    weights : callable
        ``(time,)`` from `WeightInputs`, differentiable in curves and losses.
    """

    name: str
    profile: Literal["epe", "ene"]
    cost: bool
    total: dict[str, float]
    varies_by: Literal["variant", "funding"]
    weights: Callable[[WeightInputs], Tensor]

    def __post_init__(self) -> None:
        if self.profile not in ("epe", "ene"):
            raise DomainError(f"adjustment {self.name}: expected profile epe or ene, got {self.profile!r}")
