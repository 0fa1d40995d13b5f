"""Bought options through the engine: their discounted EPE is their price on every date before they pay.

Two consequences: CVA = LGD PD(0,T) V0 in any model, and a test of how
options are represented near expiry. Prices here are textbook formulas under Hull-White, written for this file.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from tests.support.flat_world import BANK, FlatWorld, days_between, make_engine, run, two_currencies
from tests.support.statistics import assert_within
from xva.adjustments.measures import XvaSpec
from xva.trades import CapFloor, EquityOption, FxOption, Swaption, Trade

KAPPA, SIGMA, R_EUR, R_USD = 0.03, 0.01, 0.03, 0.04
FX_VOL, EQ_VOL, DIVIDEND = 0.10, 0.25, 0.02
RHO_EUR_USD, RHO_EUR_FX, RHO_USD_FX, RHO_EUR_EQ = 0.3, -0.2, 0.25, 0.35
EXPIRY = np.datetime64("2028-01-15", "D")  # 1,095 days: T = 3
T = 3.0
STRIKE_FX, STRIKE_EQ, STRIKE_SWAP, STRIKE_CAP = 0.95, 105.0, 0.031, 0.032
MATURITY = np.datetime64("2033-01-15", "D")
SETS = ("FX", "EQ", "SWAPTION", "CAPLET")


def world() -> FlatWorld:
    return two_currencies(
        equities={"EQ1": (100.0, EQ_VOL, DIVIDEND)},
        correlations={
            ("IR:EUR", "IR:USD"): RHO_EUR_USD,
            ("IR:EUR", "FX:USD"): RHO_EUR_FX,
            ("IR:USD", "FX:USD"): RHO_USD_FX,
            ("IR:EUR", "EQ:EQ1"): RHO_EUR_EQ,
        },
    )


def options(side: str = "long") -> list[Trade]:
    """One option per netting set, all exercised (the caplet: fixed) on the same day."""
    return [
        FxOption(
            trade_id="FX",
            netting_set="FX",
            side=side,
            option_type="call",
            base_currency="USD",
            quote_currency="EUR",
            notional=100.0,
            strike=STRIKE_FX,
            expiry_date=EXPIRY,
        ),
        EquityOption(
            trade_id="EQ",
            netting_set="EQ",
            equity="EQ1",
            currency="EUR",
            side=side,
            option_type="put",
            quantity=1.0,
            strike=STRIKE_EQ,
            expiry_date=EXPIRY,
        ),
        Swaption(
            trade_id="SWAPTION",
            netting_set="SWAPTION",
            currency="EUR",
            side=side,
            swap_side="receiver",
            notional=1e4,
            strike=STRIKE_SWAP,
            index="EUR-FLAT-6M",
            expiry_date=EXPIRY,
            maturity_date=MATURITY,
            settlement="cash",
            fixed_day_count="A365",
        ),
        CapFloor(
            trade_id="CAPLET",
            netting_set="CAPLET",
            currency="EUR",
            side=side,
            cap_floor="cap",
            notional=1e4,
            strike=STRIKE_CAP,
            index="EUR-FLAT-6M",
            start_date=EXPIRY,
            maturity_date=np.datetime64("2028-07-15", "D"),
        ),
    ]


def b(tau: float) -> float:
    return (1.0 - math.exp(-KAPPA * tau)) / KAPPA


def rate_variance(t: float) -> float:
    return SIGMA**2 * (1.0 - math.exp(-2.0 * KAPPA * t)) / (2.0 * KAPPA)


def integral(f: Callable[[float], float]) -> float:
    return float(quad(f, 0.0, T, epsabs=1e-16, epsrel=1e-13)[0])


def exchange(receive: float, deliver: float, stdev: float) -> float:
    d1 = math.log(receive / deliver) / stdev + 0.5 * stdev
    return float(receive * norm.cdf(d1) - deliver * norm.cdf(d1 - stdev))


def fx_price() -> float:
    variance = integral(
        lambda u: (
            FX_VOL**2
            + 2.0 * (1.0 - RHO_EUR_USD) * SIGMA**2 * b(T - u) ** 2  # both currencies have the same volatility
            + 2.0 * (RHO_EUR_FX - RHO_USD_FX) * FX_VOL * SIGMA * b(T - u)
        )
    )
    receive, deliver = math.exp(-R_USD * T) / 1.10, STRIKE_FX * math.exp(-R_EUR * T)
    return 100.0 * exchange(receive, deliver, math.sqrt(variance))


def equity_price() -> float:
    variance = integral(
        lambda u: EQ_VOL**2 + SIGMA**2 * b(T - u) ** 2 + 2.0 * RHO_EUR_EQ * EQ_VOL * SIGMA * b(T - u)
    )
    return exchange(STRIKE_EQ * math.exp(-R_EUR * T), 100.0 * math.exp(-DIVIDEND * T), math.sqrt(variance))


def bond_at_expiry(y: float, maturity: float) -> float:
    """P(T, maturity) under the T-forward measure; y centred normal with `rate_variance(T)`."""
    slope = b(maturity - T)
    return math.exp(-R_EUR * (maturity - T) - slope * y - 0.5 * slope**2 * rate_variance(T))


def swaption_price() -> float:
    """Jamshidian: a receiver is exercised for y below the root; one coupon bond option per payment."""
    pays = [
        (np.datetime64(f"{2028 + k}-01-15") - np.datetime64("2025-01-15")).astype(int) / 365 for k in range(6)
    ]
    flows = [(pays[0], -1e4)] + [(t1, 1e4 * STRIKE_SWAP * (t1 - t0)) for t0, t1 in zip(pays, pays[1:])]
    flows.append((pays[-1], 1e4))
    root = brentq(lambda y: sum(a * bond_at_expiry(y, t) for t, a in flows), -0.3, 0.3, xtol=1e-15)
    sd = math.sqrt(rate_variance(T))
    each = [a * math.exp(-R_EUR * t) * norm.cdf((root + b(t - T) * sd**2) / sd) for t, a in flows]
    return float(sum(each))


def caplet_price() -> float:
    """A caplet is a put on the bond to its payment."""
    end = (np.datetime64("2028-07-15") - np.datetime64("2025-01-15")).astype(int) / 365
    factor = 1.0 + STRIKE_CAP * (end - T)
    stdev = b(end - T) * math.sqrt(rate_variance(T))
    return 1e4 * exchange(math.exp(-R_EUR * T), factor * math.exp(-R_EUR * end), stdev)


PRICES = (fx_price(), equity_price(), swaption_price(), caplet_price())


def test_prices_today() -> None:
    found = run(make_engine(world(), options(), ["2026-01-15"], 1, scrambles=2))
    np.testing.assert_allclose(found.value0, PRICES, rtol=1e-9)


def relative_epe(before: list[int], paths_per_scramble: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """EPE over price, its standard error and ENE, ``(option, date)``, so many days before expiry."""
    dates = np.array([EXPIRY - np.timedelta64(d, "D") for d in before])
    found = run(make_engine(world(), options(), dates, paths_per_scramble, block_size=4096))
    scale = np.array(PRICES)[:, None]
    return found.epe.values[:, 1:] / scale, found.epe_se.values[:, 1:] / scale, found.ene.values


def test_epe_of_a_bought_option_near_expiry() -> None:
    """At 180, 30, 7 and 1 days before expiry EPE equals V0 to 1e-4."""
    relative, se, ene = relative_epe([180, 30, 7, 1], 8192)
    assert_within(relative, se, np.ones_like(relative), more=1e-7)
    np.testing.assert_allclose(relative, 1.0, atol=1e-4)
    assert (ene < 1e-6).all()


def test_epe_of_a_bought_option_where_its_representation_changes() -> None:
    """From Chebyshev nodes to a closed form per path at half a year."""
    relative, se, ene = relative_epe([1000, 365, 190, 183, 182, 181], 2048)
    assert_within(relative, se, np.ones_like(relative), more=1e-7)
    assert (ene < 1e-6).all()


def test_a_written_option_is_all_negative_exposure() -> None:
    before = [EXPIRY - np.timedelta64(d, "D") for d in (400, 100, 1)]
    bought, written = (
        run(make_engine(world(), options(side), np.array(before), 16)) for side in ("long", "short")
    )
    np.testing.assert_allclose(written.ene, bought.epe, rtol=1e-13)
    assert (written.epe.values < 1e-9).all()  # Chebyshev's and ndtr's rounding


@pytest.mark.parametrize("quadrature", ["right", "trapezoid"])
def test_cva_identity_on_a_grid_that_ends_before_the_option_pays(quadrature: str) -> None:
    dates = days_between("2025-01-15", str(EXPIRY - np.timedelta64(1, "D")), 24)
    spec = XvaSpec(BANK, quadrature=quadrature)  # type: ignore[arg-type]
    found = run(make_engine(world(), options(), dates, 1024, xva=spec)).sel(measure="CVA")
    last = (dates[-1] - np.datetime64("2025-01-15")).astype(int) / 365.0
    exact = 0.6 * (1.0 - math.exp(-0.02 * last)) * np.array(PRICES)
    assert_within(found["xva"], found.xva_se, exact, more=1e-7 * exact)
    np.testing.assert_allclose(found["xva"], exact, rtol=1e-3)


def test_cva_identity_on_a_grid_that_ends_at_expiry_loses_the_last_bucket() -> None:
    dates = days_between("2025-01-15", str(EXPIRY), 12)
    found = run(make_engine(world(), options(), dates, 1024))
    assert (found.epe.values[:3, -1] == 0.0).all()  # paid that day
    times = (dates - np.datetime64("2025-01-15")).astype(int) / 365.0
    ends = np.array([times[-2], times[-2], times[-2], times[-1]])  # the caplet pays later
    exact = 0.6 * (1.0 - np.exp(-0.02 * ends)) * np.array(PRICES)
    cva = found.sel(measure="CVA")
    assert_within(cva["xva"], cva.xva_se, exact, more=1e-7 * exact)
    np.testing.assert_allclose(cva["xva"], exact, rtol=1e-3)


def test_a_caplet_keeps_its_value_between_fixing_and_payment() -> None:
    """Fixed but unpaid: its conditional mean given the state, still positive and of the same mean."""
    dates = [EXPIRY + np.timedelta64(d, "D") for d in (1, 60, 180)]
    found = run(make_engine(world(), options()[3:], np.array(dates), 2048))
    assert_within(found.epe[0, 1:], found.epe_se[0, 1:], np.full(3, PRICES[3]))
