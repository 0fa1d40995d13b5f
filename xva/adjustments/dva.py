"""Debit valuation adjustment: the CVA that the counterparty sees on us."""

from __future__ import annotations

from numpy.typing import ArrayLike
from torch import Tensor

from xva.adjustments.adjustment import Adjustment, WeightInputs
from xva.adjustments.cva import cva, cva_weights
from xva.adjustments.interval_weights import Quadrature


def dva_weights(
    times: ArrayLike,
    survival_b: Tensor,
    survival_c: Tensor | None,
    lgd: Tensor | float,
    quadrature: Quadrature = "right",
) -> Tensor:
    """Weights of the discounted ENE in the DVA: `cva_weights` seen from the other side.

    Parameters
    ----------
    times : array_like
        ``(time,)`` year fractions, ``times[0] = 0``.
    survival_b : Tensor
        ``(..., time)`` our survival probabilities.
    survival_c : Tensor or None
        ``(..., time)`` the counterparty's, for first-to-default; None for unilateral.
    lgd : Tensor or float
        ``(...)`` our loss given default.
    quadrature : {"right", "trapezoid"}

    Returns
    -------
    Tensor
        ``(..., time)``, >= 0.
    """
    return cva_weights(times, survival_b, survival_c, lgd, quadrature)


def dva(
    times: ArrayLike,
    ene: Tensor,
    survival_b: Tensor,
    survival_c: Tensor | None,
    lgd: Tensor | float,
    quadrature: Quadrature = "right",
) -> Tensor:
    """DVA >= 0, a benefit, of the discounted expected negative exposure ``ene`` ``(..., time)`` >= 0."""
    return cva(times, ene, survival_b, survival_c, lgd, quadrature)


def _weights(m: WeightInputs) -> Tensor:
    return dva_weights(m.times, m.own, m.theirs if m.first_to_default else None, m.own_lgd, m.quadrature)


DVA = Adjustment(
    name="DVA", profile="ene", cost=False, total={"XVA": -1.0}, varies_by="variant", weights=_weights
)
