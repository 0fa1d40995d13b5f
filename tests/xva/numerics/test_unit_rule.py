"""The rule on [0, 1]."""

from __future__ import annotations

import pytest
import torch

from xva.numerics.quadrature import unit_rule


@pytest.mark.parametrize("count", [1, 4, 20])
def test_powers_up_to_twice_the_count_are_exact(count: int) -> None:
    nodes, weights = unit_rule(count).like(torch.zeros((), dtype=torch.float64))
    for power in range(2 * count):
        assert float(weights @ nodes**power) == pytest.approx(1.0 / (power + 1), rel=1e-13)


def test_it_has_the_dtype_of_what_it_integrates() -> None:
    nodes, weights = unit_rule(3).like(torch.zeros((), dtype=torch.float32))
    assert nodes.dtype == weights.dtype == torch.float32
