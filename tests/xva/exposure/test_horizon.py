"""Which bond is the numeraire."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.flat_book import present_value, swap
from tests.support.flat_world import make_engine, run
from tests.support.statistics import assert_within
from tests.support.two_factor_world import G2Terms, TwoFactorWorld
from xva.exposure.horizon import HORIZON, furthest, numeraire_years
from xva.models.lgm import Lgm


def lgm(kappa: float, sigma: float) -> Lgm:
    volatility = torch.tensor([sigma], dtype=torch.float64)
    return Lgm("EUR", torch.tensor(kappa, dtype=torch.float64), np.ones(1), volatility)


def test_how_far_away_a_bond_is_worth_something() -> None:
    """``|H(T)| sqrt(zeta(t))`` in the clear."""
    kappa, sigma, span, years = 0.03, 0.01, 20.0, 15.0
    t = np.linspace(1 / 3, span, 60)
    zeta = sigma**2 * np.expm1(2 * kappa * t) / (2 * kappa)
    h = (np.exp(-kappa * years) - np.exp(-kappa * t)) / kappa
    far = max(abs(h[j]) * np.sqrt(zeta[i]) for i in range(60) for j in range(i, 60))
    assert furthest(lgm(kappa, sigma).at_horizon(years), span) == pytest.approx(far, rel=1e-12)


@pytest.mark.parametrize(
    ("kappa", "sigma", "span"), [(0.03, 0.01, 50.0), (-0.02, 0.02, 60.0), (1e-6, 0.02, 60.0)]
)
def test_three_quarters_where_reversion_is_slow(kappa: float, sigma: float, span: float) -> None:
    assert numeraire_years(lgm(kappa, sigma), span) == HORIZON * span


@pytest.mark.parametrize(
    ("kappa", "sigma", "span"), [(0.5, 0.0075, 50.0), (1.0, 0.01, 30.0), (5.0, 0.01, 60.0)]
)
def test_the_last_date_where_it_is_quick(kappa: float, sigma: float, span: float) -> None:
    assert numeraire_years(lgm(kappa, sigma), span) == span


def test_two_factors_of_which_one_reverts_quickly() -> None:
    """What is left of a swap has its curve value in the mean, to the last year of fifty."""
    terms = G2Terms("EUR", 0.5, 0.05, 0.007, 0.006, -0.7)
    world = TwoFactorWorld(rates={"EUR": 0.03}, two_factor=(terms,))
    trade = swap("PAYER", "payer", 0.032, maturity_date=np.datetime64("2075-01-15"), fixed_frequency="1Y")
    dates = np.array([f"{year}-01-15" for year in (2045, 2065, 2073, 2074)], dtype="datetime64[D]")
    engine = make_engine(world, [trade], dates, 128)
    span = float(engine.times[-1])
    assert engine.build.years > HORIZON * span
    assert furthest(engine.world.model.rates["EUR"], span) < 1.0
    found = run(engine).isel(netting_set=0, time=slice(1, None))
    left = [float(present_value(trade, world, after)) for after in found.year_fraction.values]
    assert_within(found.value, found.value_se, np.array(left), more=0.01)
    assert (found.value_se < 0.05 * (found.epe + found.ene)).all()
