"""Caplets as exchange options: martingales on every date before the fixing, by quadrature; the classic price today."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import norm

from xva.errors import TradeError
from xva.market.curves import DiscountCurve
from xva.models.lgm import Lgm
from xva.pricing.caplet import caplet_book, caplet_rows
from xva.pricing.exchange import exchange_node_values
from xva.trades.claims import Caplet

LGM = Lgm(
    "EUR", torch.tensor(0.03, dtype=torch.float64), np.ones(1), torch.tensor([0.01], dtype=torch.float64)
)


@dataclass(frozen=True)
class Curves:
    """Discounting at 2 %, projection at 3.5 %."""

    def discount_curve(self, currency: str) -> DiscountCurve:
        return self._flat(0.02)

    def projection_curve(self, index: str) -> DiscountCurve:
        return self._flat(0.035)

    @staticmethod
    def _flat(rate: float) -> DiscountCurve:
        return DiscountCurve("EUR", np.array([1.0]), torch.tensor([-rate], dtype=torch.float64))


def caplet(sign: int, strike: float, amount: float = 5e5) -> Caplet:
    return Caplet("EUR", "EUR-6M", 2.0, 2.0, 2.5, 2.5, amount, 0.5, strike, sign)


def values(claims: list[Caplet], time: float, x: np.ndarray) -> np.ndarray:
    """Deflated values ``(caplet, node)`` on one date."""
    book = caplet_book("EUR", [(c, 99.0) for c in claims])
    found = []
    for k in range(len(claims)):
        one = caplet_rows(book, Curves(), LGM, np.array([time]), np.zeros(1, dtype=np.int64), np.array([k]))
        found.append(exchange_node_values(one, torch.from_numpy(x)[None])[0].numpy())
    return np.array(found)


CASES = [caplet(1, 0.02), caplet(1, 0.035), caplet(-1, 0.035), caplet(-1, 0.06), caplet(1, 0.03, -2e5)]


def today(c: Caplet) -> float:
    """Zero-bond option of Hull and White; the ratio of projection to discounting is deterministic."""
    a, sigma = 0.03, 0.01
    forward = (np.exp(0.035 * 0.5) - 1.0) / 0.5
    deviation = sigma * (1 - np.exp(-a * 0.5)) / a * np.sqrt((1 - np.exp(-2 * a * 2.0)) / (2 * a))
    growth, strike = 1.0 + 0.5 * forward, 1.0 + 0.5 * c.strike
    d1 = (np.log(growth / strike) + 0.5 * deviation**2) / deviation
    paid = c.sign * (growth * norm.cdf(c.sign * d1) - strike * norm.cdf(c.sign * (d1 - deviation)))
    return float(c.amount / 0.5 * np.exp(-0.02 * 2.5) * paid)


def test_today_it_is_hull_and_white_s() -> None:
    found = values(CASES, 0.0, np.zeros(1))[:, 0]
    np.testing.assert_allclose(found, [today(c) for c in CASES], rtol=1e-12)


@pytest.mark.parametrize("time", [0.25, 1.0, 1.999])
def test_its_deflated_value_is_a_martingale_until_it_is_fixed(time: float) -> None:
    points = np.linspace(-9.0, 9.0, 20_001)
    weights = norm.pdf(points) * (points[1] - points[0])
    expected = values(CASES, time, points * np.sqrt(float(LGM.zeta(time)))) @ weights
    np.testing.assert_allclose(expected, [today(c) for c in CASES], rtol=1e-9)


def test_cap_less_floor_is_linear_in_the_forward_on_every_state() -> None:
    x = np.linspace(-0.05, 0.05, 9)
    cap, floor = values([caplet(1, 0.035), caplet(-1, 0.035)], 1.5, x)
    h = {t: float(LGM.h(t)) for t in (2.0, 2.5)}
    zeta = float(LGM.zeta(1.5))
    ratio = np.exp(0.035 * 0.5 - 0.02 * 0.5)  # projection over discounting
    bond = {t: np.exp(-0.02 * t - h[t] * x - 0.5 * h[t] ** 2 * zeta) for t in h}
    expected = 1e6 * (bond[2.0] * ratio - (1.0 + 0.5 * 0.035) * bond[2.5])
    np.testing.assert_allclose(cap - floor, expected, rtol=1e-10, atol=1e-6)


def test_a_strike_that_makes_the_bond_worthless_is_refused() -> None:
    with pytest.raises(TradeError, match=r"strike must be above -1/accrual, got -2.0"):
        caplet_book("EUR", [(caplet(1, -2.0), 99.0)])
