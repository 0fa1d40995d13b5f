"""Exposure of linear trades with two-factor rates (G2++) against bond formulas and quadratures written in numpy alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.support.flat_book import swap
from tests.support.flat_world import make_engine, run
from tests.support.statistics import assert_within
from tests.support.two_factor_world import EUR, USD, G2Terms, two_factor_world
from xva.adjustments.measures import XvaSpec
from xva.exposure.block.data import block_noise, noise_paths
from xva.exposure.claim_groups import Flows
from xva.exposure.engine import ExposureEngine
from xva.models.lgm import Lgm
from xva.pricing.affine import node_values
from xva.pricing.affine_plane import plane_terms
from xva.sensitivities.bump import Revaluer
from xva.sensitivities.reverse_pass import quote_gradients, scramble_means
from xva.trades.claims import FixedFlow, IborFlow
from xva.trades.interest_rate_swap import InterestRateSwap

Floats = NDArray[np.float64]
DATES = np.array([f"{y}-01-15" for y in (2026, 2028, 2030, 2033)], dtype="datetime64[D]")
WORLD = two_factor_world()


def payer(currency: str, name: str, side: str = "payer") -> InterestRateSwap:
    terms = {
        "currency": currency,
        "index": f"{currency}-FLAT-6M",
        "maturity_date": np.datetime64("2035-01-15", "D"),
        "fixed_frequency": "1Y",
    }
    return swap(name, side, WORLD.rates[currency] + 0.002, netting_set=f"SET_{currency}", **terms)


TRADES = (payer("EUR", "A"), payer("USD", "B", "receiver"))


@cache
def engine() -> ExposureEngine:
    return make_engine(WORLD, TRADES, DATES, 512, fixing="projected")


def h(terms: G2Terms, t: Floats) -> Floats:
    """Loadings ``(time, 2)`` with the numeraire of today's bank account at zero horizon."""
    return np.stack([-np.expm1(-k * t) / k for k in (terms.a, terms.b)], axis=-1)


def z(terms: G2Terms, t: float) -> Floats:
    kappa, size = np.array([terms.a, terms.b]), np.array([terms.sigma, terms.eta])
    rate = kappa[:, None] + kappa[None, :]
    rho = np.array([[1.0, terms.rho], [terms.rho, 1.0]])
    return rho * np.outer(size, size) * np.expm1(rate * t) / rate


def bonds(trade: InterestRateSwap, time: float) -> tuple[Floats, Floats]:
    """Pay times and amounts of the zero bonds that all flows after ``time`` are; no coupon is running then."""
    found: list[tuple[float, float]] = []
    for claim in trade.claims(WORLD.context()):
        if claim.pay <= time + 1e-9:
            continue
        if isinstance(claim, FixedFlow):
            found.append((claim.pay, claim.amount))
        else:
            assert isinstance(claim, IborFlow)
            size = claim.amount / claim.accrual
            found += [(claim.start, size), (claim.end, -size)]
    return np.array([t for t, _ in found]), np.array([a for _, a in found])


def quadrature(trade: InterestRateSwap, terms: G2Terms, time: float) -> tuple[float, float]:
    """EPE and ENE in the swap's currency: Gauss-Hermite in the first factor, a fine trapezoid in the second.

    Both factors are orthogonal normals of the law at ``time``; a deflated bond is ``exp(-h x - h z h/2)``.
    """
    pay, amount = bonds(trade, time)
    weight = amount * np.exp(-WORLD.rates[trade.currency] * pay)
    root = np.linalg.cholesky(z(terms, time))
    load = (h(terms, pay) - h(terms, np.array([time]))) @ root  # under the measure of the bond of ``time``
    node, share = np.polynomial.hermite_e.hermegauss(64)
    share = share / np.sqrt(2.0 * np.pi)
    v = np.linspace(-9.0, 9.0, 6001)
    density = np.exp(-0.5 * v * v) * (v[1] - v[0]) / np.sqrt(2.0 * np.pi)
    across = weight[:, None] * np.exp(-0.5 * (load**2).sum(1))[:, None] * np.exp(-np.outer(load[:, 0], node))
    value = across.T @ np.exp(-np.outer(load[:, 1], v))
    return float(share @ np.maximum(value, 0.0) @ density), float(share @ np.maximum(-value, 0.0) @ density)


def test_exposure_is_that_of_the_quadrature() -> None:
    found = run(engine())
    for trade, terms, price in zip(TRADES, (EUR, USD), (1.0, 1.0 / 1.10)):
        mine = found.sel(netting_set=trade.netting_set)
        for k, time in enumerate(engine().times[1:], start=1):
            for name, exact in zip(("epe", "ene"), quadrature(trade, terms, float(time))):
                got, se = float(mine[name][k]), float(mine[f"{name}_se"][k])
                assert se < 0.02 * price * exact
                assert_within(got, se, price * exact, numbers=16)


def test_every_path_has_the_bonds_value() -> None:
    """Interpolated values against the bond formula on each path's own states, to 1e-9 of the largest."""
    data = engine().data(adjoint=False)
    plan = engine().plan(adjoint=False)
    cube = plan.run(0).cube["value"]
    states, _ = noise_paths(data, block_noise(data, 0))
    horizon = engine().build.years
    for i, (trade, terms) in enumerate(zip(TRADES, (EUR, USD))):
        rows = data.states.rates(trade.currency)
        fx = data.states.fx(trade.currency)
        for k, time in enumerate(engine().times):
            pay, amount = bonds(trade, float(time))
            load = h(terms, pay) - h(terms, np.array([horizon]))
            spread = 0.5 * np.einsum("ni,ij,nj->n", load, z(terms, float(time)), load)
            weight = amount * np.exp(-WORLD.rates[trade.currency] * pay - spread)
            value = weight @ np.exp(-load @ states[k, rows].numpy())
            if fx is not None:
                value = value * np.exp(states[k, fx].numpy())
            np.testing.assert_allclose(cube[:, k, i], value, rtol=0, atol=1e-9 * np.abs(value).max() + 1e-6)


def test_the_bound_of_interpolation_is_small() -> None:
    data = engine().data(adjoint=False)
    for own in data.sets:
        assert (own.bound < 1e-3).all()
        assert own.bound[1] > 0.0


def test_sensitivities_are_those_of_revaluation() -> None:
    """Every measure, on the same paths; shifts are so small that no path changes the sign of its value."""
    small = make_engine(WORLD, TRADES, DATES, 64, scrambles=8, fixing="projected", xva=XvaSpec("BANK"))
    plan = small.plan()
    means = scramble_means(plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])
    exact = quote_gradients(small, plan.data, means)
    revaluer = Revaluer(small)
    moved = (
        "ZERO/RATE/EUR/EUR-FLAT/A365/1Y",
        "ZERO/RATE/USD/USD-FLAT/A365/1Y",
        "FX/RATE/EUR/USD",
        "FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM",
        "CORRELATION/IR:EUR/IR:USD",
        "CORRELATION/IR:USD/FX:USD",
        "HAZARD_RATE/RATE/CPTY_A/SR/EUR/1Y",
    )
    largest = np.abs(exact).max(axis=(0, 3))
    shift = 1e-8
    for name in moved:
        difference = (revaluer.samples(name, shift) - revaluer.samples(name, -shift)) / (2.0 * shift)
        mine = exact[..., small.quotes.ids.index(name)]
        assert (np.abs(difference - mine) <= 1e-6 * largest).all(), (name, difference - mine)
    assert np.abs(exact[..., small.quotes.ids.index("CORRELATION/IR:EUR/IR:USD")]).max() > 0.0


@pytest.mark.parametrize("index", ["EUR-FLAT-6M", "EUR-FLAT-ON"])
def test_without_the_second_volatility_values_are_the_one_factor_models(index: str) -> None:
    """Running coupons too: their mean given the state (which a correlated second factor would know more of)."""
    trade = swap("C", "payer", 0.03, index=index, maturity_date=np.datetime64("2030-01-15", "D"))
    compiled = make_engine(WORLD, [trade], DATES, 1, scrambles=2, fixing="projected").compiled[0]
    (book,) = compiled.of(Flows).books.values()
    lgm = Lgm("EUR", torch.tensor(EUR.a).double(), np.ones(1), torch.tensor([EUR.sigma]).double(), 4.0)
    two = G2Terms("EUR", EUR.a, EUR.b, EUR.sigma, 1e-12, 0.0).model().at_horizon(4.0)
    times = np.array([0.0, 0.3, 0.8, 1.4, 3.2])
    curves = WORLD(WORLD.quotes()).market
    x = torch.linspace(-2.0, 2.0, 5, dtype=torch.float64) * torch.sqrt(lgm.zeta(times))[:, None]
    one = node_values(book, curves, lgm, times, x)
    terms = plane_terms(book, curves, two, times)
    assert len(terms.date)
    for k in range(len(times)):
        state = torch.stack([x[k], torch.zeros_like(x[k])])
        torch.testing.assert_close(terms.on_paths(k, state), one[k], rtol=1e-9, atol=1e-5)


def test_simulated_coupons_are_refused() -> None:
    with pytest.raises(Exception, match='fixing = "projected" or "auto"'):
        make_engine(WORLD, TRADES[:1], DATES, 1, scrambles=2, fixing="path").data()
