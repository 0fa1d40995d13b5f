"""Spot volatilities from implied ones: the forward's variance integrated anew, by scipy, gives the quotes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from xva.errors import CalibrationError
from xva.models.lgm import Lgm
from xva.models.lognormal_calibration import RateLeg, calibrate_lognormal

TIMES = np.array([0.5, 1.0, 3.0, 7.0])
IMPLIED = torch.tensor([0.10, 0.11, 0.12, 0.14], dtype=torch.float64)
KAPPAS, SIGMAS, LEG_RHO, BETWEEN = (0.03, 0.08), (0.008, 0.012), (-0.2, 0.3), 0.4


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def legs(sigmas: tuple[float, float] = SIGMAS) -> list[RateLeg]:
    """Domestic and foreign rates, Hull-White volatilities ``sigma exp(-kappa (T - t))``."""
    return [
        RateLeg(sign, Lgm(name, number(kappa), np.ones(1), number(sigma)[None]), 0, number(rho))
        for sign, name, kappa, sigma, rho in zip((1.0, -1.0), ("EUR", "USD"), KAPPAS, sigmas, LEG_RHO)
    ]


def correlation() -> torch.Tensor:
    return torch.tensor([[1.0, BETWEEN], [BETWEEN, 1.0]], dtype=torch.float64)


def variance(spot_vols: np.ndarray, until: float) -> float:
    """Of the logarithm of the forward to ``until``: bond volatilities of the textbook, ``sigma (1 - exp(-k s)) / k``."""

    def rate(u: float) -> float:
        vol = spot_vols[np.searchsorted(TIMES, u, side="right").clip(max=len(TIMES) - 1)]
        b = [s * (1.0 - np.exp(-k * (until - u))) / k for k, s in zip(KAPPAS, SIGMAS)]
        domestic, foreign = b[0], -b[1]
        squares = vol**2 + domestic**2 + foreign**2
        crosses = LEG_RHO[0] * vol * domestic + LEG_RHO[1] * vol * foreign + BETWEEN * domestic * foreign
        return float(squares + 2.0 * crosses)

    return float(quad(rate, 0.0, until, points=[t for t in TIMES if t < until], epsabs=1e-14)[0])


def test_the_forwards_variance_is_the_quoted_one() -> None:
    found = calibrate_lognormal("FX", TIMES, IMPLIED, legs(), correlation()).numpy()
    for time, implied in zip(TIMES, IMPLIED.tolist()):
        assert variance(found, time) == pytest.approx(implied**2 * time, rel=1e-9)


def test_without_rates_it_is_the_forward_variance_between_the_pillars() -> None:
    found = calibrate_lognormal("FX", TIMES, IMPLIED, legs((0.0, 0.0)), correlation())
    total = IMPLIED.numpy() ** 2 * TIMES
    np.testing.assert_allclose(
        found.numpy() ** 2, np.diff(total, prepend=0.0) / np.diff(TIMES, prepend=0.0), rtol=1e-12
    )


def test_a_variance_that_falls_names_its_quote() -> None:
    falling = IMPLIED * torch.tensor([1.0, 1.0, 0.4, 1.0], dtype=torch.float64)
    with pytest.raises(CalibrationError, match=r"volatility of FX at 3\.00y \(THIRD = 0\.0480\)") as told:
        calibrate_lognormal(
            "FX", TIMES, falling, legs(), correlation(), ("FIRST", "SECOND", "THIRD", "FOURTH")
        )
    assert told.value.ids == ("THIRD",)
