"""Swaptions settled in cash at the par-yield annuity: against the integral of the payoff over the state at expiry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.flat_world import FlatWorld
from xva.errors import InputErrors, TradeError
from xva.exposure.engine import Book
from xva.exposure.reconciliation.reconciliation import trade_values
from xva.models.lgm import Lgm
from xva.models.lgm_swaption import swaption_value
from xva.pricing.cash_swaption import cash_book
from xva.pricing.flow_book import flow_book
from xva.pricing.swaption import book_swaption
from xva.trades.claims import FixedFlow, ParYieldAnnuity
from xva.trades.netting import NettingSet
from xva.trades.swaption import Swaption

NOTIONAL = 1e6
EXPIRY, YEARS = 5.0, 10


@dataclass(frozen=True)
class SteepCurve:
    """Zero rates that rise linearly from ``short`` at once to ``long`` at 20 years; discounts and projects."""

    short: Tensor
    long: Tensor

    def log_discount(self, time: Any) -> Tensor:
        t = torch.as_tensor(time, dtype=torch.float64)
        return -(self.short + (self.long - self.short) * torch.clamp(t / 20.0, max=1.0)) * t

    def discount_curve(self, currency: str) -> SteepCurve:
        return self

    def projection_curve(self, index: str) -> SteepCurve:
        return self


def lgm(sigma: Tensor, kappa: float = 0.03) -> Lgm:
    return Lgm("EUR", torch.tensor(kappa, dtype=torch.float64), np.array([100.0]), sigma[None])


def model_value(curve: SteepCurve, model: Lgm, sign: int, strike: float, par_yield: bool) -> Tensor:
    pays = EXPIRY + np.arange(1, YEARS + 1)
    leg = tuple(FixedFlow("EUR", float(t), NOTIONAL) for t in pays)
    flows = [FixedFlow("EUR", EXPIRY, sign * NOTIONAL), FixedFlow("EUR", EXPIRY + YEARS, -sign * NOTIONAL)]
    flows += [FixedFlow("EUR", f.pay, -sign * strike * f.amount) for f in leg]
    book = flow_book("EUR", [(f, np.inf) for f in flows])
    cash = cash_book("EUR", ParYieldAnnuity(leg, sign, strike, NOTIONAL, 1.0, YEARS)) if par_yield else None
    terms = book_swaption(book, EXPIRY, curve, model, "S", cash)
    zero = torch.zeros((), dtype=torch.float64)
    return swaption_value(terms, zero, zero)


def integral(curve: SteepCurve, model: Lgm, sign: int, strike: float, par_yield: bool) -> float:
    """The payoff over the numeraire, times the density of the state at expiry, on a fine grid; no fit, no closed form."""
    zeta = float(model.zeta(EXPIRY))
    x = np.linspace(-9.0, 9.0, 400_001) * np.sqrt(zeta)

    def bond(time: float) -> np.ndarray:
        h = float(model.h(time))
        return float(torch.exp(curve.log_discount(time))) * np.exp(-h * x - 0.5 * h * h * zeta)

    annuity = sum(bond(EXPIRY + k) for k in range(1, YEARS + 1))
    rate = (bond(EXPIRY) - bond(EXPIRY + YEARS)) / annuity
    if par_yield:
        annuity = bond(EXPIRY) * sum((1.0 + rate) ** -k for k in range(1, YEARS + 1))
    payoff = NOTIONAL * np.maximum(sign * (rate - strike), 0.0) * annuity
    return float(np.trapezoid(payoff * np.exp(-0.5 * x**2 / zeta), x) / np.sqrt(2.0 * np.pi * zeta))


def steep(short: float = 0.01, long: float = 0.05) -> SteepCurve:
    return SteepCurve(torch.tensor(short, dtype=torch.float64), torch.tensor(long, dtype=torch.float64))


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.02])
@pytest.mark.parametrize("strike", [0.02, 0.045, 0.08])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("par_yield", [True, False])
def test_value_is_the_integral_of_the_payoff(sigma: float, strike: float, sign: int, par_yield: bool) -> None:
    model = lgm(torch.tensor(sigma, dtype=torch.float64))
    found = float(model_value(steep(), model, sign, strike, par_yield))
    assert found == pytest.approx(integral(steep(), model, sign, strike, par_yield), abs=1e-7 * NOTIONAL)


def test_settlements_differ_by_per_cents_on_a_steep_curve() -> None:
    """On a curve from 1 % to 5 % the par-yield annuity is another than the discount curve's."""
    model = lgm(torch.tensor(0.01, dtype=torch.float64))
    forward = 0.0496  # of the 10-year swap in 5 years
    cash, par = (float(model_value(steep(), model, -1, forward, flag)) for flag in (False, True))
    exact = [integral(steep(), model, -1, forward, flag) for flag in (False, True)]
    assert par / cash - 1.0 == pytest.approx(exact[1] / exact[0] - 1.0, abs=1e-6)
    assert abs(par / cash - 1.0) > 0.03


def test_derivatives_are_those_of_the_integral() -> None:
    level = torch.zeros((), dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor(0.01, dtype=torch.float64, requires_grad=True)
    curve = steep()
    moved = SteepCurve(curve.short + level, curve.long + level)
    value = model_value(moved, lgm(sigma), 1, 0.045, True)
    by_level, by_sigma = torch.autograd.grad(value, (level, sigma))

    def at(shift: float, vol: float) -> float:
        return integral(
            steep(0.01 + shift, 0.05 + shift), lgm(torch.tensor(vol, dtype=torch.float64)), 1, 0.045, True
        )

    step = 1e-4
    assert float(by_level) == pytest.approx((at(step, 0.01) - at(-step, 0.01)) / (2 * step), rel=1e-5)
    assert float(by_sigma) == pytest.approx(
        (at(0.0, 0.01 + step) - at(0.0, 0.01 - step)) / (2 * step), rel=1e-4
    )


def swaption(settlement: str, **changes: Any) -> Swaption:
    terms: dict[str, Any] = {
        "trade_id": "S", "netting_set": "N", "currency": "EUR", "side": "long", "swap_side": "payer",
        "notional": NOTIONAL, "strike": 0.03, "index": "EUR-FLAT-6M", "expiry_date": np.datetime64("2030-01-15"),
        "maturity_date": np.datetime64("2040-01-15"), "settlement": settlement, "fixed_day_count": "A365",
    }  # fmt: skip
    return Swaption(**(terms | changes))


def test_on_a_flat_curve_the_trade_is_worth_nearly_the_same_either_way() -> None:
    flat = FlatWorld(rates={"EUR": 0.03}, kappas={"EUR": 0.04}, sigmas={"EUR": 0.011})
    book = Book(
        (NettingSet("N", "C", "EUR"),), (), (swaption("cash"), swaption("cash_par_yield")), flat.context()
    )
    cash, par = trade_values(book, flat(flat.quotes())).detach().numpy()
    assert par != cash
    assert par == pytest.approx(cash, rel=0.01)


def test_a_weekly_fixed_leg_has_no_par_yield_annuity() -> None:
    with pytest.raises((InputErrors, TradeError), match="months or years"):
        swaption("cash_par_yield", fixed_frequency="2W")
