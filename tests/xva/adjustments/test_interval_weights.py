"""Integrals over a grid as weights: against integrals that are known."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from xva.adjustments.interval_weights import check_grid, check_quadrature, column, interval_weights
from xva.errors import DomainError


def integral(steps: int, quadrature: str) -> float:
    """Of exp(-t) cos(t) d(t^2) over (0, 1]."""
    times = torch.linspace(0.0, 1.0, steps + 1, dtype=torch.float64)
    weights = interval_weights(torch.diff(times**2), torch.cos(times), quadrature)  # type: ignore[arg-type]
    assert weights.shape == times.shape
    return float(weights @ torch.exp(-times))


def exact() -> float:
    points, weights = np.polynomial.legendre.leggauss(30)
    t = 0.5 * (points + 1.0)
    return float(0.5 * weights @ (np.exp(-t) * np.cos(t) * 2.0 * t))


@pytest.mark.parametrize(("quadrature", "order"), [("right", 1), ("trapezoid", 2)])
def test_the_integral_and_its_order(quadrature: str, order: int) -> None:
    coarse, fine = (abs(integral(n, quadrature) - exact()) for n in (200, 400))
    assert fine < 2e-3
    assert coarse / fine == pytest.approx(2.0**order, rel=0.02)


def test_right_takes_the_profile_after_and_the_factor_before() -> None:
    increments = torch.tensor([0.5, 0.25], dtype=torch.float64)
    factor = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    assert interval_weights(increments, factor, "right").tolist() == [0.0, 1.0, 0.75]


def test_trapezoid_takes_both_at_both_ends() -> None:
    increments = torch.tensor([0.5, 0.25], dtype=torch.float64)
    factor = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    assert interval_weights(increments, factor, "trapezoid").tolist() == [0.5, 1.125, 0.625]


def test_leading_axes_are_curves() -> None:
    increments = torch.rand(4, 3, 6, dtype=torch.float64)
    factor = torch.rand(4, 3, 7, dtype=torch.float64)
    every = interval_weights(increments, factor, "right")
    assert torch.equal(every[2, 1], interval_weights(increments[2, 1], factor[2, 1], "right"))


def test_a_number_per_curve_multiplies_its_dates() -> None:
    assert column(0.4).shape == (1,)
    assert column(torch.tensor([0.4, 0.6])).shape == (2, 1)


def test_what_is_refused() -> None:
    with pytest.raises(
        DomainError, match=re.escape("quadrature: expected one of right, trapezoid, got 'simpson'")
    ):
        check_quadrature("simpson")
    with pytest.raises(
        DomainError, match=re.escape("times: expected year fractions that start at 0 and increase")
    ):
        check_grid([0.0, 1.0, 1.0])
    with pytest.raises(
        DomainError, match=re.escape("times: expected year fractions that start at 0 and increase")
    ):
        check_grid([0.5, 1.0])
    with pytest.raises(DomainError, match=re.escape("survival: expected (..., 3) on the grid, got (2,)")):
        check_grid([0.0, 1.0, 2.0], survival=torch.ones(2))
