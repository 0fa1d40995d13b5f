"""LGM's functions of time against scipy's quadrature, and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from xva.errors import MarketDataError
from xva.models.lgm import Lgm, at_unique

PILLARS = np.array([1.0, 3.0, 7.0])
SIGMAS = torch.tensor([0.006, 0.011, 0.009], dtype=torch.float64)
TIMES = np.array([0.0, 0.4, 1.0, 2.2, 3.0, 6.9, 7.0, 25.0])


@pytest.fixture(params=[0.03, -0.02, 0.25])
def lgm(request: pytest.FixtureRequest) -> Lgm:
    return Lgm("EUR", torch.tensor(request.param, dtype=torch.float64), PILLARS, SIGMAS)


def integral(function, end: float) -> float:  # type: ignore[no-untyped-def]
    """Piece by piece between the pillars."""
    edges = [0.0, *PILLARS[:-1][PILLARS[:-1] < end].tolist(), end]
    return float(
        sum(quad(function, a, b, epsabs=1e-16, epsrel=1e-13)[0] for a, b in zip(edges, edges[1:]) if b > a)
    )


def sigma(t: float) -> float:
    """The last volatility holds beyond the pillars."""
    return float(SIGMAS[min(int(np.searchsorted(PILLARS, t)), 2)])


def test_zeta_and_h(lgm: Lgm) -> None:
    kappa = float(lgm.mean_reversion)
    zeta = [integral(lambda u: (sigma(u) * np.exp(kappa * u)) ** 2, t) for t in TIMES]
    np.testing.assert_allclose(lgm.zeta(TIMES).numpy(), zeta, rtol=1e-12, atol=1e-18)
    h = [integral(lambda u: np.exp(-kappa * u), t) for t in TIMES]
    np.testing.assert_allclose(lgm.h(TIMES).numpy(), h, rtol=1e-12)
    alpha = [sigma(t) * np.exp(kappa * t) for t in TIMES[1:]]
    np.testing.assert_allclose(lgm.alpha(TIMES[1:]).numpy(), alpha, rtol=1e-14)


def test_zeta_integral(lgm: Lgm) -> None:
    kappa = float(lgm.mean_reversion)
    expected = [integral(lambda u: float(lgm.zeta(u)) * np.exp(-kappa * u), t) for t in TIMES]
    np.testing.assert_allclose(lgm.zeta_integral(TIMES).numpy(), expected, rtol=1e-11, atol=1e-17)


def test_derivatives() -> None:
    times = TIMES[[1, 3, 7]]
    leaves = [torch.tensor(0.04, dtype=torch.float64), SIGMAS.clone()]
    for leaf in leaves:
        leaf.requires_grad_(True)

    def functions(kappa: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
        lgm = Lgm("EUR", kappa, PILLARS, sigmas)
        return 1e4 * torch.stack([lgm.zeta(times), 1e-4 * lgm.h(times), lgm.zeta_integral(times)])

    assert torch.autograd.gradcheck(functions, leaves, eps=1e-7, atol=1e-6, rtol=1e-5)


def test_repeated_times_are_computed_once(lgm: Lgm) -> None:
    times = np.array([[2.0, 1.0], [1.0, 2.0]])
    seen: list[int] = []

    def zeta(t: np.ndarray) -> torch.Tensor:
        seen.append(t.size)
        return lgm.zeta(t)

    torch.testing.assert_close(at_unique(zeta, times), lgm.zeta(times))
    assert seen == [2]


def test_no_mean_reversion_of_zero() -> None:
    with pytest.raises(MarketDataError, match="MEAN_REVERSION/RATE/EUR"):
        Lgm("EUR", torch.tensor(0.0, dtype=torch.float64), PILLARS, SIGMAS)
