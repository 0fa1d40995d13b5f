"""Interpolation of curves and surfaces against closed forms and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xva.errors import DomainError, MarketDataError
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve, add_spread, interpolation_matrix
from xva.market.volatility import CapVols, SwaptionVols, VolCurve

TIMES = np.array([0.5, 1.0, 3.0])


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_discounts_are_log_linear_and_flat_forward_beyond() -> None:
    curve = DiscountCurve("X", TIMES, tensor(-0.01, -0.03, -0.09))
    t = np.array([[0.0, 0.25, 0.5], [2.0, 3.0, 5.0]])
    expected = np.interp(t, [0.0, 0.5, 1.0, 3.0, 5.0], [0.0, -0.01, -0.03, -0.09, -0.15])
    np.testing.assert_allclose(curve.log_discount(t).numpy(), expected, rtol=0, atol=1e-16)
    assert curve.discount(0.0).shape == ()
    assert float(curve.discount(0.0)) == 1.0
    assert curve.discount(np.array([])).shape == (0,)
    matrix = interpolation_matrix(TIMES, t.ravel())
    torch.testing.assert_close(
        matrix @ curve.log_discounts, curve.log_discount(t).ravel(), rtol=0, atol=1e-16
    )


def test_flat_curves() -> None:
    t = np.array([0.0, 0.1, 1.0, 40.0])
    np.testing.assert_allclose(
        DiscountCurve.flat("X", 0.03).discount(t).numpy(), np.exp(-0.03 * t), rtol=1e-15
    )
    np.testing.assert_allclose(
        SurvivalCurve.flat("X", 0.02).survival(t).numpy(), np.exp(-0.02 * t), rtol=1e-15
    )


def test_survival_has_piecewise_flat_hazards() -> None:
    curve = SurvivalCurve("X", TIMES, tensor(0.01, 0.02, 0.04))
    expected = [1.0, np.exp(-0.0025), np.exp(-0.005), np.exp(-0.015 - 0.04), np.exp(-0.015 - 0.08 - 0.04)]
    np.testing.assert_allclose(
        curve.survival(np.array([0.0, 0.25, 0.5, 2.0, 4.0])).numpy(), expected, rtol=1e-15
    )


def test_spread_adds_to_a_curve_at_every_time() -> None:
    base = DiscountCurve("X", TIMES, tensor(-0.01, -0.03, -0.09))
    spread = DiscountCurve("S", np.array([0.7, 1.0, 4.0]), tensor(-0.001, -0.002, -0.01))
    t = np.linspace(0.0, 8.0, 97)
    both = add_spread("Y", base, spread)
    torch.testing.assert_close(
        both.log_discount(t), base.log_discount(t) + spread.log_discount(t), rtol=0, atol=1e-15
    )


def test_vol_is_linear_in_total_variance_and_flat_outside() -> None:
    vols = VolCurve(TIMES, tensor(0.2, 0.25, 0.22))
    t = np.array([0.0, 0.1, 0.5, 0.75, 2.0, 3.0, 9.0])
    variance = np.interp(t, TIMES, np.array([0.04, 0.0625, 0.0484]) * TIMES)
    expected = np.sqrt(np.divide(variance, t, out=np.zeros_like(t), where=t > 0))
    expected[[0, 1, 6]] = 0.2, 0.2, 0.22
    np.testing.assert_allclose(vols.vol(t).numpy(), expected, rtol=1e-15)
    assert vols.vol(1.0).shape == ()


def test_cap_vols_are_linear_and_flat_outside() -> None:
    vols = CapVols(np.array([1.0, 2.0, 5.0]), tensor(0.006, 0.007, 0.008))
    t = np.array([0.5, 1.5, 2.0, 3.5, 9.0])
    np.testing.assert_allclose(
        vols.vol(t).numpy(), np.interp(t, [1.0, 2.0, 5.0], [0.006, 0.007, 0.008]), rtol=1e-15
    )
    assert float(CapVols(np.array([1.0]), tensor(0.006)).vol(3.0)) == 0.006


def test_swaption_vols_are_bilinear_and_flat_outside() -> None:
    expiries, tenors = np.array([1.0, 5.0]), np.array([2.0, 5.0, 10.0])
    grid = torch.arange(1.0, 7.0, dtype=torch.float64).reshape(2, 3) / 1000
    vols = SwaptionVols(expiries, tenors, grid)
    assert float(vols.vol(1.0, 5.0)) == 0.002
    assert float(vols.vol(3.0, 3.5)) == pytest.approx((0.0015 + 0.0045) / 2, rel=1e-14)
    assert float(vols.vol(0.1, 30.0)) == 0.003
    assert vols.vol(np.array([[1.0], [5.0]]), np.array([2.0, 5.0, 10.0])).equal(grid)


def test_malformed_curves_and_times_are_refused() -> None:
    with pytest.raises(MarketDataError, match="curve X: expected increasing times > 0"):
        DiscountCurve("X", np.array([0.0, 1.0]), tensor(0.0, -0.1))
    with pytest.raises(MarketDataError, match="curve X: expected one value per pillar"):
        DiscountCurve("X", TIMES, tensor(0.0, -0.1))
    with pytest.raises(MarketDataError, match="swaption volatilities"):
        SwaptionVols(TIMES, TIMES, tensor(0.1))
    with pytest.raises(DomainError, match="expected years >= 0"):
        DiscountCurve.flat("X", 0.03).discount(-0.1)
    with pytest.raises(DomainError, match="expected years >= 0"):
        DiscountCurve.flat("X", 0.03).discount(float("nan"))
