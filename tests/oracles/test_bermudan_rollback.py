"""The rollback that Bermudan exposures are checked with, itself against published numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.oracles.bermudan_swaption import central, flat_10nc1

EUROPEAN = [269.2829, 332.6771, 350.5640, 341.3053, 312.9804, 270.1074, 215.4323, 151.3156, 79.1201]
"""Discounted EPE of the par swap, that is European payer swaptions."""


def test_published_bermudan() -> None:
    assert 1e4 * flat_10nc1().value == pytest.approx(489.02, abs=0.15)


@pytest.mark.parametrize("number", range(9))
def test_one_exercise_date_is_a_european(number: int) -> None:
    grid = flat_10nc1()
    european = replace(grid, exercise=grid.exercise[number : number + 1])
    assert 1e4 * european.value == pytest.approx(EUROPEAN[number], abs=6e-5)
    later = european.profile()[number:]  # the swap it has become, where it has been exercised
    assert later[0] == pytest.approx(european.value, rel=1e-12)
    before = european.profile()[: number + 1]
    np.testing.assert_allclose(before, european.value, rtol=1e-11)  # nothing is paid before


def test_exposures_of_both_sides_differ_by_the_value_of_what_is_to_come() -> None:
    """Cash: nothing is left after exercise. Physical: E[V] falls by the coupons of who has exercised."""
    cash = replace(flat_10nc1(), physical=False)
    assert (np.diff(cash.profile()) <= 0.0).all()
    np.testing.assert_array_equal(cash.profile(-1), 0.0)
    physical = flat_10nc1()
    net = physical.profile() - physical.profile(-1)
    assert net[0] == pytest.approx(physical.value, rel=1e-12)
    assert (physical.profile() >= cash.profile() - 1e-15).all()


def test_finer_dates_change_nothing() -> None:
    grid = flat_10nc1()
    finer = replace(grid, report=grid.swap.times)
    assert finer.value == pytest.approx(grid.value, rel=1e-11)
    np.testing.assert_allclose(finer.profile()[1::2], grid.profile(), rtol=1e-10, atol=1e-15)


def test_differences_do_not_depend_on_the_bump() -> None:
    def cva(moved: np.ndarray) -> np.ndarray:
        return np.array([flat_10nc1(0.03 + moved[0], 0.01 + moved[1]).cva(0.02, 0.6)])

    large, small = (central(cva, np.zeros(2), np.full(2, step)) for step in (1e-4, 1e-5))
    np.testing.assert_allclose(large, small, rtol=2e-4)
