"""Funding valuation adjustments: FCA (cost of funding our exposure), FBA (benefit), FVA = FCA - FBA.

The default integrates the funding spread over each interval. The ``curve`` family is ORE's formula
(``staticcreditxvacalculator.cpp``): its bracket grows with the level of rates and the length of the step, for it
compounds over an interval what is discounted to the end of it.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from xva.adjustments.adjustment import Adjustment, WeightInputs
from xva.adjustments.interval_weights import Quadrature, check_grid, interval_weights
from xva.errors import DomainError

Funding = Literal[
    "spread",
    "spread_ex_own",
    "spread_ex_all",
    "curve",
    "curve_ex_own",
    "curve_ex_all",
    "discounted_spread",
]
_SHORT = 1e-4  # of a hazard over an interval: below it three terms of (1 - e^-x)/x are exact to rounding


def fca_weights(
    times: ArrayLike,
    survival_c: Tensor,
    survival_b: Tensor,
    borrow: Tensor,
    ois: Tensor,
    funding: Funding = "spread",
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
    funding : {"spread", "spread_ex_own", "spread_ex_all", "curve", "curve_ex_own", "curve_ex_all", "discounted_spread"}
        With ``F = B_b / B_o``, the discount factor of the funding spread: ``spread``, the integral of spread times
        ``S_C S_B`` over the interval, ``ln[F(t_{i-1})/F(t_i)]`` times the mean of ``S_C S_B`` over it, exact where
        spread and hazards do not move inside an interval; ``curve``, ORE's,
        ``S_C S_B [B_b(t_{i-1})/B_b(t_i) - B_o(t_{i-1})/B_o(t_i)]`` with survivals at ``t_{i-1}``; ``_ex_own`` without
        ``S_B``, ``_ex_all`` without both; ``discounted_spread``: ``F(t_{i-1}) - F(t_i)``, no survivals.
    quadrature : {"right", "trapezoid"}
        With ``trapezoid`` survivals are those of the dates, as the profile is.

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
    increments, alive = _funding_increments(borrow, ois, funding), _alive(survival_c, survival_b, funding)
    if funding.startswith("spread") and quadrature == "right":
        return interval_weights(increments * _mean(alive), torch.ones_like(alive), quadrature)
    return interval_weights(increments, alive, quadrature)


def fba_weights(
    times: ArrayLike,
    survival_c: Tensor,
    survival_b: Tensor,
    lend: Tensor,
    ois: Tensor,
    funding: Funding = "spread",
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
    funding: Funding = "spread",
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
    spread = curve / ois
    if funding == "discounted_spread":
        return spread[..., :-1] - spread[..., 1:]
    if funding.startswith("spread"):
        return torch.log(spread[..., :-1] / spread[..., 1:])
    return curve[..., :-1] / curve[..., 1:] - ois[..., :-1] / ois[..., 1:]


def _alive(survival_c: Tensor, survival_b: Tensor, funding: Funding) -> Tensor:
    if funding not in get_args(Funding):
        raise DomainError(f"funding: expected one of {', '.join(get_args(Funding))}, got {funding!r}")
    if funding in ("spread", "curve"):
        return survival_c * survival_b
    if funding.endswith("_ex_own"):
        return survival_c
    return torch.ones_like(survival_c)


def _mean(survival: Tensor) -> Tensor:
    """Over each interval, with the hazard that leads from one end to the other: ``(..., time - 1)``."""
    start, hazard = survival[..., :-1], torch.log(survival[..., :-1] / survival[..., 1:])
    short = hazard.abs() < _SHORT
    away = torch.where(short, torch.ones_like(hazard), hazard)
    series = 1.0 - hazard / 2.0 + hazard * hazard / 6.0 - hazard**3 / 24.0
    return start * torch.where(short, series, -torch.expm1(-away) / away)


def _fca(m: WeightInputs) -> Tensor:
    return fca_weights(m.times, m.theirs, m.own, m.borrow, m.ois, cast(Funding, m.funding), m.quadrature)


def _fba(m: WeightInputs) -> Tensor:
    return fba_weights(m.times, m.theirs, m.own, m.lend, m.ois, cast(Funding, m.funding), m.quadrature)


FCA = Adjustment(
    name="FCA", profile="epe", cost=True, total={"FVA": 1.0, "XVA": 1.0}, varies_by="funding", weights=_fca
)
FBA = Adjustment(
    name="FBA", profile="ene", cost=False, total={"FVA": -1.0}, varies_by="funding", weights=_fba
)
