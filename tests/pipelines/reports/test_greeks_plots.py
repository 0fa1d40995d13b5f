"""What the figures of Greeks show is what the functions say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.reports.greeks_plots import plot_difference_error, plot_surfaces
from xva.errors import DomainError
from xva.pricing.closed_form.black_scholes import black_scholes

HELD = {"strike": 100.0, "rate": 0.05, "vol": 0.2, "dividend": 0.0, "sign": 1}


def test_surfaces() -> None:
    spots, expiries = np.linspace(60.0, 140.0, 9), np.linspace(0.1, 2.0, 5)
    figure = plot_surfaces(black_scholes, ["delta", "gamma"], spots, expiries, **HELD)
    assert [axes.get_title() for axes in figure.axes] == ["delta", "gamma"]
    low, high = figure.axes[0].get_zlim()
    assert low < 0.01
    assert high > 0.95


def test_differences_lose_digits_on_both_sides() -> None:
    steps = np.logspace(-12, -1, 34)
    point = {**HELD, "spot": 100.0, "expiry": 1.0}
    figure = plot_difference_error(black_scholes, "spot", steps, **point)
    first, second = (np.asarray(line.get_ydata()) for line in figure.axes[0].lines[:2])
    assert 1e-13 < first.min() < 1e-9
    assert 1e-10 < second.min() < 1e-5
    for errors in (first, second):
        best = int(errors.argmin())
        assert 0 < best < len(steps) - 1
        assert errors[0] > 1e3 * errors[best]
        assert errors[-1] > 1e3 * errors[best]


def test_a_straight_price_has_no_second_derivative_to_compare() -> None:
    with pytest.raises(DomainError, match="order 2 by spot is zero"):
        plot_difference_error(
            lambda spot: 2.0 * spot, "spot", np.array([1e-3]), (2,), spot=torch.tensor(1.0).double()
        )
