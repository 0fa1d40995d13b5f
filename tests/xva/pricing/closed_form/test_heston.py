"""Heston: the reference number, the corners of its quadrature, and its limits."""

from __future__ import annotations

import math

import mpmath as mp
import pytest
import torch

from tests.oracles.quantlib_prices import numbers
from xva.errors import DomainError
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.heston import heston


def test_the_reference_number() -> None:
    got = heston(*numbers(100, 100, 1.0, 0.01, 0.04, 4.0, 0.25, 1.0, -0.5, 0.02))
    assert got.item() == pytest.approx(16.070154917028834, abs=1e-10)


def by_gil_pelaez(strike, expiry, rate, v, kappa, theta, xi, rho) -> float:  # type: ignore[no-untyped-def]
    """Heston's own two probabilities, to 20 digits: other contours and another formula."""
    with mp.workdps(20):
        forward = 100 * mp.e ** (rate * expiry)

        def cf(z):  # type: ignore[no-untyped-def]
            b = kappa - rho * xi * 1j * z
            d = mp.sqrt(b * b + xi * xi * (z * z + 1j * z))
            g, e = (b - d) / (b + d), mp.exp(-d * expiry)
            long_run = (b - d) * expiry - 2 * mp.log((1 - g * e) / (1 - g))
            return mp.exp(kappa * theta / xi**2 * long_run + v / xi**2 * (b - d) * (1 - e) / (1 - g * e))

        x = mp.log(forward / strike)
        points = [0, 1, 4, 16, 64, 256, 1024]
        first = mp.quad(lambda u: mp.re(mp.exp(1j * u * x) * cf(u - 1j) / (1j * u)), points)
        second = mp.quad(lambda u: mp.re(mp.exp(1j * u * x) * cf(u) / (1j * u)), points)
        call = forward * (0.5 + first / mp.pi) - strike * (0.5 + second / mp.pi)
        return float(mp.exp(-rate * expiry) * call)


@pytest.mark.parametrize(
    "case",
    [
        (60.0, 30 / 365, 0.0, 0.03125, 1.0, 0.25, 1.0, 0.0),  # nine deviations out of the money
        (177.3, 4.6, 0.06, 0.07, 0.29, 0.058, 1.17, -0.92),  # far from Feller's condition
        (130.0, 0.5, 0.02, 0.04, 0.5, 0.04, 0.8, 0.7),
    ],
)
def test_agrees_with_the_original_formula(case: tuple[float, ...]) -> None:
    assert heston(*numbers(100.0, *case)).item() == pytest.approx(by_gil_pelaez(*case), abs=2e-11)


def test_hours_to_expiry_and_far_out_of_the_money_is_nothing() -> None:
    """Where the far decay asks for a ray along which the integrand first grows, the contour stays on the axis."""
    got = heston(*numbers(100.0, 206.0, 0.001, 0.01, 0.32, 5.4, 0.0024, 0.018, -0.82))
    assert abs(got.item()) < 1e-10


def test_no_volatility_of_variance_is_black_scholes() -> None:
    strikes = torch.tensor([50.0, 90.0, 100.0, 130.0], dtype=torch.float64)
    expiry, v, kappa, theta = 2.0, 0.09, 1.5, 0.04
    total = theta * expiry + (v - theta) * (1 - math.exp(-kappa * expiry)) / kappa
    spot, t, rate, *rest = numbers(100.0, expiry, 0.03, v, kappa, theta, 1e-6, -0.5)
    got = heston(spot, strikes, t, rate, *rest)
    vol = torch.tensor(math.sqrt(total / expiry), dtype=torch.float64)
    torch.testing.assert_close(got, black_scholes(spot, strikes, t, rate, vol), rtol=0, atol=1e-5)


def test_a_surface_in_one_call_is_its_entries() -> None:
    strikes = torch.linspace(60, 150, 7, dtype=torch.float64)
    expiries = torch.tensor([0.1, 1.0, 5.0], dtype=torch.float64)[:, None]
    spot, rate, *rest = numbers(100.0, 0.02, 0.04, 1.0, 0.06, 0.5, -0.7)
    sign = torch.tensor([1, -1, 1, -1, 1, -1, 1])
    whole = heston(spot, strikes, expiries, rate, *rest, sign=sign)
    for i in range(3):
        for j in range(7):
            one = heston(spot, strikes[j], expiries[i, 0], rate, *rest, sign=int(sign[j]))
            torch.testing.assert_close(whole[i, j], one, rtol=1e-13, atol=1e-13)


def test_single_precision() -> None:
    arguments = numbers(100, 100, 1.0, 0.01, 0.04, 4.0, 0.25, 1.0, -0.5, 0.02)
    got = heston(*(x.float() for x in arguments))
    assert got.dtype == torch.float32
    assert got.item() == pytest.approx(16.070154917, rel=2e-5)


@pytest.mark.parametrize(("at", "bad"), [(2, 0.0), (4, -0.04), (5, 0.0), (7, -1.0), (8, 1.0), (0, math.nan)])
def test_refusals(at: int, bad: float) -> None:
    arguments = numbers(100, 100, 1.0, 0.01, 0.04, 4.0, 0.25, 1.0, -0.5)
    arguments[at] = torch.tensor(bad, dtype=torch.float64)
    with pytest.raises(DomainError, match="expected"):
        heston(*arguments)
