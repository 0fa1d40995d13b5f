"""Funding valuation adjustments: FCA (cost of funding our exposure), FBA (benefit), FVA = FCA - FBA.

ORE's formula (``staticcreditxvacalculator.cpp``), with variants; see DESIGN.md section 3.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from xva.adjustments.quadrature import Quadrature, check_grid, interval_weights
from xva.errors import DomainError

Funding = Literal["curve", "curve_ex_own", "curve_ex_all", "discounted_spread"]


def fca_weights(
    times: ArrayLike,
    survival_c: Tensor,
    survival_b: Tensor,
    borrow: Tensor,
    ois: Tensor,
    funding: Funding = "curve",
    quadrature: Quadrature = "right",
) -> Tensor:
    """Weights of the discounted EPE in the FCA: ``FCA = sum_t w_t EPE_t``.

    Parameters
    ----------
    times : array_like
        ``(time,)`` year fractions, ``times[0] = 0``.
    survival_c, survival_b : Tensor
        ``(..., time)`` survival probabilities of the counterparty and ours.
    borrow, ois : Tensor
        ``(..., time)`` discount factors of our borrowing curve and of the OIS curve.
    funding : {"curve", "curve_ex_own", "curve_ex_all", "discounted_spread"}
        ``curve``: ``S_C S_B [B_b(t_{i-1})/B_b(t_i) - B_o(t_{i-1})/B_o(t_i)]`` with survivals at
        ``t_{i-1}``; ``_ex_own`` without ``S_B``, ``_ex_all`` without both; ``discounted_spread``:
        ``F(t_{i-1}) - F(t_i)`` with ``F = B_b / B_o``, no survivals.
    quadrature : {"right", "trapezoid"}

    Returns
    -------
    Tensor
        ``(..., time)``; >= 0 where the funding spread is.

    Raises
    ------
    DomainError
        An unknown variant, a grid that does not start at 0, or curves of another length.
    """
    check_grid(times, survival_c=survival_c, survival_b=survival_b, borrow=borrow, ois=ois)
    return interval_weights(
        _funding_increments(borrow, ois, funding), _alive(survival_c, survival_b, funding), quadrature
    )


def fba_weights(
    times: ArrayLike,
    survival_c: Tensor,
    survival_b: Tensor,
    lend: Tensor,
    ois: Tensor,
    funding: Funding = "curve",
    quadrature: Quadrature = "right",
) -> Tensor:
    """Weights of the discounted ENE in the FBA: `fca_weights` with our lending curve."""
    return fca_weights(times, survival_c, survival_b, lend, ois, funding, quadrature)


def fva(
    times: ArrayLike,
    epe: Tensor,
    ene: Tensor,
    survival_c: Tensor,
    survival_b: Tensor,
    borrow: Tensor,
    lend: Tensor,
    ois: Tensor,
    funding: Funding = "curve",
    quadrature: Quadrature = "right",
) -> tuple[Tensor, Tensor, Tensor]:
    """``(FCA, FBA, FVA)``: a cost, a benefit and ``FCA - FBA``, each ``(...)``.

    ``epe`` and ``ene`` are discounted profiles ``(..., time)``, both >= 0; the curves are as in
    `fca_weights` and `fba_weights`.
    """
    check_grid(times, epe=epe, ene=ene)
    fca = (fca_weights(times, survival_c, survival_b, borrow, ois, funding, quadrature) * epe).sum(-1)
    fba = (fba_weights(times, survival_c, survival_b, lend, ois, funding, quadrature) * ene).sum(-1)
    return fca, fba, fca - fba


def _funding_increments(curve: Tensor, ois: Tensor, funding: Funding) -> Tensor:
    if funding == "discounted_spread":
        spread = curve / ois
        return spread[..., :-1] - spread[..., 1:]
    return curve[..., :-1] / curve[..., 1:] - ois[..., :-1] / ois[..., 1:]


def _alive(survival_c: Tensor, survival_b: Tensor, funding: Funding) -> Tensor:
    if funding == "curve":
        return survival_c * survival_b
    if funding == "curve_ex_own":
        return survival_c
    if funding in ("curve_ex_all", "discounted_spread"):
        return torch.ones_like(survival_c)
    raise DomainError(f"funding: expected one of {', '.join(get_args(Funding))}, got {funding!r}")
