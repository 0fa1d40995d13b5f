"""A step that is told to survive: its law, its probability and unbiased derivatives, by quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from xva.models.random import scrambled_sobol
from xva.numerics.normal import TINY
from xva.pricing.estimators.one_step_survival import crossing_normals, surviving_normals

DIRECTION = torch.tensor([[0.6], [0.8]], dtype=torch.float64)


def normals() -> Tensor:
    uniforms = scrambled_sobol(2, 11, 1 << 14)
    return torch.special.ndtri(uniforms.clamp(1e-12, 1.0 - 1e-12)).T


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("distance", [-2.5, 0.0, 1.3])
def test_who_survives_and_how_likely_that_is(side: float, distance: float) -> None:
    z = normals()
    bound = torch.full(z.shape[1:], distance, dtype=torch.float64)
    inside, kept = surviving_normals(z, DIRECTION, bound, side)
    outside, lost = crossing_normals(z, DIRECTION, bound, side)
    assert bool((side * (DIRECTION * inside).sum(0) <= bound + 1e-9).all())
    assert bool((side * (DIRECTION * outside).sum(0) >= bound - 1e-9).all())
    assert float(kept[0]) == pytest.approx(norm.cdf(distance), rel=1e-13)
    assert float((kept + lost)[0]) == pytest.approx(1.0, rel=1e-14)
    # the mean of a normal below a bound is -density/probability
    along = side * (DIRECTION * inside).sum(0)
    assert float(along.mean()) == pytest.approx(-norm.pdf(distance) / norm.cdf(distance), abs=2e-3)


def test_what_lies_across_the_direction_stays() -> None:
    z = normals()
    bound = torch.zeros(z.shape[1], dtype=torch.float64)
    across = torch.tensor([[0.8], [-0.6]], dtype=torch.float64)
    for move in (surviving_normals, crossing_normals):
        moved, _ = move(z, DIRECTION, bound, 1.0)
        torch.testing.assert_close((across * moved).sum(0), (across * z).sum(0), rtol=0.0, atol=1e-12)


def test_survivors_and_the_rest_make_the_whole_and_so_do_their_derivatives() -> None:
    """E exp(a z) over both, weighted, is exp(a^2/2) wherever the bound lies: it has no derivative to the bound."""
    z = normals()
    bound = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    total = torch.zeros((), dtype=torch.float64)
    for move in (surviving_normals, crossing_normals):
        moved, weight = move(z, DIRECTION, bound.expand(z.shape[1]), 1.0)
        total = total + (weight * torch.exp(0.7 * (DIRECTION * moved).sum(0))).mean()
    (slope,) = torch.autograd.grad(total, bound)
    assert float(total.detach()) == pytest.approx(math.exp(0.245), rel=1e-3)
    assert float(slope) == pytest.approx(0.0, abs=1e-3)


def test_a_digital_s_derivative_is_unbiased() -> None:
    """d/db of E 1{z < b} exp(a z): density at b times exp(a b), though no path differentiates an indicator."""
    z, a, at = normals(), 0.7, 0.4
    bound = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    moved, weight = surviving_normals(z, DIRECTION, bound.expand(z.shape[1]), 1.0)
    (slope,) = torch.autograd.grad((weight * torch.exp(a * (DIRECTION * moved).sum(0))).mean(), bound)
    assert float(slope) == pytest.approx(norm.pdf(at) * math.exp(a * at), rel=2e-3)


def test_far_beyond_the_level_there_is_something_left_to_divide_by() -> None:
    z = normals()
    _, kept = surviving_normals(z, DIRECTION, torch.full(z.shape[1:], -60.0, dtype=torch.float64), 1.0)
    assert bool((kept == TINY).all())
