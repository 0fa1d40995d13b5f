"""Chebyshev nodes, coefficients and basis: against numpy's polynomials and the cosine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev as exact

from xva.numerics.chebyshev import basis, coefficient_matrix, derivative_matrix, nodes

POINTS = torch.linspace(-1.0, 1.0, 41, dtype=torch.float64)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_nodes_are_the_zeros_of_the_next_polynomial(count: int) -> None:
    last = exact.chebval(nodes(count).numpy(), np.append(np.zeros(count), 1.0))
    np.testing.assert_allclose(last, 0.0, atol=1e-14)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_the_basis_is_the_cosine_of_multiples_of_the_angle(count: int) -> None:
    expected = torch.stack([torch.cos(j * torch.acos(POINTS)) for j in range(count)])
    torch.testing.assert_close(basis(POINTS, count), expected, rtol=0.0, atol=1e-13)


def test_values_at_the_nodes_give_a_polynomials_coefficients_and_derivative() -> None:
    given = np.random.default_rng(5).normal(size=7)
    values = torch.from_numpy(exact.chebval(nodes(9).numpy(), given))
    found = coefficient_matrix(9) @ values
    np.testing.assert_allclose(found.numpy(), np.append(given, [0.0, 0.0]), atol=1e-14)
    slope = (derivative_matrix(9) @ found) @ basis(POINTS, 9)
    np.testing.assert_allclose(slope.numpy(), exact.chebval(POINTS.numpy(), exact.chebder(given)), atol=1e-12)


def test_derivatives_go_through_the_basis() -> None:
    point = POINTS.clone().requires_grad_(True)
    given = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)  # T_3 = 4 x^3 - 3 x
    (slope,) = torch.autograd.grad((given @ basis(point, 4)).sum(), point)
    torch.testing.assert_close(slope, 12.0 * POINTS**2 - 3.0)
