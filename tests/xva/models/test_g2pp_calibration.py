"""G2++ on a co-terminal strip: what QuantLib's engine quotes is found again; derivatives against calibration again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import QuantLib as ql
import torch
from torch import Tensor

from xva.errors import CalibrationError
from xva.models.g2pp import G2pp
from xva.models.g2pp_calibration import AtMoney, at_money, fitted_to, scaled_to
from xva.models.swaption_strip import StripSwap

DAY = ql.Date(15, 1, 2026)
EXPIRIES, END = (1, 2, 5, 7), 10
VOLS = (0.0072, 0.0078, 0.0081, 0.0079)
A, B, SIGMA, ETA, RHO, RATE = 0.5, 0.04, 0.008, 0.007, -0.7, 0.028
Fit = Callable[[G2pp, Sequence[AtMoney], Tensor, Sequence[str]], G2pp]


class Flat:
    """A flat curve."""

    def __init__(self, rate: Tensor) -> None:
        self.rate = rate

    def log_discount(self, time: np.ndarray | Tensor) -> Tensor:
        return -self.rate * torch.as_tensor(time)


def years(number: int) -> float:
    return (ql.Date(15, 1, 2026 + number) - DAY) / 365.0


def strip(expiries: Sequence[int] = EXPIRIES) -> list[StripSwap]:
    """Annual swaps that start on the day of exercise."""
    found = []
    for expiry in expiries:
        times = np.array([years(k) for k in range(expiry, END + 1)])
        tenor = float(times[-1] - times[0])
        found.append(StripSwap(years(expiry), tenor, times[1:], np.diff(times), times[:-1], times[1:]))
    return found


def calibrated(
    fit: Fit, numbers: Tensor, expiries: Sequence[int] = EXPIRIES
) -> tuple[G2pp, tuple[AtMoney, ...]]:
    """Of ``(a, b, sigma, eta, rho, rate, vols…)``."""
    a, b, sigma, eta, rho, rate = numbers[:6]
    shape = G2pp("EUR", torch.stack([a, b]), np.ones(1), torch.stack([sigma, eta])[None], rho)
    options = at_money(strip(expiries), shape, Flat(rate), Flat(rate))
    return fit(shape, options, numbers[6:], [f"quote {e}" for e in expiries]), options


def at(vols: Sequence[float] = VOLS, **change: float) -> Tensor:
    stated = {"a": A, "b": B, "sigma": SIGMA, "eta": ETA, "rho": RHO} | change
    return torch.tensor([*stated.values(), RATE, *vols], dtype=torch.float64)


def model_vols(model: G2pp, options: Sequence[AtMoney]) -> list[float]:
    return [float(o.vol(model.covariance(o.expiry))) for o in options]


def quantlib_vols(sigma: float, eta: float) -> list[float]:
    """Normal volatilities of the strip under QuantLib's two-factor model with these constants."""
    ql.Settings.instance().evaluationDate = DAY
    curve = ql.YieldTermStructureHandle(ql.FlatForward(DAY, RATE, ql.Actual365Fixed()))
    count, plain = ql.Actual365Fixed(), ql.NullCalendar()
    index = ql.IborIndex(
        "none", ql.Period("1Y"), 0, ql.EURCurrency(), plain, ql.Unadjusted, False, count, curve
    )
    engine = ql.G2SwaptionEngine(ql.G2(curve, A, sigma, B, eta, RHO), 8.0, 2000)
    found = []
    for expiry in EXPIRIES:
        dates = ql.Schedule([ql.Date(15, 1, 2026 + k) for k in range(expiry, END + 1)])
        swap = ql.VanillaSwap(ql.VanillaSwap.Payer, 1.0, dates, 0.03, count, dates, index, 0.0, count)
        swap.setPricingEngine(ql.DiscountingSwapEngine(curve))
        strike = swap.fairRate()
        fair = ql.VanillaSwap(ql.VanillaSwap.Payer, 1.0, dates, strike, count, dates, index, 0.0, count)
        fair.setPricingEngine(ql.DiscountingSwapEngine(curve))
        option = ql.Swaption(fair, ql.EuropeanExercise(dates[0]))
        option.setPricingEngine(engine)
        annuity = abs(fair.fixedLegBPS()) * 1e4
        found.append(option.NPV() / (annuity * np.sqrt(years(expiry) / (2.0 * np.pi))))
    return found


def test_volatilities_that_quantlib_quotes_are_found_again() -> None:
    quoted = quantlib_vols(SIGMA, ETA)
    scaled, _ = calibrated(
        scaled_to, at(quoted, sigma=2.0 * SIGMA, eta=2.0 * ETA)
    )  # only their ratio is said
    np.testing.assert_allclose(scaled.sigmas.numpy(), [[SIGMA, ETA]] * 4, rtol=2e-5)
    fitted, _ = calibrated(fitted_to, at(quoted, sigma=0.012, eta=0.004))
    np.testing.assert_allclose(fitted.sigmas.numpy(), [[SIGMA, ETA]], rtol=2e-5)


def test_scales_reprice_the_strip_and_two_constants_come_near() -> None:
    model, options = calibrated(scaled_to, at())
    np.testing.assert_allclose(model_vols(model, options), VOLS, rtol=0, atol=1e-13)
    np.testing.assert_allclose(model.sigmas[:, 1] / model.sigmas[:, 0], ETA / SIGMA, rtol=1e-12)
    fitted, options = calibrated(fitted_to, at())
    sigma, eta = fitted.sigmas[0].tolist()
    np.testing.assert_allclose(model_vols(fitted, options), quantlib_vols(sigma, eta), rtol=0, atol=2e-8)
    left = np.array(model_vols(fitted, options)) - VOLS
    assert 1e-5 < np.abs(left).max() < 4e-4  # two numbers for four quotes
    for move in ([1e-4, 0.0], [0.0, 1e-4], [-1e-4, 1e-4]):
        near = G2pp(
            "EUR",
            fitted.mean_reversions,
            np.ones(1),
            fitted.sigmas + torch.tensor([move]),
            fitted.correlation,
        )
        assert ((np.array(model_vols(near, options)) - VOLS) ** 2).sum() > (left**2).sum()


@pytest.mark.parametrize("fit", [scaled_to, fitted_to])
def test_derivatives_are_those_of_calibration_again(fit: Fit) -> None:
    """To mean reversions, volatilities stated, correlation, the curve and the quotes; the fit's errors are not nought."""
    vols = (0.0078, 0.0082, 0.0079)

    def volatilities(numbers: Tensor) -> Tensor:
        return torch.log(calibrated(fit, numbers, EXPIRIES[1:])[0].sigmas).sum(0)

    numbers = at(vols, a=0.3).requires_grad_(True)
    found = torch.stack(
        [torch.autograd.grad(v, numbers, retain_graph=True)[0] for v in volatilities(numbers)]
    )
    for rows in ([0, 1], [2], [4], [5, 6], [8]):  # of a, b, sigma, eta, rho, rate, vols
        step = torch.zeros_like(numbers)
        step[rows] = 3e-6 * numbers.detach()[rows]
        up, down = volatilities(numbers.detach() + step), volatilities(numbers.detach() - step)
        torch.testing.assert_close(found @ step, (up - down) / 2.0, rtol=1e-6, atol=1e-11)


def test_second_derivatives_of_a_scale() -> None:
    def slope(numbers: Tensor) -> Tensor:
        total = calibrated(scaled_to, numbers, EXPIRIES[1:])[0].sigmas.sum()
        return torch.autograd.grad(total, numbers, create_graph=True)[0]

    numbers = at(VOLS[1:]).requires_grad_(True)
    direction = torch.linspace(0.2, 1.0, len(numbers), dtype=torch.float64) * numbers.detach()
    (found,) = torch.autograd.grad(slope(numbers) @ direction, numbers)
    up, down = ((numbers.detach() + s * direction).requires_grad_(True) for s in (1e-5, -1e-5))
    difference = (slope(up) - slope(down)) / 2e-5
    torch.testing.assert_close(found, difference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("fit", "vols", "message"),
    [
        (
            scaled_to,
            (0.02, 0.002, 0.0081, 0.0079),
            "total swaption variance to rise with expiry, but at quote 2",
        ),
        (fitted_to, (0.02, 0.012, 0.004, 0.002), "expected a strip that tells the two volatilities apart"),
    ],
)
def test_strips_that_cannot_be_are_refused(fit: Fit, vols: Sequence[float], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrated(fit, at(vols))
