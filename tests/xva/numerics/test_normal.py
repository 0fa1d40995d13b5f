"""The normal distribution's lower tail against 50 digits: value, derivatives, and products with huge weights."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import pytest
import torch

from tests.support.places import ROOT
from xva.numerics.normal import normal_cdf, normal_density, normals_below, scaled_normal_cdf
from xva.numerics.smoothing import positive_part

DIGITS = mp.workdps(50)
POINTS = [-37.0, -30.0, -20.0, -10.0, -8.5, -8.0, -6.0, -3.0, -1.01, -0.99, 0.0, 0.7, 3.0, 8.0, 37.0]


def phi(x: mp.mpf) -> mp.mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def density(x: mp.mpf) -> mp.mpf:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def orders(function: Callable[[torch.Tensor], torch.Tensor], points: list[float]) -> list[torch.Tensor]:
    """Value, first and second derivative."""
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    value = function(x)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    return [value.detach(), first.detach(), second]


def exact(function: Callable[[mp.mpf], mp.mpf], points: list[float]) -> torch.Tensor:
    with DIGITS:
        return torch.tensor([float(function(mp.mpf(x))) for x in points], dtype=torch.float64)


def test_values_and_derivatives_in_the_tail() -> None:
    """torch's ndtr is 2 % off at -8 and 0 at -8.5."""
    found = orders(normal_cdf, POINTS)
    wanted = [phi, density, lambda x: -x * density(x)]
    for got, want in zip(found, wanted, strict=True):
        torch.testing.assert_close(got, exact(want, POINTS), rtol=5e-13, atol=0)
    torch.testing.assert_close(
        normal_density(torch.tensor(POINTS, dtype=torch.float64)), found[1], rtol=1e-12, atol=0
    )


def test_single_precision_keeps_its_tail_too() -> None:
    points = [-12.0, -8.0, -5.0, 0.5]
    got = normal_cdf(torch.tensor(points, dtype=torch.float32)).double()
    torch.testing.assert_close(got, exact(phi, points), rtol=2e-5, atol=0)


@pytest.mark.parametrize("slope", [0.0, 40.0, 800.0])
def test_a_huge_weight_times_a_tiny_probability(slope: float) -> None:
    """``exp(slope^2/2 - slope x) Phi(x - slope)``: at 800 the weight is e^320000, the product of order one."""
    points = [-1.5, 0.0, 1.0, 3.0]

    def product(x: mp.mpf) -> mp.mpf:
        return mp.exp(slope * slope / 2 - slope * x) * phi(x - slope)

    found = orders(lambda x: scaled_normal_cdf(0.5 * slope * slope - slope * x, x - slope), points)
    size = exact(product, points).abs().max().item()
    for order, got in enumerate(found):
        want = exact(lambda x, n=order: mp.diff(product, x, n, h=mp.mpf(10) ** -12), points)  # type: ignore[misc]
        torch.testing.assert_close(got, want, rtol=0, atol=1e-13 * size * (1.0 + slope) ** (order + 1))


def test_a_weight_of_zero_and_one_too_large_for_a_double() -> None:
    zero = torch.zeros(2, dtype=torch.float64)
    got = scaled_normal_cdf(torch.tensor([-1e4, 1e4], dtype=torch.float64), zero)
    assert got.tolist() == [0.0, float("inf")]


def test_smoothed_positive_part_far_below_zero_is_positive_and_exact() -> None:
    points = [-20.0, -9.0, -3.0, 0.0, 9.0]
    got = positive_part(torch.tensor(points, dtype=torch.float64), 1.0)
    torch.testing.assert_close(got, exact(lambda x: x * phi(x) + density(x), points), rtol=1e-10, atol=0)


@pytest.mark.parametrize("bound", [-30.0, -12.0, -8.5, -6.0, 0.0, 3.0])
def test_normals_below_a_bound_and_their_derivative_by_it(bound: float) -> None:
    """The path of a one-step survival; with a bound of -8.5 they were all the same."""
    normal, at = torch.tensor([-3.0, 0.0, 2.0], dtype=torch.float64), torch.tensor(bound, dtype=torch.float64)
    at.requires_grad_()
    found = normals_below(normal, at)
    assert bool((found < at).all())
    for n, got in zip(normal.tolist(), found):
        (slope,) = torch.autograd.grad(got, at, retain_graph=True)
        with DIGITS:
            level = phi(mp.mpf(n)) * phi(mp.mpf(bound))
            exact_place = mp.findroot(lambda x, level=level: mp.log(phi(x)) - mp.log(level), got.item())
            exact_slope = phi(mp.mpf(n)) * density(mp.mpf(bound)) / density(exact_place)
        assert got.item() == pytest.approx(float(exact_place), rel=1e-12, abs=1e-12)
        assert slope.item() == pytest.approx(float(exact_slope), rel=1e-10)


def test_nobody_else_takes_a_tail_from_torch() -> None:
    """``ndtr``, ``1 + erf`` and the like lose the lower tail: `xva.numerics.normal` is the one home."""
    root = ROOT
    home = root / "xva" / "numerics" / "normal.py"
    wrong = [
        str(path.relative_to(root))
        for package in ("xva", "surrogates", "pipelines")
        for path in (root / package).rglob("*.py")
        if path != home
        and any(word in path.read_text() for word in ("special.ndtr(", "torch.erf(", "special.erf("))
    ]
    assert wrong == []
