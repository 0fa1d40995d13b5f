"""Implicit solves: roots, and derivatives of the first and second order through them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from xva.errors import CalibrationError
from xva.numerics.implicit import solve_implicit


def cube_root(data: Tensor) -> Tensor:
    return solve_implicit(lambda x: (x**3 - data) / 10.0, torch.ones_like(data))


def coupled(data: Tensor) -> Tensor:
    """x0 + x1^2 = d0, exp(x0) x1 = d1."""

    def residual(x: Tensor) -> Tensor:
        return torch.stack([x[0] + x[1] ** 2 - data[0], torch.exp(x[0]) * x[1] - data[1]])

    return solve_implicit(residual, torch.tensor([0.1, 0.9], dtype=torch.float64))


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_root_and_two_derivatives_of_the_cube_root() -> None:
    data = leaf(8.0, 27.0)
    root = cube_root(data)
    torch.testing.assert_close(root, torch.tensor([2.0, 3.0], dtype=torch.float64), rtol=0, atol=1e-15)
    (first,) = torch.autograd.grad(root.sum(), data, create_graph=True)
    torch.testing.assert_close(first.detach(), data.detach() ** (-2 / 3) / 3, rtol=1e-14, atol=0)
    (second,) = torch.autograd.grad(first.sum(), data)
    torch.testing.assert_close(second, -2 / 9 * data.detach() ** (-5 / 3), rtol=1e-13, atol=0)


def test_derivatives_of_a_coupled_system_against_differences() -> None:
    assert torch.autograd.gradcheck(coupled, (leaf(1.2, 0.8),))
    assert torch.autograd.gradgradcheck(coupled, (leaf(1.2, 0.8),))


def test_written_jacobian_gives_the_same() -> None:
    data = leaf(8.0, 27.0)
    root = solve_implicit(
        lambda x: (x**3 - data) / 10.0,
        torch.ones(2, dtype=torch.float64),
        jacobian=lambda x: torch.diag(0.3 * x**2),
    )
    assert torch.equal(root, cube_root(data))


def test_batched_pull_back() -> None:
    data = leaf(1.2, 0.8)
    root = coupled(data)
    (batched,) = torch.autograd.grad(
        root, data, torch.eye(2, dtype=torch.float64), is_grads_batched=True, retain_graph=True
    )
    rows = [torch.autograd.grad(root[k], data, retain_graph=True)[0] for k in range(2)]
    torch.testing.assert_close(batched, torch.stack(rows), rtol=1e-14, atol=1e-16)


def test_damping_saves_an_overshooting_start() -> None:
    """Plain Newton on atan diverges from 3."""
    root = solve_implicit(torch.atan, torch.tensor([3.0], dtype=torch.float64))
    assert abs(float(root)) < 1e-15


def test_no_graph_without_data_that_requires_grad() -> None:
    assert not cube_root(torch.tensor([8.0], dtype=torch.float64)).requires_grad


@pytest.mark.parametrize("start", [0.5, 0.0])
def test_failure_names_the_equation(start: float) -> None:
    def no_root(x: Tensor) -> Tensor:
        return torch.stack([x[0] - 1.0, x[1] ** 2 + 1.0])

    with pytest.raises(
        CalibrationError, match=r"curve X has no solution that reprices B: .* got 1\.\d+e\+00"
    ) as e:
        solve_implicit(
            no_root, torch.tensor([1.0, start], dtype=torch.float64), ids=["A", "B"], what="curve X"
        )
    assert e.value.ids == ("B",)


def test_nan_is_a_failure() -> None:
    with pytest.raises(CalibrationError, match="equation 0"):
        solve_implicit(torch.log, torch.tensor([-1.0], dtype=torch.float64))
