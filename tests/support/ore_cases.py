"""Four ORE cases as trades on the flat world, and their exact measures."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from tests.support.flat_world import FlatWorld, two_currencies
from tests.support.places import ORACLES
from xva.trades import EquityOption, FxForward, InterestRateSwap, Swaption, Trade

FOLDER = ORACLES / "ore_cases"


NAMES = ("swap_payer_10y", "fxfwd_5y", "eqopt_call_3y", "swaption_euro_phys_5x5")


CASES: dict[str, dict[str, Any]] = {n: json.loads((FOLDER / f"{n}.json").read_text()) for n in NAMES}


FIXING = {("EUR-FLAT-6M", "2025-01-15"): 0.030224261396}


KAPPA, SIGMA, RATE = 0.03, 0.01, 0.03


EXERCISE = 1826 / 365  # 2030-01-15, a leap day on the way


Floats = NDArray[np.float64]


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def world() -> FlatWorld:
    years = 3.0
    tau = np.linspace(0.0, years, 20001)
    rates = float(np.trapezoid((SIGMA * -np.expm1(-KAPPA * tau) / KAPPA) ** 2, tau))
    spot_vol = math.sqrt(0.2**2 - rates / years)
    return two_currencies(equities={"EQ1": (100.0, spot_vol, 0.0)})


TRADES: dict[str, Trade] = {
    "swap_payer_10y": InterestRateSwap(
        trade_id="T1",
        netting_set="CPTY_A",
        currency="EUR",
        notional=1e7,
        side="payer",
        fixed_rate=0.03,
        index="EUR-FLAT-6M",
        start_date=day("2025-01-15"),
        maturity_date=day("2035-01-15"),
        fixed_day_count="A365",
    ),
    "fxfwd_5y": FxForward(
        trade_id="T1",
        netting_set="CPTY_A",
        buy_currency="EUR",
        buy_amount=1e7,
        sell_currency="USD",
        sell_amount=1.15e7,
        settlement_date=day("2030-01-15"),
    ),
    "eqopt_call_3y": EquityOption(
        trade_id="T1",
        netting_set="CPTY_A",
        equity="EQ1",
        currency="EUR",
        side="long",
        option_type="call",
        quantity=1e5,
        strike=100.0,
        expiry_date=day("2028-01-15"),
    ),
    "swaption_euro_phys_5x5": Swaption(
        trade_id="T1",
        netting_set="CPTY_A",
        currency="EUR",
        side="long",
        swap_side="payer",
        notional=1e7,
        strike=0.032,
        index="EUR-FLAT-6M",
        expiry_date=day("2030-01-15"),
        maturity_date=day("2035-01-15"),
        settlement="physical",
        fixed_day_count="A365",
    ),
}


def dates_of(name: str) -> list[str]:
    return list(CASES[name]["classic"]["profile"]["date"])


def times_of(name: str) -> Floats:
    dates = np.array(dates_of(name), dtype="datetime64[D]")
    return np.asarray((dates - dates[0]).astype(np.int64) / 365.0)


def exact_measures(name: str, epe: Floats, ene: Floats) -> dict[str, float]:
    """The README's sums, written out once more."""
    t = times_of(name)
    s_c, s_b = np.exp(-0.02 * t), np.exp(-0.01 * t)
    alive = s_c[:-1] * s_b[:-1]
    ois, borrow, lend = (np.exp(r * np.diff(t)) for r in (0.03, 0.04, 0.035))
    return {
        "CVA": float(0.6 * -np.diff(s_c) @ epe[1:]),
        "DVA": float(0.6 * -np.diff(s_b) @ ene[1:]),
        "FCA": float(alive * (borrow - ois) @ epe[1:]),
        "FBA": float(alive * (lend - ois) @ ene[1:]),
    }


def zeta(t: float, sigma: float) -> float:
    return sigma**2 * math.expm1(2.0 * KAPPA * t) / (2.0 * KAPPA)


def swap_terms(after: float) -> list[tuple[float, float]]:
    """(time, amount) of what is left of the 5x5 payer swap at a reset date: the floating leg is worth 1 - P(T_n)."""
    dates = np.array([f"{2030 + k}-01-15" for k in range(6)], dtype="datetime64[D]")
    t = (dates - day("2025-01-15")).astype(np.int64) / 365.0
    fixed = [(float(b), -1e7 * 0.032 * float(b - a)) for a, b in zip(t[:-1], t[1:]) if b > after + 1e-9]
    return [(after, 1e7), *fixed, (float(t[-1]), -1e7)] if fixed else []


def deflated_swap(x: Floats, t: float, rate: float, sigma: float) -> Floats:
    value = np.zeros_like(x)
    for pay, amount in swap_terms(t):
        h = -math.expm1(-KAPPA * pay) / KAPPA
        value += amount * np.exp(-rate * pay - h * x - 0.5 * h * h * zeta(t, sigma))
    return value


def swaption_profile(rate: float = RATE, sigma: float = SIGMA) -> tuple[Floats, Floats]:
    """EPE and ENE of the physical swaption by quadrature in the states at expiry and at the date."""
    times = times_of("swaption_euro_phys_5x5")
    expiry = EXERCISE
    ze = zeta(expiry, sigma)
    root = brentq(
        lambda x: float(deflated_swap(np.array([x]), expiry, rate, sigma)[0]), -0.5, 0.5, xtol=1e-16
    )
    # Gauss-Legendre from the exercise boundary up, split finely: the integrands are smooth there
    node, weight = np.polynomial.legendre.leggauss(24)
    edges = np.linspace(root, 10.0 * math.sqrt(ze), 41)
    half = 0.5 * np.diff(edges)[:, None]
    x_e = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * node).ravel()
    density = (half * weight).ravel() * norm.pdf(x_e, scale=math.sqrt(ze))
    price = float(density @ deflated_swap(x_e, expiry, rate, sigma))
    epe, ene = np.zeros(len(times)), np.zeros(len(times))
    for k, t in enumerate(times.tolist()):
        if t < expiry:
            epe[k] = price
        elif t == expiry:
            epe[k] = price  # physical: the swap just entered, nothing has been paid
        elif swap_terms(t):
            epe[k], ene[k] = _after_expiry(x_e, density, t, zeta(t, sigma) - ze, rate, sigma)
    return epe, ene


def _after_expiry(
    x_e: Floats, density: Floats, t: float, variance: float, rate: float, sigma: float
) -> tuple[float, float]:
    """E[V+; exercised], E[V-; exercised]; given x_e each bond is an exponential of a normal, V changes sign once."""
    sd = math.sqrt(variance)
    kink = brentq(lambda x: float(deflated_swap(np.array([x]), t, rate, sigma)[0]), -1.0, 1.0, xtol=1e-16)
    positive = mean = 0.0
    for pay, amount in swap_terms(t):
        h = -math.expm1(-KAPPA * pay) / KAPPA
        each = amount * np.exp(-rate * pay - h * x_e - 0.5 * h * h * (zeta(t, sigma) - variance))
        above = norm.cdf((x_e - h * variance - kink) / sd)
        positive += float(density @ (each * above))
        mean += float(density @ each)
    return positive, positive - mean
