"""Coupons between fixing and payment: their conditional mean given today's state.

Checked twice: its expectation is the forward's value, and weighed with ``exp(a x_t)`` it gives what the coupon itself
gives, whose law is written down here from the model's short rate. Where payment lags behind the period's end the level
of the index is such that the coupon is worth its forward, without a convexity adjustment.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from xva.market.curves import DiscountCurve
from xva.models.lgm import Lgm
from xva.pricing.affine import node_values, running_terms
from xva.pricing.flow_book import flow_book
from xva.trades.claims import CompoundedFlow, IborFlow

START, END = 2.0, 3.0
LAGS = (0.0, 0.02)
TIMES = np.array([2.0, 2.3, 2.75, 2.99])
LATE = np.array([3.0, 3.01])  # the period is over, its coupon unpaid


class Curves:
    """Discounting at 3 %, projection at 3.4 %."""

    def discount_curve(self, currency: str) -> DiscountCurve:
        return DiscountCurve.flat(currency, 0.03)

    def projection_curve(self, index: str) -> DiscountCurve:
        return DiscountCurve.flat(index, 0.034)


@pytest.fixture
def lgm() -> Lgm:
    """Volatility jumps inside the accrual period."""
    sigmas = torch.tensor([0.008, 0.012, 0.009], dtype=torch.float64)
    return Lgm("EUR", torch.tensor(0.05, dtype=torch.float64), np.array([1.0, 2.5, 4.0]), sigmas)


def _flow(kind: str, lag: float) -> IborFlow | CompoundedFlow:
    if kind == "ibor":
        return IborFlow("EUR", "I", START - 0.01, START, END, END + lag, 1.0, 1.0)
    return CompoundedFlow("EUR", "I", START, END, END + lag, 1.0, 1.0)


def _mean(values: Tensor, x: Tensor, weight: Tensor, power: float) -> Tensor:
    return (values * torch.exp(power * x) * weight).sum(-1)


def _states(lgm: Lgm, times: np.ndarray) -> tuple[Tensor, Tensor]:
    """Gauss-Hermite nodes of x ``(date, node)`` and their probabilities."""
    node, weight = np.polynomial.hermite_e.hermegauss(40)
    x = torch.sqrt(lgm.zeta(times))[:, None] * torch.from_numpy(node)
    return x, torch.from_numpy(weight / weight.sum())


@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("kind", ["ibor", "compounded"])
def test_expectation_is_the_forwards_value(lgm: Lgm, kind: str, lag: float) -> None:
    book = flow_book("EUR", [(_flow(kind, lag), np.inf)])
    times = np.concatenate([[0.0, 0.7, 1.985, 1.995], TIMES, LATE if lag else []])
    x, weight = _states(lgm, times)
    values = node_values(book, Curves(), lgm, times, x)
    curves = Curves()
    projected = float(
        curves.projection_curve("I").discount(START) / curves.projection_curve("I").discount(END)
    )
    forward = (projected - 1.0) * float(curves.discount_curve("EUR").discount(END + lag))
    expected = torch.full((len(times),), forward, dtype=torch.float64)
    torch.testing.assert_close(_mean(values, x, weight, 0.0), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("power", [-15.0, 8.0])
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("kind", ["ibor", "compounded"])
def test_joint_law_with_the_state(lgm: Lgm, kind: str, lag: float, power: float) -> None:
    """``E[coupon(path) P(t, pay)/N(t) exp(a x_t)]`` from Gaussian moments by quadrature of the short rate."""
    times = np.concatenate([TIMES, LATE if lag else []])
    book = flow_book("EUR", [(_flow(kind, lag), np.inf)])
    terms = running_terms(book, Curves(), lgm, times)
    assert len(terms.date) == len(times)
    x, weight = _states(lgm, times)
    values = torch.exp(-terms.h[:, None] * x + terms.shift[:, None])
    found = _mean(values, x, weight, power)
    coupon = _ibor_exponent if kind == "ibor" else _compounded_exponent
    expected = []
    for t in times.tolist():
        constant, load, variance, covariance = coupon(lgm, t)
        zeta, h_p = _zeta(lgm, t), _h(lgm, END + lag)

        def exponent(a: float) -> float:
            tilt = load - h_p + a  # noqa: B023  used within the turn
            return 0.5 * (tilt**2 * zeta + 2.0 * tilt * covariance + variance)  # noqa: B023

        level = constant - 0.5 * h_p**2 * zeta + exponent(0.0)  # ln of the coupon's value over its forward's
        assert level == pytest.approx(0.0, abs=1e-5 if lag else 1e-13)
        expected.append(np.exp(exponent(power) - exponent(0.0)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def _h(lgm: Lgm, t: float) -> float:
    return float(lgm.h(t))


def _zeta(lgm: Lgm, t: float) -> float:
    return float(lgm.zeta(t))


def _ibor_exponent(lgm: Lgm, t: float) -> tuple[float, float, float, float]:
    """ln of 1 + accrual L, without the forward: ``constant + load x_t + G`` with var(G), cov(G, x_t); G = -gap x_F."""
    fixing = START - 0.01
    gap, zeta = _h(lgm, START) - _h(lgm, END), _zeta(lgm, fixing)
    constant = -0.5 * (_h(lgm, START) ** 2 - _h(lgm, END) ** 2) * zeta
    return constant, 0.0, gap**2 * zeta, -gap * zeta


def _compounded_exponent(lgm: Lgm, t: float) -> tuple[float, float, float, float]:
    """Growth ``exp(int r)`` over [start, m] with ``r = f + H' x + zeta H H'``, then the forward over [m, end]."""
    m = min(t, END)
    kappa = float(lgm.mean_reversion)

    def slope(u: float) -> float:
        return float(np.exp(-kappa * u))

    def integral(f) -> float:  # type: ignore[no-untyped-def]
        inner = [b for b in (2.5,) if START < b < m]
        edges = [START, *inner, m]
        pieces = [
            quad(f, a, b, epsabs=1e-16, epsrel=1e-13)[0] for a, b in zip(edges[:-1], edges[1:]) if b > a
        ]
        return float(sum(pieces))

    h_m, zeta_m = _h(lgm, m), _zeta(lgm, m)
    convexity = integral(lambda u: _zeta(lgm, u) * _h(lgm, u) * slope(u))
    covariance = integral(lambda u: _zeta(lgm, u) * slope(u))
    variance = 2.0 * integral(lambda u: _zeta(lgm, u) * slope(u) * (h_m - _h(lgm, u)))
    load = _h(lgm, END) - h_m  # zero once the period is over
    return convexity + 0.5 * (_h(lgm, END) ** 2 - h_m**2) * zeta_m, load, variance, covariance


@pytest.mark.parametrize("kind", ["ibor", "compounded"])
def test_derivatives_to_the_model(lgm: Lgm, kind: str) -> None:
    book = flow_book("EUR", [(_flow(kind, 0.02), np.inf)])
    times = np.array([0.0, 1.0, 2.3, 3.01])
    x = torch.tensor([[-0.02, 0.01]], dtype=torch.float64).repeat(4, 1)

    def values(kappa: Tensor, sigmas: Tensor) -> Tensor:
        return node_values(book, Curves(), Lgm("EUR", kappa, lgm.times, sigmas), times, x)

    leaves = [lgm.mean_reversion.clone().requires_grad_(True), lgm.sigmas.clone().requires_grad_(True)]
    assert torch.autograd.gradcheck(values, leaves, eps=1e-7, atol=1e-7, rtol=1e-5)
