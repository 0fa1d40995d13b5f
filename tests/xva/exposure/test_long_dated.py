"""Swaps of 10 to 60 years: exposure against quadrature with the bonds' own formula, and means against the curve.

The quadrature takes nothing from the engine: its LGM has its zero horizon at today, its flows are the trade's claims, and
its grid is fine enough for any bond. What the engine interpolates is integrated the same way over the law of its paths.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.stats import t as student

from tests.support.flat_book import FX_FIXING, cross_currency, day, present_value, swap, world
from tests.support.flat_world import COUNTERPARTY, FlatWorld, make_engine, rate_id, run
from tests.support.statistics import assert_within
from xva.adjustments.registry import SIDES
from xva.exposure.block.data import ExposureData
from xva.exposure.engine import ExposureEngine
from xva.exposure.parts.exercised_swaption import ExercisedSwaptions
from xva.exposure.parts.polynomial import Polynomials
from xva.sensitivities import Revaluer, scramble_means, sensitivities
from xva.sensitivities.truncation import measure_samples, sides
from xva.trades import BasisSwap, FxForward, InterestRateSwap, Swaption, Trade
from xva.trades.claims import FixedFlow, IborFlow

Floats = NDArray[np.float64]

AS_OF = "2025-01-15"
RATES = {"EUR": 0.03, "USD": 0.04, "GBP": 0.045, "JPY": 0.012}
PRICES = {"EUR": 1.0, "USD": 1.0 / 1.10, "GBP": 1.0 / 0.85, "JPY": 1.0 / 160.0}
QUICK = [
    ("EUR", 10, 0.03, 0.008),
    ("EUR", 30, 0.02, 0.01),
    ("EUR", 50, 0.02, 0.008),
    ("EUR", 50, -0.02, 0.01),
    ("USD", 20, -0.02, 0.012),
    ("USD", 60, 0.10, 0.005),
    ("GBP", 40, 0.0001, 0.02),
    ("GBP", 30, -0.02, 0.002),
    ("JPY", 50, 0.0001, 0.012),
    ("JPY", 60, 0.05, 0.002),
]
EXTREME = (60, -0.02, 0.02)
EVERY = [
    (c, years, kappa, vol)
    for c in RATES
    for years in (10, 20, 30, 40, 50, 60)
    for kappa in (-0.02, 0.0001, 0.03, 0.10)
    for vol in (0.002, 0.005, 0.01, 0.02)
]


def flat(currency: str, kappa: float, vol: float) -> FlatWorld:
    """Euro and the currency of the swap; its ten-year rate has normal volatility ``vol`` today."""
    names = ["EUR"] if currency == "EUR" else ["EUR", currency]
    sigma = vol * 10.0 * kappa / -np.expm1(-10.0 * kappa)
    foreign = [n for n in names if n != "EUR"]
    return FlatWorld(
        rates={n: RATES[n] for n in names},
        kappas=dict.fromkeys(names, kappa),
        sigmas=dict.fromkeys(names, sigma),
        fx={n: 1.0 / PRICES[n] for n in foreign},
        fx_vols=dict.fromkeys(foreign, 0.1),
        correlations={("IR:EUR", f"IR:{n}"): 0.4 for n in foreign}
        | {(f"IR:{n}", f"FX:{n}"): 0.2 for n in foreign},
    )


def payer(currency: str, years: int, netting_set: str = "N") -> InterestRateSwap:
    last = day(f"{2025 + years}-01-15")
    terms = {
        "currency": currency,
        "index": f"{currency}-FLAT-6M",
        "maturity_date": last,
        "fixed_frequency": "1Y",
    }
    return swap("PAYER", "payer", RATES[currency] + 0.002, netting_set=netting_set, **terms)


def anniversaries(years: int) -> NDArray[np.datetime64]:
    """Some days on which nothing is running, early and late ones among them."""
    chosen = sorted({1, 2, 5, years // 4, years // 2, 3 * years // 4, years - 5, years - 1})
    return np.array([f"{2025 + k}-01-15" for k in chosen], dtype="datetime64[D]")


def bonds(w: FlatWorld, trade: InterestRateSwap, time: float) -> tuple[Floats, Floats]:
    """Pay times and amounts of the zero bonds that the flows after a time are made of; a floating coupon is two of them."""
    found: list[tuple[float, float]] = []
    for claim in trade.claims(w.context()):
        if isinstance(claim, FixedFlow):
            found += [(claim.pay, claim.amount)] if claim.pay > time + 1e-9 else []
        else:
            assert isinstance(claim, IborFlow)
            assert claim.pay == claim.end
            size = claim.amount / claim.accrual
            found += [(claim.start, size), (claim.end, -size)] if claim.pay > time + 1e-9 else []
    pay, place = np.unique(np.round([t for t, _ in found], 9), return_inverse=True)
    return pay, np.bincount(place, weights=[a for _, a in found])


def exact_profiles(
    w: FlatWorld, trade: InterestRateSwap, time: float, running: bool = True
) -> tuple[float, float]:
    """EPE and ENE in the swap's currency at a time on which a coupon period begins, by quadrature.

    Without ``running`` nothing is received for the coupon that is fixed at this time: its forward is a bond that is paid now.
    """
    c = trade.currency
    kappa, sigma = w.kappas[c], w.sigmas[c]
    zeta = sigma**2 * np.expm1(2.0 * kappa * time) / (2.0 * kappa)
    pay, amount = bonds(w, trade, time)
    later = pay > (0.0 if running else time + 1e-6)
    pay, amount = pay[later], amount[later]
    weight = amount * np.exp(-w.rates[c] * pay)
    s = -np.expm1(-kappa * pay) / kappa * np.sqrt(zeta)
    # each bond with the density: a normal one around -s; all of the points go where these are, for the kink at 0
    z = np.linspace(-s.max() - 10.0, 10.0 - s.min(), 40_001)
    value = weight @ np.exp(-0.5 * (z + s[:, None]) ** 2) * (z[1] - z[0]) / np.sqrt(2.0 * np.pi)
    return float(np.maximum(value, 0.0).sum()), float(np.maximum(-value, 0.0).sum())


def interpolated_profiles(
    data: ExposureData, date: int, kind: type[Polynomials] | type[ExercisedSwaptions] = Polynomials
) -> tuple[float, float]:
    """EPE and ENE, in the swap's currency, of what the engine interpolates, over the law of its state."""
    part = data.sets[0].part(kind)
    (c,) = part.currency
    degree = part.degree(date, c)
    centre, scale = float(data.centre[date, c]), float(data.scale[date, c])
    u = np.linspace(-1.1, 1.1, 40_001)  # paths beyond the interval are extrapolated
    variance = float((data.grid.factor[:date, c] ** 2).sum())
    x = centre + scale * u
    density = np.exp(-0.5 * x * x / variance) * scale * (u[1] - u[0]) / np.sqrt(2.0 * np.pi * variance)
    tilt = np.exp(-part.tilt.slope[date, c] * x - part.tilt.offset[date, c])
    value = chebyshev.chebval(u, part.coefficients[date, 0, :degree].numpy()) * tilt * density
    return float(np.maximum(value, 0.0).sum()), float(np.maximum(-value, 0.0).sum())


def check(currency: str, years: int, kappa: float, vol: float, slack: bool = True) -> Floats:
    """Errors are below 1e-6 (and what the bound says), which is returned as a share of EPE and ENE together ``(date,)``."""
    w, trade, dates = flat(currency, kappa, vol), payer(currency, years), anniversaries(years)
    data = make_engine(w, [trade], dates, 1, scrambles=2).data(adjoint=False)
    exact = np.array([exact_profiles(w, trade, t) for t in data.times[1:]])
    found = np.array([interpolated_profiles(data, k) for k in range(1, len(data.times))])
    bound = data.sets[0].bound[1:] / PRICES[currency]
    error = np.abs(found - exact)
    more = bound[:, None] + 1e-9 * exact.max() if slack else 0.0
    assert (error <= 1e-6 * exact + more).all(), error / exact
    found = bound / exact.sum(1)
    return np.asarray(found)


@pytest.mark.parametrize(("currency", "years", "kappa", "vol"), QUICK)
def test_exposure_is_that_of_the_quadrature(currency: str, years: int, kappa: float, vol: float) -> None:
    assert (check(currency, years, kappa, vol) < 1e-7).all()


@pytest.mark.slow
@pytest.mark.parametrize(("currency", "years", "kappa", "vol"), EVERY)
def test_exposure_is_that_of_the_quadrature_everywhere(
    currency: str, years: int, kappa: float, vol: float
) -> None:
    assert (check(currency, years, kappa, vol) < (1e-4 if (years, kappa, vol) == EXTREME else 1e-5)).all()


@pytest.mark.parametrize("currency", RATES)
def test_bonds_that_differ_by_many_powers_of_ten(currency: str) -> None:
    """A bond of the date is taken out: year 59 was 29 % off without. The bound says more than there is, and less than 1e-4."""
    assert (check(currency, *EXTREME, slack=False) < 1e-4).all()


def exercised(currency: str, years: int) -> tuple[Swaption, InterestRateSwap]:
    """A payer swaption of two years, and the swap that it becomes."""
    trade = payer(currency, years)
    option = Swaption(
        trade_id="SWAPTION",
        netting_set="N",
        currency=currency,
        side="long",
        swap_side="payer",
        notional=trade.notional,
        strike=trade.fixed_rate,
        index=trade.index,
        expiry_date=day("2027-01-15"),
        maturity_date=trade.maturity_date,
        settlement="physical",
        fixed_frequency=trade.fixed_frequency,
        fixed_day_count=trade.fixed_day_count,
    )
    return option, replace(trade, start_date=option.expiry_date)


@pytest.mark.parametrize(
    ("currency", "years", "kappa", "vol"), [("EUR", *EXTREME), ("USD", *EXTREME), QUICK[3]]
)
def test_what_a_physically_settled_swaption_becomes(
    currency: str, years: int, kappa: float, vol: float
) -> None:
    """The swap but for the coupon that is fixed on the date, exercised or not; year 55 of 60 was 68 % off."""
    w, (option, becomes) = flat(currency, kappa, vol), exercised(currency, years)
    dates = anniversaries(years)[2:]
    data = make_engine(w, [option], dates, 1, scrambles=2).data(adjoint=False)
    for k, time in enumerate(data.times[1:], start=1):
        exact = np.array(exact_profiles(w, becomes, time, running=False))
        found = np.array(interpolated_profiles(data, k, ExercisedSwaptions))
        assert (np.abs(found - exact) < 1e-7 * exact.sum()).all(), (time, found, exact)


@pytest.mark.parametrize("kind", [Polynomials, ExercisedSwaptions])
def test_sensitivities_where_a_bond_is_taken_out(
    kind: type[Polynomials] | type[ExercisedSwaptions],
) -> None:
    """Both currencies' rates, their FX rate and a volatility against bumps."""
    w, trade = flat("USD", -0.02, 0.02), payer("USD", 60) if kind is Polynomials else exercised("USD", 60)[0]
    engine = make_engine(w, [trade], np.array(["2070-01-15", "2080-01-15"], "datetime64[D]"), 32, scrambles=2)
    assert (engine.data(adjoint=False).sets[0].part(kind).tilt.slope[1:, 1] > 0.0).all()
    found, bumps = sensitivities(engine)["sensitivity"], Revaluer(engine)
    for quote in (rate_id("USD"), rate_id("EUR"), "FX/RATE/EUR/USD", "SWAPTION/RATE_NVOL/USD/1Y/1Y/ATM"):
        mine, bumped = found.sel(quote=quote)[: len(SIDES), 0], bumps.derivative(quote, 1e-6)[:, 0]
        assert abs(bumped).max() > 0.0
        np.testing.assert_allclose(mine, bumped, rtol=1e-5)


@pytest.mark.parametrize(("currency", "years"), [("EUR", 50), ("USD", 40)])
def test_simulated_exposure_is_that_of_the_quadrature(currency: str, years: int) -> None:
    w, trade = flat(currency, 0.02, 0.01), payer(currency, years)
    found = run(make_engine(w, [trade], anniversaries(years), 128)).isel(netting_set=0, time=slice(1, None))
    exact = np.array([exact_profiles(w, trade, t) for t in found.year_fraction.values]).T * PRICES[currency]
    assert_within(found.epe, found.epe_se, exact[0])
    assert_within(found.ene, found.ene_se, exact[1])


def forward_profiles(w: FlatWorld, trade: InterestRateSwap, time: float) -> tuple[float, float]:
    """As `exact_profiles`, under the forward measure of the date, whose numbers stay small where rates revert quickly."""
    kappa, sigma = w.kappas["EUR"], w.sigmas["EUR"]
    pay, amount = bonds(w, trade, time)
    s = (
        -np.expm1(-kappa * (pay - time))
        / kappa
        * sigma
        * np.sqrt(-np.expm1(-2.0 * kappa * time) / (2.0 * kappa))
    )
    z = np.linspace(-12.0, 12.0, 40_001)
    value = (amount * np.exp(-w.rates["EUR"] * pay)) @ np.exp(-s[:, None] * z - 0.5 * s[:, None] ** 2)
    density = np.exp(-0.5 * z * z) * (z[1] - z[0]) / np.sqrt(2.0 * np.pi)
    return float(np.maximum(value, 0.0) @ density), float(np.maximum(-value, 0.0) @ density)


@pytest.mark.parametrize(("years", "kappa", "vol"), [(30, 1.0, 0.004), (50, 0.5, 0.0025), (60, 0.2, 0.005)])
def test_rates_that_revert_quickly(years: int, kappa: float, vol: float) -> None:
    """Paths stay where bonds are worth something to the last date; with T* at three quarters they leave (CVA 2 % off, NaN)."""
    w, trade = flat("EUR", kappa, vol), payer("EUR", years)
    found = run(make_engine(w, [trade], anniversaries(years), 128)).isel(netting_set=0, time=slice(1, None))
    exact = np.array([forward_profiles(w, trade, t) for t in found.year_fraction.values]).T
    assert_within(found.epe, found.epe_se, exact[0], numbers=16)
    assert_within(found.ene, found.ene_se, exact[1], numbers=16)


@pytest.mark.slow
def test_standard_errors_of_thirty_years_cover() -> None:
    """Of 600 draws of eight scrambles, 95 % of the intervals (Student's, seven degrees) hold the quadrature's measure.

    As many to tell: of 60, sound intervals miss 1 to 6, so that their share is outside 93 to 97 % half the time.
    """
    trade, w = payer("EUR", 30), flat("EUR", 0.02, 0.01)
    dates = np.array([f"{2025 + k}-01-15" for k in range(1, 30)], "datetime64[D]")
    drawn = []
    for seed in range(10):
        plan = make_engine(w, [trade], dates, 256, scrambles=60 * 8, seed=seed).plan(adjoint=False)
        means = scramble_means(plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])
        weights = plan.data.weights.numpy()
        drawn.append(measure_samples(weights, sides(means))[:, : len(SIDES), 0].reshape(60, 8, -1))
    samples = np.concatenate(drawn)
    profiles = np.array([(0.0, 0.0), *(exact_profiles(w, trade, t) for t in plan.data.times[1:])])
    exact = np.array([weights[m, 0] @ profiles[:, side] for m, side in enumerate(SIDES)])
    half = student.ppf(0.975, 7) * samples.std(1, ddof=1) / np.sqrt(8.0)
    share = (np.abs(samples.mean(1) - exact) <= half).mean(0)
    assert ((share >= 0.93) & (share <= 0.97)).all(), share


def long_trades() -> list[Trade]:
    """Linear products of forty years, with dates inside their periods."""
    last = day("2065-01-15")
    basis = BasisSwap(
        trade_id="BASIS",
        netting_set="N",
        currency="EUR",
        notional=1e6,
        pay_index="EUR-FLAT-3M",
        pay_spread=0.001,
        receive_index="EUR-FLAT-ON",
        receive_spread=0.0,
        start_date=day(AS_OF),
        maturity_date=last,
    )
    forward = FxForward(
        trade_id="FORWARD",
        netting_set="N",
        buy_currency="USD",
        buy_amount=5e5,
        sell_currency="EUR",
        sell_amount=4.4e5,
        settlement_date=day("2055-05-05"),
    )
    return [
        swap("PAYER", "payer", 0.032, maturity_date=last),
        swap("USD_OIS", "receiver", 0.039, currency="USD", index="USD-FLAT-ON", maturity_date=last),
        basis,
        replace(cross_currency("CCS", "none"), maturity_date=last),
        replace(cross_currency("RESETTING", "pay", "1Y"), maturity_date=day("2045-01-15")),
        forward,
    ]


def test_mean_of_long_trades_is_the_curve_value_of_later_flows() -> None:
    """V/N is a martingale less what has been paid, at every date."""
    w, apart = world(), [replace(t, netting_set=t.trade_id) for t in long_trades()]
    dates = ["2026-03-01", "2035-07-15", "2044-11-20", "2053-02-11", "2062-08-15", "2064-10-01"]
    found = run(make_engine(w, apart, dates, 64, fixings=FX_FIXING))
    exact = np.array([[present_value(t, w, after) for after in found.year_fraction.values] for t in apart])
    for k, name in enumerate(found.netting_set.values):
        at = found.sel(netting_set=name)
        assert_within(at.value, at.value_se, exact[k], more=0.01)


def vega(engine: ExposureEngine) -> tuple[float, float]:
    """Derivative of CVA to the LGM volatility of the euro, per 1 bp, and its standard error."""
    found = run(engine, adjoint=True).sel(measure="CVA", quote="SWAPTION/RATE_NVOL/EUR/1Y/1Y/ATM")
    return 1e-4 * float(found.total_sensitivity), 1e-4 * float(found.total_sensitivity_se)


def test_vega_is_that_of_the_quadrature() -> None:
    """Of thirty years at 100 bp, where twelve nodes without a horizon had 4 % of it."""
    trade, dates = payer("EUR", 30), np.array([f"{2025 + k}-01-15" for k in range(1, 30)], "datetime64[D]")

    def cva(shift: float) -> float:
        w = flat("EUR", 0.02, 0.01)
        w = replace(w, sigmas={"EUR": w.sigmas["EUR"] + shift})
        times = (dates - day(AS_OF)).astype(np.int64) / 365.0
        survival = np.exp(-w.hazards[COUNTERPARTY] * np.append(0.0, times))
        epe = [exact_profiles(w, trade, t)[0] for t in times]
        return 0.6 * float(epe @ -np.diff(survival))

    h = 1e-5
    exact = 1e-4 * (cva(h) - cva(-h)) / (2.0 * h)
    got, error = vega(make_engine(flat("EUR", 0.02, 0.01), [trade], dates, 64))
    assert_within(got, error, exact)
    assert error < 0.02 * exact


def test_worlds_on_any_horizon_have_the_same_prices() -> None:
    """Bonds, FX and exposures of a short horizon and a long one: the paths differ, the law of the market does not."""
    w = world()
    near, far = (w(w.quotes()).model.at_horizon(years) for years in (0.0, 30.0))
    times = np.array([0.0, 1.0, 10.0, 40.0])
    for c, lgm in near.rates.items():
        gap = far.rates[c].h(times) - lgm.h(times)
        torch.testing.assert_close(gap, gap[:1].expand(4), atol=1e-12, rtol=0.0)
        torch.testing.assert_close(far.rates[c].h(30.0), torch.zeros((), dtype=torch.float64))
    knots = np.array([0.0, 2.0, 7.0])

    def forward_variance(model, at: float) -> torch.Tensor:  # type: ignore[no-untyped-def]
        """Of the log of the dollar's forward to ``at``: ln Y + H_d x_d - H_f x_f at the horizon's own H."""
        h = [m.h(at) for m in model.rates.values()]
        load = torch.stack([h[0], -h[1], torch.ones(()).double()])
        cov = model.covariances(knots)[:, :3, :3]
        return torch.einsum("i,tij,j->t", load, cov, load)

    torch.testing.assert_close(forward_variance(near, 9.0), forward_variance(far, 9.0), rtol=1e-12, atol=0.0)
