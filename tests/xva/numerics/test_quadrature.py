"""Composite Gauss-Legendre rules: polynomials exactly, breaks and lengths kept, outer products as their loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xva.numerics.quadrature import composite_rule

KNOTS = np.array([0.0, 0.3, 1.7, 4.0])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_polynomials_up_to_twice_the_order_are_exact(order: int) -> None:
    rule = composite_rule(KNOTS, order=order)
    for power in range(2 * order):
        found = rule.integrate(torch.from_numpy(rule.points**power))
        expected = np.diff(KNOTS ** (power + 1)) / (power + 1)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)
    beyond = rule.integrate(torch.from_numpy(rule.points ** (2 * order)))
    expected = np.diff(KNOTS ** (2 * order + 1)) / (2 * order + 1)
    assert float(np.abs(beyond.numpy() - expected).max()) > 1e-12


def test_a_function_that_jumps_at_a_break_is_integrated_exactly() -> None:
    rule = composite_rule(KNOTS, breaks=[1.0, 9.0])  # what lies outside is no break
    steps = torch.from_numpy(np.where(rule.points < 1.0, 2.0, 5.0))
    np.testing.assert_allclose(
        rule.integrate(steps).numpy(), [0.6, 0.7 * 2.0 + 0.7 * 5.0, 2.3 * 5.0], rtol=1e-14
    )
    pieces = np.diff(np.unique(np.round(rule.points, 12)))
    assert float(pieces.max()) < 0.5


@pytest.mark.parametrize("longest", [0.1, 10.0])
def test_outer_products_are_those_of_every_point(longest: float) -> None:
    rule = composite_rule(KNOTS, longest=longest)
    values = torch.from_numpy(np.random.default_rng(2).normal(size=(len(rule.points), 4)))
    each = values[:, :, None] * values[:, None, :]
    torch.testing.assert_close(rule.integrate_outer(values), rule.integrate(each), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("knots", [[0.0], [0.0, 1.0, 1.0], [1.0, 0.0], [[0.0, 1.0]]])
def test_knots_that_do_not_increase_are_refused(knots: list[float]) -> None:
    with pytest.raises(ValueError, match="increasing and at least two"):
        composite_rule(knots)
