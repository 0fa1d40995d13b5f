"""Four ORE cases (shared/reference/ore_cases, 1.8.17) through the engine: exact references first, ORE second.

The model is the cases': LGM with kappa 3 % and sigma 1 %, a *spot* FX volatility of 10 %, an equity spot volatility such
that the forward volatility to three years is 20 %. Values exclude the flows on the date, sums run over the case's dates.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from tests.support.flat_world import BANK, FlatWorld, assert_within, make_engine, run, two_currencies
from tests.support.places import ORACLES
from xva.adjustments.measures import XvaSpec
from xva.trades import EquityOption, FxForward, InterestRateSwap, Swaption, Trade

FOLDER = ORACLES / "ore_cases"
NAMES = ("swap_payer_10y", "fxfwd_5y", "eqopt_call_3y", "swaption_euro_phys_5x5")
CASES: dict[str, dict[str, Any]] = {n: json.loads((FOLDER / f"{n}.json").read_text()) for n in NAMES}
FIXING = {("EUR-FLAT-6M", "2025-01-15"): 0.030224261396}
ORE_FORM = XvaSpec(BANK, funding="curve")
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


def exposure(name: str, paths_per_scramble: int) -> xr.Dataset:
    dates = dates_of(name)[1:]
    return run(make_engine(world(), [TRADES[name]], dates, paths_per_scramble, xva=ORE_FORM, fixings=FIXING))


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


def equity_profile() -> tuple[Floats, Floats]:
    """A bought option's EPE is its price until it pays: Black-Scholes at the forward volatility of 20 %."""
    stdev = 0.2 * math.sqrt(3.0)
    d1 = RATE * 3.0 / stdev + 0.5 * stdev
    price = 1e5 * 100.0 * (norm.cdf(d1) - math.exp(-RATE * 3.0) * norm.cdf(d1 - stdev))
    assert price == pytest.approx(1_789_952.74, abs=0.005)  # ORE's own
    epe = np.full(len(times_of("eqopt_call_3y")), price)
    epe[-1] = 0.0
    return epe, np.zeros_like(epe)


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


def exact_profile(name: str) -> tuple[Floats, Floats]:
    if name == "eqopt_call_3y":
        return equity_profile()
    if name == "swaption_euro_phys_5x5":
        return swaption_profile()
    reference = CASES[name]["exact_reference"]
    assert reference["dates"] == dates_of(name)
    return np.array(reference["EPE"], dtype=float), np.array(reference["ENE"], dtype=float)


def test_the_quadrature_of_the_swaption_is_that_of_numbers() -> None:
    epe, ene = swaption_profile()
    found = exact_measures("swaption_euro_phys_5x5", epe, ene)
    assert epe[0] == pytest.approx(283_755.5, abs=0.05)
    assert found["CVA"] == pytest.approx(22_094.7, abs=0.13)
    assert found["DVA"] == pytest.approx(573.27, abs=0.07)


@pytest.mark.parametrize("name", ["swap_payer_10y", "fxfwd_5y"])
def test_our_sums_of_the_exact_profiles_are_the_references(name: str) -> None:
    reference = CASES[name]["exact_reference"]
    found = exact_measures(name, *exact_profile(name))
    assert found == pytest.approx({m: reference[m] for m in found}, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_profiles_on_8192_paths(name: str) -> None:
    found = exposure(name, 256)
    epe, ene = exact_profile(name)
    assert_within(found.epe[0], found.epe_se[0], epe, floor=1e-7)
    interpolation = (
        3e-6 * epe.max()
    )  # a positive option's Chebyshev interpolant dips below zero where it is worth nothing
    assert_within(found.ene[0], found.ene_se[0], ene, floor=1e-7, more=interpolation)


@pytest.mark.parametrize("name", NAMES)
def test_adjustments_against_the_exact_reference_and_ore(name: str) -> None:
    found = exposure(name, 4096).sel(netting_set="CPTY_A")
    exact = exact_measures(name, *exact_profile(name))
    for measure, value in exact.items():
        got = found.sel(measure=measure)
        assert_within(got["xva"], got.xva_se, value, floor=1e-7, more=0.01)
    ore = CASES[name]["classic"]["xva"]
    for measure in ("CVA", "FCA"):
        assert found["xva"].sel(measure=measure).item() == pytest.approx(ore[measure], rel=3e-3)
    for measure in ("DVA", "FBA"):  # the swaption's are small: ours are noisier than the 1 % that ORE is off
        noise = 3.0 * found.xva_se.sel(measure=measure).item()
        allowed = max(1e-2 * ore[measure], noise) + 0.01
        assert exact[measure] == pytest.approx(ore[measure], rel=1e-2, abs=0.01)
        assert found["xva"].sel(measure=measure).item() == pytest.approx(ore[measure], abs=allowed)


@pytest.mark.parametrize("name", ["swap_payer_10y", "fxfwd_5y"])
def test_ore_amc_of_the_linear_cases(name: str) -> None:
    """Its regression is 0.4 % off on the swaption's CVA (22,176 against 22,094.7), so not that one."""
    found = exposure(name, 1024)["xva"].sel(netting_set="CPTY_A")
    for measure in ("CVA", "FCA"):
        assert found.sel(measure=measure).item() == pytest.approx(
            CASES[name]["amc"]["xva"][measure], rel=3e-3
        )


def test_funding_variants_against_ore() -> None:
    """FCAexOwnSP and FCAexAllSP are our ``curve_ex_own`` and ``curve_ex_all``, from the same run."""
    found = exposure("swap_payer_10y", 2048).xva_variant.sel(netting_set="CPTY_A")
    ore = CASES["swap_payer_10y"]["classic"]["xva"]
    for ours, theirs in (("curve", ""), ("curve_ex_own", "exOwnSP"), ("curve_ex_all", "exAllSP")):
        for measure in ("FCA", "FBA"):
            got = found.sel(variant=f"{measure} {ours}").item()
            assert got == pytest.approx(ore[f"{measure}{theirs}"], rel=3e-3)
