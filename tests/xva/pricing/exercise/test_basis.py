"""Basis functions and features: counts, orthogonality, and which features say something."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch

from xva.errors import DomainError
from xva.pricing.exercise.basis import evaluate, fitting_degree, total_degree
from xva.pricing.exercise.features import independent


@pytest.mark.parametrize(("n", "degree"), [(0, 3), (1, 4), (2, 3), (4, 3)])
def test_all_products_up_to_the_degree_once(n: int, degree: int) -> None:
    rows = total_degree(n, degree)
    assert rows.shape == (comb(n + degree, degree), n)
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    assert not rows[0].any()
    assert rows.sum(1).max(initial=0) == (degree if n else 0)


def test_degree_is_lowered_for_many_features() -> None:
    assert [fitting_degree(n, 5, 64) for n in (1, 2, 3, 4, 5, 9)] == [5, 5, 5, 3, 3, 2]
    assert fitting_degree(100, 5, 64) == 1


def test_orthogonal_under_the_gaussian() -> None:
    points, weights = np.polynomial.hermite_e.hermegauss(12)
    x, y = (torch.from_numpy(g.ravel()) for g in np.meshgrid(points, points))
    mass = torch.from_numpy(np.outer(weights, weights).ravel()) / (2.0 * np.pi)
    basis = evaluate(total_degree(2, 4), torch.stack([x, y]))
    gram = (basis * mass) @ basis.T
    torch.testing.assert_close(gram, torch.diag(torch.diagonal(gram)), rtol=0.0, atol=1e-12)
    assert evaluate(total_degree(0, 3), torch.zeros(0, 7)).shape == (1, 7)


def test_refuses_a_basis_beyond_reason() -> None:
    with pytest.raises(DomainError, match="lower the degree"):
        total_degree(12, 5)


def test_features_that_repeat_others_are_found() -> None:
    x = torch.randn(2, 3, 500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    still = torch.full((2, 1, 500), 7.0, dtype=torch.float64)
    mixed = 2.0 * x[:, :1] - 1e-3 * x[:, 1:2] + 5.0
    features = torch.cat([x[:, :2], still, mixed, 1e-9 * x[:, 2:]], dim=1)
    assert independent(features) == [0, 1, 4]
    later = features.clone()
    later[1, 3] = torch.exp(x[1, 0])  # says something on one date
    assert independent(later) == [0, 1, 3, 4]
