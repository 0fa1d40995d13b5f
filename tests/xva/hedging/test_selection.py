"""Subset selection: orthogonal dictionaries have a known answer, small random ones an exhaustive search."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xva.errors import DomainError
from xva.hedging.selection import amounts, select


def residual(target: np.ndarray, columns: np.ndarray, chosen: tuple[int, ...] | list[int]) -> float:
    part = columns[:, list(chosen)]
    return float(np.linalg.norm(target - part @ np.linalg.pinv(part) @ target))


def test_orthogonal_columns_are_taken_by_size() -> None:
    columns = np.diag([1.0, 5.0, 0.1, 2.0])
    target = np.array([3.0, -10.0, 0.5, 1.0])
    assert select(target, columns, 0.0, 4) == [1, 0, 3, 2]
    assert select(target, columns, 0.2, 4) == [1, 0]
    np.testing.assert_allclose(amounts(target, columns, [1, 0]), [-2.0, 3.0])


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_sparse_target_is_found(seed: int) -> None:
    """Three columns of many that overlap a little: no smaller set, and no other of the size, does it."""
    draw = np.random.default_rng(seed)
    columns = np.eye(30)[:, :12] * 10.0 ** draw.uniform(-3, 3, 12) + 0.0
    columns += 0.02 * np.linalg.norm(columns, axis=0) * draw.standard_normal(columns.shape) / np.sqrt(30)
    truth = sorted(draw.choice(12, 3, replace=False).tolist())
    held = draw.uniform(1.0, 2.0, 3) / np.linalg.norm(columns[:, truth], axis=0)
    target = columns[:, truth] @ held
    chosen = select(target, columns, 1e-9, 12)
    assert sorted(chosen) == truth
    np.testing.assert_allclose(
        columns[:, chosen] @ amounts(target, columns, chosen), target, rtol=1e-8, atol=1e-9
    )


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 10_000))
def test_the_limit_is_kept_and_the_search_is_near_the_best(seed: int) -> None:
    draw = np.random.default_rng(seed)
    columns = draw.standard_normal((12, 8))
    target = draw.standard_normal(12)
    chosen = select(target, columns, 0.0, 3)
    assert len(chosen) == 3
    best = min(residual(target, columns, c) for c in combinations(range(8), 3))
    assert best * (1.0 - 1e-12) <= residual(target, columns, chosen) <= 1.5 * best


def test_what_became_superfluous_is_taken_out() -> None:
    """The first column is the best one alone, but the other two need it no longer."""
    target = np.array([1.0, 1.0, 0.0])
    columns = np.array([[1.0, 1.0, 0.0], [0.9, 0.0, 1.0], [0.3, 0.0, 0.0]])
    assert sorted(select(target, columns, 1e-9, 3)) == [1, 2]


def test_useless_columns_and_copies_are_left() -> None:
    columns = np.stack([np.array([1.0, 0.0]), np.zeros(2), np.array([2.0, 0.0])], axis=1)
    assert select(np.array([1.0, 1.0]), columns, 0.0, 3) in ([0], [2])


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(DomainError, match="0 <= remaining < 1"):
        select(np.ones(2), np.eye(2), 1.0, 2)
    with pytest.raises(DomainError, match="not flat already"):
        select(np.zeros(2), np.eye(2), 0.1, 2)
