"""The bivariate normal against scipy's quadrature of its conditional form, and its exact derivatives."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import ndtr
from torch.func import jacfwd, jacrev, vmap

from xva.pricing.closed_form.bivariate_normal import bivariate_normal_cdf

NEAR_ONE = [1 - 1e-3, 1 - 1e-6]
CORRELATIONS = [0.0, 0.3, -0.7, 0.924, 0.926, -0.99, *NEAR_ONE, *(-x for x in NEAR_ONE)]
POINTS = [(0.0, 0.0), (1.0, 1.0), (1.0, 1.0001), (-1.0, 1.0), (-0.4, 0.5), (2.0, -1.9), (-5.0, 4.0)]


def by_quadrature(h: float, k: float, rho: float) -> float:
    side = math.sqrt(1.0 - rho * rho)

    def integrand(x: float) -> float:
        return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) * float(ndtr((k - rho * x) / side))

    centre = k / rho if rho else 0.0
    edges = [-12.0, *sorted(x for d in (-8, -3, 0, 3, 8) if -12 < (x := centre + d * side) < h), h]
    parts = [
        quad(integrand, a, b, epsabs=1e-15, epsrel=1e-13, limit=400)[0] for a, b in zip(edges, edges[1:])
    ]
    return math.fsum(parts)


@pytest.mark.parametrize("rho", CORRELATIONS)
def test_agrees_with_quadrature(rho: float) -> None:
    h, k = torch.tensor(POINTS, dtype=torch.float64).T
    got = bivariate_normal_cdf(h, k, torch.tensor(rho, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(got, [by_quadrature(*p, rho) for p in POINTS], rtol=0, atol=1e-13)


def derivatives(h: float, k: float, r: float) -> tuple[list[float], list[list[float]]]:
    """Gradient and Hessian on paper: dP/dh = phi(h) Phi((k - r h)/s), dP/dr = the joint density."""
    s2 = 1.0 - r * r
    s = math.sqrt(s2)
    phi = lambda x: math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)  # noqa: E731
    joint = math.exp(-(h * h + k * k - 2 * r * h * k) / (2 * s2)) / (2 * math.pi * s)
    p_h, p_k = phi(h) * float(ndtr((k - r * h) / s)), phi(k) * float(ndtr((h - r * k) / s))
    p_hr, p_kr = -(h - r * k) / s2 * joint, -(k - r * h) / s2 * joint
    p_rr = joint * (r / s2 + (h * k * (1 + r * r) - r * (h * h + k * k)) / s2**2)
    p_hh, p_kk = -h * p_h - r * joint, -k * p_k - r * joint
    return [p_h, p_k, joint], [[p_hh, joint, p_hr], [joint, p_kk, p_kr], [p_hr, p_kr, p_rr]]


@pytest.fixture(scope="module")
def forward_mode() -> None:
    """Torch compiles its forward-mode formulas on first use, with a deprecation warning of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.exp, (torch.ones(()),), (torch.ones(()),))


@pytest.mark.usefixtures("forward_mode")
@pytest.mark.parametrize("rho", [0.0, 0.5, -0.7, 0.95, -0.999])
def test_two_derivatives_under_every_transform(rho: float) -> None:
    points = torch.tensor([(*p, rho) for p in POINTS], dtype=torch.float64)

    def cdf(x: torch.Tensor) -> torch.Tensor:
        return bivariate_normal_cdf(x[0], x[1], x[2])

    gradient, hessian = (np.array(x) for x in zip(*(derivatives(*p, rho) for p in POINTS)))
    scale = max(1.0, np.abs(hessian).max())
    for slope in (jacfwd, jacrev):
        np.testing.assert_allclose(vmap(slope(cdf))(points).numpy(), gradient, rtol=1e-12, atol=1e-13)
        for bend in (jacfwd, jacrev):
            np.testing.assert_allclose(vmap(bend(slope(cdf)))(points).numpy(), hessian, atol=1e-12 * scale)


def test_far_out_it_is_zero_or_the_other_margin() -> None:
    far = torch.tensor([50.0, -50.0, torch.inf, -torch.inf], dtype=torch.float64, requires_grad=True)
    value = bivariate_normal_cdf(far, torch.tensor(0.3).double(), torch.tensor(-0.6).double())
    torch.testing.assert_close(value, float(ndtr(np.float32(0.3))) * torch.tensor([1.0, 0, 1, 0]).double())
    assert bool(torch.isfinite(torch.autograd.grad(value.sum(), far)[0]).all())


def test_single_precision_stays_single() -> None:
    h, k = torch.tensor(POINTS, dtype=torch.float32).T
    got = bivariate_normal_cdf(h, k, torch.tensor(0.5))
    assert got.dtype == torch.float32
    exact = bivariate_normal_cdf(h.double(), k.double(), torch.tensor(0.5).double())
    torch.testing.assert_close(got.double(), exact, rtol=0, atol=3e-7)
