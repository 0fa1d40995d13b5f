"""Options far out of the money have as many digits as near it: tails of the normal law are not rounded to 1e-16.

Volatility 0.5 % to 200 %, a day to 60 years, carry -15 % to 15 %, strikes half a deviation to 30 of them away, against
the same formulas in 40 digits.
"""

from __future__ import annotations

import itertools

import mpmath as mp
import pytest
import torch
from torch import Tensor

from tests.oracles.quantlib_prices import numbers
from xva.models.lgm_swaption import SwaptionTerms, swaption_value
from xva.pricing.closed_form.bachelier import bachelier_option
from xva.pricing.closed_form.bivariate_normal import bivariate_normal_cdf
from xva.pricing.closed_form.black76 import black76_option
from xva.pricing.closed_form.black_scholes import black_scholes
from xva.pricing.closed_form.geometric_asian import geometric_asian_continuous
from xva.pricing.closed_form.margrabe import exchange_option
from xva.pricing.closed_form.stulz import stulz
from xva.pricing.exchange import exchange_value

GRID = itertools.product(
    (0.005, 0.02, 0.2, 2.0),
    (1 / 365, 1.0, 60.0),
    (-0.15, 0.0, 0.15),
    (0.5, 3.0, 7.0, 12.0, 30.0),
    (1.0, -1.0),
)
VOL, YEARS, CARRY, AWAY, SIGN = (torch.tensor(column, dtype=torch.float64) for column in zip(*GRID))
RATE, SPOT = torch.full_like(VOL, 0.03), torch.full_like(VOL, 100.0)
FORWARD = SPOT * torch.exp(CARRY * YEARS)
STRIKE = FORWARD * torch.exp(SIGN * AWAY * VOL * YEARS.sqrt())

TOLERANCE = 3e-8  # 30 deviations away, where a rounding of ln(F/K) is worth that much


def exact(function, *columns: Tensor) -> list[mp.mpf]:  # type: ignore[no-untyped-def]
    with mp.workdps(40):
        return [function(*map(mp.mpf, row)) for row in zip(*(c.tolist() for c in columns))]


def largest_relative_error(got: Tensor, wanted: list[mp.mpf]) -> float:
    live = [(g, w) for g, w in zip(got.tolist(), wanted, strict=True) if w > 1e-280]  # doubles end at 1e-308
    assert len(live) > len(wanted) / 2
    return max(abs(float(g / w - 1)) for g, w in live)


def black(forward, strike, dev, sign):  # type: ignore[no-untyped-def]
    d1 = sign * (mp.log(forward / strike) / dev + dev / 2)
    return sign * (forward * mp.ncdf(d1) - strike * mp.ncdf(d1 - sign * dev))


def black_scholes_exact(strike, years, vol, dividend, sign):  # type: ignore[no-untyped-def]
    rate = mp.mpf(0.03)
    forward = 100 * mp.exp((rate - dividend) * years)
    return mp.exp(-rate * years) * black(forward, strike, vol * mp.sqrt(years), sign)


def test_black_scholes() -> None:
    got = black_scholes(SPOT, STRIKE, YEARS, RATE, VOL, RATE - CARRY, SIGN)
    wanted = exact(black_scholes_exact, STRIKE, YEARS, VOL, RATE - CARRY, SIGN)
    assert largest_relative_error(got, wanted) < TOLERANCE


def test_black_76() -> None:
    got = black76_option(FORWARD, STRIKE, YEARS, RATE, VOL, SIGN)

    def price(forward, strike, years, vol, sign):  # type: ignore[no-untyped-def]
        return mp.exp(-mp.mpf(0.03) * years) * black(forward, strike, vol * mp.sqrt(years), sign)

    assert largest_relative_error(got, exact(price, FORWARD, STRIKE, YEARS, VOL, SIGN)) < TOLERANCE


def test_bachelier() -> None:
    dev = VOL * YEARS.sqrt()
    strike = 0.02 + SIGN * AWAY * dev
    got = bachelier_option(torch.full_like(VOL, 0.02), strike, YEARS, RATE, VOL, SIGN)

    def price(strike, years, vol, sign):  # type: ignore[no-untyped-def]
        dev, money = vol * mp.sqrt(years), sign * (mp.mpf(0.02) - strike)
        return mp.exp(-mp.mpf(0.03) * years) * (money * mp.ncdf(money / dev) + dev * mp.npdf(money / dev))

    assert largest_relative_error(got, exact(price, strike, YEARS, VOL, SIGN)) < TOLERANCE


def test_geometric_asian() -> None:
    mean = SPOT * torch.exp(0.5 * (CARRY - VOL * VOL / 6.0) * YEARS)
    strike = mean * torch.exp(SIGN * AWAY * VOL * (YEARS / 3.0).sqrt())
    got = geometric_asian_continuous(SPOT, strike, YEARS, RATE, VOL, RATE - CARRY, SIGN)

    def price(strike, years, vol, dividend, sign):  # type: ignore[no-untyped-def]
        rate = mp.mpf(0.03)
        mean = 100 * mp.exp((rate - dividend - vol * vol / 6) * years / 2)
        return mp.exp(-rate * years) * black(mean, strike, vol * mp.sqrt(years / 3), sign)

    assert largest_relative_error(got, exact(price, strike, YEARS, VOL, RATE - CARRY, SIGN)) < TOLERANCE


def test_exchange_options_of_two_assets_and_of_the_engine() -> None:
    other = torch.full_like(VOL, 0.3)
    dev = ((VOL * VOL + other * other - VOL * other) * YEARS).sqrt()
    deliver = SPOT * torch.exp(AWAY * dev)
    got = exchange_option(SPOT, deliver, YEARS, VOL, other, torch.full_like(VOL, 0.5))

    def price(strike, years, vol):  # type: ignore[no-untyped-def]
        other = mp.mpf(0.3)
        return black(mp.mpf(100), strike, mp.sqrt((vol * vol + other * other - vol * other) * years), 1)

    assert largest_relative_error(got, exact(price, deliver, YEARS, VOL)) < TOLERANCE
    found = exchange_value(torch.zeros_like(dev), AWAY * dev, dev)
    wanted = exact(lambda deliver, dev: black(mp.mpf(1), mp.exp(deliver), dev, 1), AWAY * dev, dev)
    assert largest_relative_error(found.value, wanted) < TOLERANCE


@pytest.mark.parametrize("sense", [1, -1])
def test_swaption_on_one_path(sense: int) -> None:
    """Two flows, their sum 0 at the root: a Jamshidian sum far from exercise."""
    weight, h = numbers(1.0, -1.05), numbers(2.0, 6.0)
    slope = 4.0
    zeta, at = torch.tensor(0.0004, dtype=torch.float64), torch.tensor(0.0001, dtype=torch.float64)
    flows = torch.stack(h)
    q = flows * flows
    root = (torch.log(torch.tensor(1.05, dtype=torch.float64)) - 0.5 * (q[1] - q[0]) * zeta) / slope
    terms = SwaptionTerms(torch.stack(weight) * sense, flows, q, zeta, root, sense)
    x = root - sense * torch.tensor([0.02, 0.1, 0.3, 0.5], dtype=torch.float64)

    def price(x):  # type: ignore[no-untyped-def]
        end, now, start = (mp.mpf(float(v)) for v in (zeta, at, root))
        left, total = end - now, mp.mpf(0)
        for w, slope in ((mp.mpf(1), mp.mpf(2)), (-mp.mpf(1.05), mp.mpf(6))):
            growth = mp.exp(-slope * x + slope * slope * left / 2 - slope * slope * end / 2)
            total += sense * w * growth * mp.ncdf(sense * (x - slope * left - start) / mp.sqrt(left))
        return total

    assert largest_relative_error(swaption_value(terms, x, at), exact(price, x)) < TOLERANCE


def test_bivariate_normal_in_its_corner() -> None:
    """Relative where the correlation is positive; to rounding of the smaller marginal everywhere."""
    h, k, r = (torch.tensor(c, dtype=torch.float64) for c in zip((-7, 0.5, 0.4), (-7, -7, 0.5), (-7, 7, 0.5)))

    def corner(h, k, r):  # type: ignore[no-untyped-def]
        side = mp.sqrt(1 - r * r)
        cuts = [h - 40, h - 10, h - 5, h - 3, h - 2, h - 1, h - mp.mpf(1) / 2, h]
        return mp.quad(lambda x: mp.npdf(x) * mp.ncdf((k - r * x) / side), cuts)

    assert largest_relative_error(bivariate_normal_cdf(h, k, r), exact(corner, h, k, r)) < 1e-12


@pytest.mark.parametrize(
    ("strike", "correlation", "sign", "best", "value"),
    [  # the law of the second asset given the first, integrated in 40 digits
        (200, 0.5, 1, 1, 0.009743494458572815),
        (200, 0.95, 1, -1, 0.002096156155780619),
        (400, -0.7, 1, 1, 1.140173747015478e-08),
        (400, 0.95, 1, 1, 1.137911207229087e-08),
        (400, 0.95, 1, -1, 2.2625397863910972e-11),
    ],
)
def test_two_assets(strike: float, correlation: float, sign: int, best: int, value: float) -> None:
    """1e-6 off at 1e-8 while a probability was 1 less another."""
    terms = numbers(100, 90, strike, 1, 0.03, 0.2, 0.25, correlation, 0.01, 0.02)
    assert stulz(*terms, sign=sign, best=best).item() == pytest.approx(value, rel=2e-10)
