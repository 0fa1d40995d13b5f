"""Masks by unit and their sums over paths: against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xva.exposure.parts.masking import row_mask, row_sums, slopes, unit_mask

UNIT = np.array([0, 2, 2, 1])


def rows(units: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, np.ndarray]:
    draw = torch.Generator().manual_seed(2)
    value = torch.rand(4, 6, generator=draw, dtype=torch.float64)
    mask = (torch.rand(units, 6, generator=draw, dtype=torch.float64) > 0.5).double()
    state = torch.rand(3, 6, generator=draw, dtype=torch.float64)
    return value, mask, state, UNIT if units > 1 else np.zeros(4, dtype=np.int64)


@pytest.mark.parametrize("units", [1, 3])
def test_rows_take_their_unit_s_mask(units: int) -> None:
    value, mask, _, unit = rows(units)
    found = row_mask(value, unit, mask)
    for k, u in enumerate(unit):
        assert torch.equal(found[k], value[k] * mask[u])
        assert torch.equal(unit_mask(mask, u), mask[u])  # type: ignore[arg-type]
    assert row_mask(value, unit, None) is value
    assert unit_mask(None, 0) == 1.0


@pytest.mark.parametrize("units", [1, 3])
def test_sums_over_paths(units: int) -> None:
    value, mask, state, unit = rows(units)
    total, by_state = row_sums(value, unit, mask, state)
    assert total.shape == (2, 4)
    assert by_state.shape == (2, 4, 3)
    for k, u in enumerate(unit):
        for side, weight in enumerate((value[k] * mask[u], value[k])):
            assert float(total[side, k]) == pytest.approx(float(weight.sum()), rel=1e-14)
            torch.testing.assert_close(by_state[side, k], state @ weight, rtol=1e-13, atol=0.0)


def test_slopes_of_a_series() -> None:
    coefficients = np.random.default_rng(1).normal(size=7)
    found = slopes(7, torch.ones(1, dtype=torch.float64)).numpy() @ coefficients
    own = np.polynomial.chebyshev.chebder(coefficients)
    np.testing.assert_allclose(found[: len(own)], own, rtol=1e-13)
    np.testing.assert_allclose(found[len(own) :], 0.0)
