"""Credit valuation adjustment: what the counterparty's default is expected to cost us."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from xva.adjustments.adjustment import Adjustment, WeightInputs
from xva.adjustments.interval_weights import Quadrature, check_grid, column, interval_weights


def cva_weights(
    times: ArrayLike,
    survival_c: Tensor,
    survival_b: Tensor | None,
    lgd: Tensor | float,
    quadrature: Quadrature = "right",
) -> Tensor:
    """Weights of the discounted EPE in the CVA: ``CVA = sum_t w_t EPE_t``.

    With ``right``, ``w_i = LGD [S_C(t_{i-1}) - S_C(t_i)]``, times ``S_B(t_{i-1})`` first-to-default.

    Parameters
    ----------
    times : array_like
        ``(time,)`` Actual/365 (Fixed) year fractions, ``times[0] = 0``.
    survival_c : Tensor
        ``(..., time)`` survival probabilities of the counterparty at ``times``.
    survival_b : Tensor or None
        ``(..., time)`` ours, for first-to-default; None for unilateral.
    lgd : Tensor or float
        ``(...)`` loss given default of the counterparty, ``1 - recovery``.
    quadrature : {"right", "trapezoid"}

    Returns
    -------
    Tensor
        ``(..., time)``, >= 0; differentiable in survivals and ``lgd``.

    Raises
    ------
    DomainError
        A grid that does not start at 0 or curves of another length.
    """
    check_grid(times, survival_c=survival_c)
    defaults = column(lgd) * (survival_c[..., :-1] - survival_c[..., 1:])
    if survival_b is None:
        return interval_weights(defaults, torch.ones_like(survival_c), quadrature)
    check_grid(times, survival_b=survival_b)
    return interval_weights(defaults, survival_b, quadrature)


def cva(
    times: ArrayLike,
    epe: Tensor,
    survival_c: Tensor,
    survival_b: Tensor | None,
    lgd: Tensor | float,
    quadrature: Quadrature = "right",
) -> Tensor:
    """CVA >= 0, a cost, of the discounted expected positive exposure ``epe`` ``(..., time)``."""
    check_grid(times, epe=epe)
    return (cva_weights(times, survival_c, survival_b, lgd, quadrature) * epe).sum(-1)


def _weights(m: WeightInputs) -> Tensor:
    return cva_weights(m.times, m.theirs, m.own if m.first_to_default else None, m.their_lgd, m.quadrature)


CVA = Adjustment(
    name="CVA", profile="epe", cost=True, total={"XVA": 1.0}, varies_by="variant", weights=_weights
)
