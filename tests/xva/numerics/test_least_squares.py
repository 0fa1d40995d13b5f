"""Regressions from sums: against LAPACK's least squares, and their derivatives against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from xva.errors import DomainError
from xva.numerics.least_squares import moments, orthonormal, pull_moments, solve_moments


def samples(n: int = 400, k: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    draw = torch.randn(k + 1, n, generator=generator, dtype=torch.float64)
    return draw[:k], draw[k] + draw[0] - 2.0 * draw[1], draw[2].abs()


def test_blocks_add_up_to_the_least_squares_solution() -> None:
    basis, target, weight = samples()
    parts = [moments(basis[:, s], target[s], weight[s]) for s in (slice(0, 150), slice(150, 400))]
    root = weight.sqrt()
    exact = torch.linalg.lstsq((basis * root).T, (target * root)[:, None]).solution[:, 0]
    torch.testing.assert_close(solve_moments(parts[0] + parts[1], ridge=0.0), exact, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(solve_moments(parts[0] + parts[1]), exact, rtol=1e-7, atol=1e-8)


def test_scale_of_a_column_does_not_matter() -> None:
    basis, target, _ = samples()
    scale = torch.tensor([1e-8, 1e6, 1.0, 1e3, 1e-4], dtype=torch.float64)
    plain, scaled = (solve_moments(moments(b, target)) for b in (basis, basis * scale[:, None]))
    torch.testing.assert_close(scaled * scale, plain, rtol=1e-10, atol=1e-12)


def test_columns_that_depend_on_each_other_share() -> None:
    basis, target, _ = samples()
    twice = torch.cat([basis, basis[:1], torch.zeros_like(basis[:1])])
    found, exact = solve_moments(moments(twice, target)), solve_moments(moments(basis, target))
    assert found[6] == 0.0
    torch.testing.assert_close(found[[0, 5]], exact[[0, 0]] / 2.0, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(found[1:5], exact[1:], rtol=1e-6, atol=1e-8)


def test_derivatives_of_first_and_second_order() -> None:
    basis, target, weight = (x.clone().requires_grad_(True) for x in samples(12, 3))

    def solve(b: Tensor, t: Tensor, w: Tensor) -> Tensor:
        return solve_moments(moments(b, t, w), ridge=0.01)

    assert torch.autograd.gradcheck(solve, (basis, target, weight))
    assert torch.autograd.gradgradcheck(solve, (basis, target, weight))


@pytest.mark.parametrize("ridge", [0.0, 1e-9, 0.1])
def test_pull_is_the_adjoint(ridge: float) -> None:
    basis, target, weight = samples()
    with_zero = torch.cat([basis, torch.zeros_like(basis[:1])])
    for columns in (basis, with_zero):
        sums = moments(columns, target, weight).requires_grad_(True)
        found = solve_moments(sums, ridge)
        bars = torch.randn(3, len(found), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        (exact,) = torch.autograd.grad(found, sums, bars, is_grads_batched=True)
        got = pull_moments(sums.detach(), found.detach(), bars, ridge)
        torch.testing.assert_close(got, exact, rtol=1e-10, atol=1e-14)


def test_refuses_what_has_no_solution() -> None:
    basis, target, _ = samples()
    same = moments(torch.cat([torch.ones_like(basis[:1])] * 2), target)
    with pytest.raises(DomainError, match="depend on each other"):
        solve_moments(same, ridge=0.0)
    with pytest.raises(DomainError, match="expected finite samples"):
        solve_moments(moments(basis, target * torch.nan))


def test_orthonormal() -> None:
    basis, target, weight = samples()
    mixed = basis[:1] - 3.0 * basis[1:2]
    near = mixed + 1e-5 * basis[2:3]
    columns = torch.cat([basis[:2], torch.zeros_like(mixed), 1e9 * mixed, near, basis[2:]])
    for tolerance, kept, rounding in ((1e-8, [0, 1, 5, 6, 7], 1e-9), (1e-12, [0, 1, 4, 6, 7], 1e-3)):
        matrix = orthonormal(moments(columns, target, weight), tolerance)
        gram = moments(matrix @ columns, target, weight)[:, :-1]
        exact = torch.zeros_like(gram)
        exact[kept, kept] = 1.0
        torch.testing.assert_close(gram, exact, rtol=0.0, atol=rounding)
    nothing = orthonormal(torch.zeros(3, 4, dtype=torch.float64))
    assert torch.equal(nothing, torch.zeros(3, 3, dtype=torch.float64))
