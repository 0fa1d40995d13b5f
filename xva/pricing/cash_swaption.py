"""Swaptions settled in cash at the par-yield annuity, under LGM.

At expiry they pay ``max(+-(S - K), 0) A(S)``, S being the swap rate and A the annuity discounted at S itself. Where they are
exercised is where the swap is worth something, but the payoff is no sum of exponentials of the state. Where paths are it is
one to eight digits, though (to five where a 30-year swap rate moves by 9 % a standard deviation): a Laurent polynomial in
``exp(-step x)``, fitted by least squares on Chebyshev nodes, each as important as a path there is likely. With it everything
that knows swaptions as sums of exponentials prices and differentiates these too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xva.models import Lgm
from xva.models.lgm_swaption import SwaptionTerms
from xva.numerics import chebyshev
from xva.pricing.affine import CurveSource, affine_terms
from xva.pricing.flow_book import FlowBook, flow_book
from xva.trades.claims import ParYieldAnnuity

_REACH_SD = 7.0
_STEP = 1.5  # of the exponents at the furthest node
_ORDER = 8  # exponents -8 step to 8 step
_NODES = 64


@dataclass(frozen=True)
class CashBook:
    """The fixed leg at a rate of one, and the annuity that settles."""

    leg: FlowBook
    annuity: ParYieldAnnuity


def cash_book(currency: str, annuity: ParYieldAnnuity) -> CashBook:
    """Add up the leg of a par-yield annuity."""
    return CashBook(flow_book(currency, [(flow, np.inf) for flow in annuity.leg]), annuity)


def par_yield_annuity(rate: Tensor, annuity: ParYieldAnnuity) -> Tensor:
    """``notional sum_i (1/m) (1 + S/m)^-i`` at swap rates ``rate`` > -m, same shape."""
    m = annuity.frequency
    powers = torch.arange(1, annuity.periods + 1, dtype=torch.float64)
    return annuity.notional / m * ((1.0 + rate[..., None] / m) ** -powers).sum(-1)


def par_yield_terms(
    swap: SwaptionTerms, cash: CashBook, expiry: float, curves: CurveSource, lgm: Lgm
) -> SwaptionTerms:
    """Terms of the cash payment, exercised where ``swap`` is.

    The fit is linear in the payoff at fixed nodes, so derivatives with respect to the market go through it.
    """
    sd = float(torch.sqrt(swap.zeta_expiry.detach()))
    step = _STEP / (_REACH_SD * sd)
    x = _REACH_SD * sd * chebyshev.nodes(_NODES)
    power = torch.arange(-_ORDER, _ORDER + 1, dtype=torch.float64)
    likely = torch.exp(-0.25 * (x / sd) ** 2)
    fit = torch.linalg.pinv(likely[:, None] * torch.exp(-torch.outer(x, power * step)), rtol=1e-14) * likely
    middle, log_discount = (
        lgm.h(expiry),
        curves.discount_curve(cash.annuity.leg[0].currency).log_discount(expiry),
    )
    h = middle + power * step
    factor = torch.exp(log_discount - 0.5 * middle**2 * swap.zeta_expiry)  # of exp(-H x) in P(0,T)/N(T)
    weight = factor * (fit @ _payoff(swap, cash, curves, lgm, x)) * torch.exp(0.5 * h**2 * swap.zeta_expiry)
    return SwaptionTerms(weight, h, h**2, swap.zeta_expiry, swap.root, swap.sense)


def _payoff(swap: SwaptionTerms, cash: CashBook, curves: CurveSource, lgm: Lgm, x: Tensor) -> Tensor:
    """What the holder gets at states ``x`` ``(node,)``, on either side of the boundary, in currency at expiry."""
    leg = affine_terms(cash.leg, curves, lgm)
    ratio = _sum(swap.weight, swap.h, swap.q, swap.zeta_expiry, x) / _sum(
        leg.weight, leg.h, leg.q, swap.zeta_expiry, x
    )  # sign (S - K)
    return ratio * par_yield_annuity(cash.annuity.strike + cash.annuity.sign * ratio, cash.annuity)


def _sum(weight: Tensor, h: Tensor, q: Tensor, zeta: Tensor, x: Tensor) -> Tensor:
    return (weight * torch.exp(-0.5 * q * zeta)) @ torch.exp(-torch.outer(h, x))
