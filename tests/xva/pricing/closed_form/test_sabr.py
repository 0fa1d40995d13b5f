"""SABR through the money, in its limits, and refused where the expansion has no volatility."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
import QuantLib as ql
import torch

from tests.oracles.quantlib_prices import numbers
from xva.errors import DomainError
from xva.pricing.closed_form.black76 import black76
from xva.pricing.closed_form.sabr import (
    sabr_lognormal,
    sabr_lognormal_vol,
    sabr_normal,
    sabr_normal_vol,
)

FORWARD = 0.03
EXPIRY, ALPHA, BETA, NU, RHO = 2.0, 0.035, 0.5, 0.6, -0.35
VOLS = {"lognormal": sabr_lognormal_vol, "normal": sabr_normal_vol}


def on_paper(kind: str, strike: mp.mpf) -> mp.mpf:
    """Hagan's formulas as printed, to 40 digits; the ratio z/x(z) as a limit at the money."""
    f, t, a, b, n, r = (mp.mpf(x) for x in (FORWARD, EXPIRY, ALPHA, BETA, NU, RHO))
    m, level = mp.log(f / strike), (f * strike) ** ((1 - b) / 2)
    z = n / a * level * m
    ratio = mp.mpf(1) if z == 0 else z / mp.log((mp.sqrt(1 - 2 * r * z + z * z) + z - r) / (1 - r))
    stretch = 1 + (1 - b) ** 2 * m**2 / 24 + (1 - b) ** 4 * m**4 / 1920
    common = r * b * n * a / (4 * level) + (2 - 3 * r * r) * n * n / 24
    if kind == "lognormal":
        term = (1 - b) ** 2 * a * a / (24 * level**2) + common
        return a / (level * stretch) * ratio * (1 + term * t)
    term = -b * (2 - b) * a * a / (24 * level**2) + common
    top = 1 + m**2 / 24 + m**4 / 1920
    return a * (f * strike) ** (b / 2) * top / stretch * ratio * (1 + term * t)


@pytest.mark.parametrize("kind", ["lognormal", "normal"])
@pytest.mark.parametrize("distance", [0.0, 1e-12, -1e-8, 1e-5, -1e-3, 3e-3, 6e-3, 6.1e-3, 0.02])
def test_value_slope_and_curvature_in_strike(kind: str, distance: float) -> None:
    """Across the money and across the switch from series to formula."""
    strike = torch.tensor(FORWARD + distance, dtype=torch.float64, requires_grad=True)
    vol = VOLS[kind](*numbers(FORWARD), strike, *numbers(EXPIRY, ALPHA, BETA, NU, RHO))
    (slope,) = torch.autograd.grad(vol, strike, create_graph=True)
    (bend,) = torch.autograd.grad(slope, strike)
    with mp.workdps(50):
        k, h = mp.mpf(strike.item()), mp.mpf("1e-10")
        grid = [on_paper(kind, k + j * h) for j in (-2, -1, 1, 2)]  # never exactly at the money
        middle = on_paper(kind, k)
        first = (grid[0] - 8 * grid[1] + 8 * grid[2] - grid[3]) / (12 * h)
        second = (-grid[0] + 16 * grid[1] - 30 * middle + 16 * grid[2] - grid[3]) / (12 * h * h)
    assert vol.item() == pytest.approx(float(middle), rel=1e-13)
    assert slope.item() == pytest.approx(float(first), rel=1e-10)
    assert bend.item() == pytest.approx(float(second), rel=1e-9)


def test_no_volatility_of_volatility_and_beta_one_is_black() -> None:
    strikes = torch.tensor([0.01, 0.03, 0.06], dtype=torch.float64)
    forward, expiry, alpha, one, zero, rho = numbers(FORWARD, EXPIRY, 0.2, 1.0, 0.0, 0.3)
    torch.testing.assert_close(
        sabr_lognormal(forward, strikes, expiry, alpha, one, zero, rho),
        black76(forward, strikes, alpha * torch.sqrt(expiry)),
    )


def test_shifted_prices_agree_with_quantlib() -> None:
    forward, shift = -0.002, 0.02
    for strike in (-0.01, -0.002, 0.01):
        args = (forward, strike, EXPIRY, ALPHA, BETA, NU, RHO, shift)
        for sign, option in ((1, ql.Option.Call), (-1, ql.Option.Put)):
            vols = [
                ql.shiftedSabrVolatility(strike, forward, EXPIRY, ALPHA, BETA, NU, RHO, shift, kind)
                * np.sqrt(EXPIRY)
                for kind in (ql.ShiftedLognormal, ql.Normal)
            ]
            black = ql.blackFormula(option, strike, forward, vols[0], 1.0, shift)
            assert sabr_lognormal(*numbers(*args), sign).item() == pytest.approx(black, rel=1e-9)
            normal = ql.bachelierBlackFormula(option, strike, forward, vols[1])
            assert sabr_normal(*numbers(*args), sign).item() == pytest.approx(normal, rel=1e-9)


def test_refusals() -> None:
    with pytest.raises(DomainError, match=r"strike_plus_shift: expected > 0, got -0\.01"):
        sabr_lognormal_vol(*numbers(FORWARD, -0.01, EXPIRY, ALPHA, BETA, NU, RHO))
    with pytest.raises(DomainError, match="vol: expected > 0"):  # the expansion breaks down in forty years
        sabr_lognormal(*numbers(FORWARD, FORWARD, 40.0, ALPHA, BETA, 1.5, -0.95))
