"""Barriers from 0.5 % to 200 % volatility, a day to 60 years, carry -15 % to 15 %: against the killed density.

The density of an asset that has not met the barrier is that of one that may, times ``1 - exp(-2 x y / dev^2)``, x and
y the logarithmic distances from the barrier today and at expiry: no weight larger than one, and no formula shared
with the product.
"""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
import torch
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad

from tests.oracles import quantlib_prices
from tests.oracles.quantlib_prices import numbers
from xva.pricing.closed_form.barrier import KINDS, barrier_option
from xva.pricing.closed_form.black_scholes import black_scholes

NODES, WEIGHTS = leggauss(16)
VOLS = (0.005, 0.01, 0.02, 0.05, 0.2, 0.5, 1.0, 2.0)
YEARS = (1.0 / 365.0, 1.0 / 12.0, 1.0, 5.0, 10.0, 30.0, 60.0)
CARRIES = (-0.15, -0.05, -0.01, 0.0, 0.01, 0.05, 0.15)
RATE = 0.03


def killed(spot, strike, level, years, rate, vol, dividend, kind, sign):  # type: ignore[no-untyped-def]
    """Gauss-Legendre on panels of a quarter standard deviation, cut where the integrand kinks."""
    dev, drift = vol * math.sqrt(years), (rate - dividend - 0.5 * vol * vol) * years
    side = 1.0 if kind.startswith("down") else -1.0
    x = side * math.log(spot / level)
    money = side * math.log(strike / level)
    mean = x + side * drift  # distance from the barrier at expiry
    edges = np.concatenate([mean + dev * np.arange(-112, 113) * 0.25, [0.0, money]])
    edges = np.unique(edges)
    half = 0.5 * np.diff(edges)[:, None]
    y = 0.5 * (edges[:-1] + edges[1:])[:, None] + half * NODES
    payoff = np.maximum(sign * (level * np.exp(side * y) - strike), 0.0)
    met = -2.0 * x * np.maximum(y, 0.0) / (dev * dev)  # logarithm of the share that did, 0 beyond the barrier
    share = np.exp(met) if kind.endswith("in") else -np.expm1(met)
    density = np.exp(-0.5 * ((y - mean) / dev) ** 2) / (dev * math.sqrt(2.0 * math.pi))
    return math.exp(-rate * years) * float((half * WEIGHTS * density * payoff * share).sum())


def scenarios() -> list[tuple[float, ...]]:
    """Barriers and strikes at random distances, half of them where the drift leads."""
    rng = np.random.default_rng(7)
    found = []
    for vol, years, carry in itertools.product(VOLS, YEARS, CARRIES):
        dev = vol * math.sqrt(years)
        away = min(rng.uniform(0.02, 3.0) * dev + rng.choice([0.0, 0.4]) * abs(carry) * years, 3.0)
        money = np.clip(2.0 * rng.normal() * dev + rng.choice([0.0, 1.0]) * carry * years, -3.0, 3.0)
        found.append((100.0, 100.0 * math.exp(money), away, years, RATE, vol, RATE - carry))
    return found


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_against_the_killed_density_on_the_grid(kind: str, sign: int) -> None:
    rows = scenarios()
    side = -1.0 if kind.startswith("down") else 1.0
    rows = [(s, k, s * math.exp(side * away), *rest) for s, k, away, *rest in rows]  # type: ignore[misc]
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*rows)]
    got = barrier_option(*columns, kind=kind, sign=sign)  # type: ignore[arg-type]
    counterpart = kind.replace("out", "in") if kind.endswith("out") else kind.removesuffix("in") + "out"
    other = barrier_option(*columns, kind=counterpart, sign=sign)  # type: ignore[arg-type]
    spot, strike, _, *rest = columns
    plain = black_scholes(spot, strike, *rest, sign)
    size = spot * torch.exp(-rest[3] * rest[0]) + strike  # of the terms
    expected = torch.tensor([killed(*row, kind, sign) for row in rows], dtype=torch.float64)
    assert float(((got - expected).abs() / size).max()) < 2e-13
    assert float(((got + other - plain).abs() / size).max()) < 1e-15
    assert float((got / size).min()) > -1e-15


CASES = [
    ((100, 90, 125, 5, 0.03, 0.02, -0.01), "up-and-out", 1, 16.801464),
    ((100, 100, 110, 5, 0.03, 0.01, 0.01), "up-and-out", 1, 2.613036),
    ((100, 110, 90, 5, 0.03, 0.01, 0.05), "down-and-in", -1, 8.267157),
    ((99, 50, 70, 10, 0.10, 0.02, 0.12), "down-and-in", 1, 0.100702),
    ((100, 80.4, 80, 10, 0.02, 0.02, 0.05), "down-and-in", 1, 0.005442),
]


@pytest.mark.parametrize(("terms", "kind", "sign", "value"), CASES)
def test_what_was_wrong(terms: tuple[float, ...], kind: str, sign: int, value: float) -> None:
    """They gave 17.872, 2.984, 7.556, 0.0756 and 0.926 while the tails came from torch's ndtr."""
    got = barrier_option(*numbers(*terms), kind=kind, sign=sign).item()  # type: ignore[arg-type]
    assert got == pytest.approx(value, abs=1e-6)
    assert got == pytest.approx(killed(*terms, kind, sign), rel=1e-11)
    spot, strike, level, years, rate, vol, dividend = terms
    oracle = quantlib_prices.barrier(
        spot, strike, level, int(365 * years), rate, vol, dividend, 0.0, kind, sign
    )
    assert got == pytest.approx(oracle, abs=1e-8)


def formula(spot, strike, level, years, rate, vol, dividend, kind, sign):  # type: ignore[no-untyped-def]
    """In 60 digits: the killed density integrated by hand, for options alive on the strike's side only."""
    dev = vol * mp.sqrt(years)
    drift = (rate - dividend - vol * vol / 2) * years

    def vanilla(start, at):  # type: ignore[no-untyped-def]  # of the asset from ``start``, exercised beyond ``at``
        d2 = sign * (mp.log(start / at) + drift) / dev
        asset = start * mp.exp(-dividend * years) * mp.ncdf(d2 + sign * dev)
        return sign * (asset - strike * mp.exp(-rate * years) * mp.ncdf(d2))

    weight = (level / spot) ** (2 * drift / (vol * vol * years))
    inside = weight * vanilla(level * level / spot, strike)
    return inside if kind.endswith("in") else vanilla(spot, strike) - inside


@pytest.mark.parametrize(
    ("terms", "kind", "sign"),
    [
        ((100, 80.4, 80, 10, 0.02, 0.02, 0.05), "down-and-in", 1),
        ((100, 80.4, 80, 10, 0.02, 0.02, 0.05), "down-and-out", 1),
        ((100, 95, 90, 1, 0.03, 0.005, 0.15), "down-and-in", 1),
        ((100, 99.99, 99.98, 1 / 365, 0.03, 0.005, 0.05), "down-and-out", 1),
        ((100, 105, 110, 1, 0.03, 0.01, -0.07), "up-and-in", -1),
        ((100, 120, 150, 30, 0.03, 0.01, -0.02), "up-and-out", -1),
        ((100, 150, 40, 60, 0.03, 2.0, -0.12), "down-and-out", 1),
    ],
)
def test_derivatives_against_sixty_digits(terms: tuple[float, ...], kind: str, sign: int) -> None:
    """Delta, gamma and vega; -2.1e-5 was a gamma of 2.08."""
    with mp.workdps(60):
        exact = [mp.mpf(x) for x in terms]
        step = mp.mpf(10) ** -15

        def at(spot: int, vol: int) -> mp.mpf:
            moved = list(exact)
            moved[0], moved[5] = moved[0] + spot * step, moved[5] + vol * step
            return formula(*moved, kind, sign)

        wanted = [
            float((at(1, 0) - at(-1, 0)) / (2 * step)),
            float((at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / step**2),
            float((at(0, 1) - at(0, -1)) / (2 * step)),
        ]
    arguments = numbers(*terms)
    spot, vol = arguments[0].requires_grad_(), arguments[5].requires_grad_()
    value = barrier_option(*arguments, kind=kind, sign=sign)  # type: ignore[arg-type]
    delta, vega = torch.autograd.grad(value, (spot, vol), create_graph=True)
    (gamma,) = torch.autograd.grad(delta, spot)
    got = [delta.item(), gamma.item(), vega.item()]
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    if terms[1] == 80.4 and kind == "down-and-in":
        assert got[1] == pytest.approx(-2.1e-5, abs=5e-7)


@pytest.mark.parametrize(
    ("vol", "carry"), [(0.005, 0.02), (0.01, -0.03), (0.02, 0.05), (0.5, 0.1), (2.0, -0.15)]
)
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_rebates_against_the_density_of_the_hitting_time(side: float, vol: float, carry: float) -> None:
    """A rebate of 1 paid when the barrier is met, by the inverse Gaussian density; at expiry where it never was."""
    spot, years = 100.0, 5.0
    drift = side * (carry - 0.5 * vol * vol)  # of the distance
    distance = 1.5 * vol * math.sqrt(years) + 0.4 * max(-drift, 0.0) * years
    level = spot * math.exp(-side * distance)

    def hit(t: float, rate: float) -> float:
        distant = -0.5 * ((distance + drift * t) / vol) ** 2 / t
        return math.exp(distant - rate * t) * distance / (vol * math.sqrt(2.0 * math.pi * t**3))

    cuts = np.linspace(0.0, years, 201)
    ever, now = (
        sum(quad(hit, a, b, (rate,), epsabs=0, epsrel=1e-12)[0] for a, b in zip(cuts, cuts[1:]))
        for rate in (0.0, RATE)
    )
    arguments = numbers(spot, 50.0 if side > 0 else 150.0, level, years, RATE, vol, RATE - carry)
    name = "down" if side > 0 else "up"
    for kind, expected in (
        (f"{name}-and-out", now),
        (f"{name}-and-in", math.exp(-RATE * years) * (1.0 - ever)),
    ):
        both = [barrier_option(*arguments, rebate, kind=kind, sign=1) for rebate in (1.0, 0.0)]  # type: ignore[arg-type]
        assert float(both[0] - both[1]) == pytest.approx(expected, abs=1e-11)
