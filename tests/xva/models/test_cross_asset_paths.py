"""The cross-asset model as a path model: the contract, bonds against LGM, packing, paths simulated elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.contracts.path_model import SCRAMBLES, PathModelContract, assert_mean, normals
from tests.support.cross_asset import INDICES, RATES, SHARES, SPOTS, Curves, bundle, joint, number, rate_index
from xva.blocks.packing import pack, unpack
from xva.errors import CalibrationError, DomainError, MarketDataError
from xva.exposure.state.state import covariance_table, grid_state, state_paths
from xva.models.cross_asset_paths import PathMarket
from xva.models.path_model import walk
from xva.numerics.tree import equal
from xva.pricing.closed_form.black76 import black76


class TestCrossAsset(PathModelContract):
    assets = SHARES
    currencies = {c: (SPOTS.get(c, 1.0), r) for c, r in RATES.items()}  # noqa: RUF012
    indices = INDICES

    idle = (13, 16)  # an FX rate's carry is its rates'

    def model(self) -> PathMarket:
        return bundle()


def test_bonds_and_options_on_them_are_those_of_the_model() -> None:
    """Deflated bond of the joint model; a put on a bond (a caplet) by Black on its forward."""
    model = PathMarket.select(Curves(), joint(), ["EUR"])
    assert model.states == ("IR:EUR",)
    lgm, grid = model.rates["EUR"], np.array([0.0, 1.0, 4.0])
    expiry, maturity, strike = 4.0, 9.0, 0.91
    h = [float(lgm.h(t)) for t in (expiry, maturity)]
    zeta = float(lgm.zeta(expiry))
    forward = np.exp(-RATES["EUR"] * (maturity - expiry))
    exact = float(
        np.exp(-RATES["EUR"] * expiry)
        * black76(number(forward), number(strike), number((h[1] - h[0]) * zeta**0.5), sign=-1)
    )
    found = []
    for block in range(SCRAMBLES):
        path = walk(model, grid, normals(model, grid, block, 1024))
        observer = model.observe(path.times, path.states)
        x = path.states[-1][0]
        deflated = observer.bond("EUR", expiry, maturity) * observer.deflator("EUR", expiry)
        law = np.exp(-RATES["EUR"] * maturity) * torch.exp(-h[1] * x - 0.5 * h[1] ** 2 * zeta)
        torch.testing.assert_close(deflated, law, rtol=1e-12, atol=0.0)
        put = torch.relu(strike - observer.bond("EUR", expiry, maturity)) * observer.deflator("EUR", expiry)
        found.append(float(put.mean()))
    assert_mean(found, exact)


def test_ratios() -> None:
    """Crosses are ratios, an index is a bond times its deterministic basis, an equity pays in its currency."""
    model = bundle()
    grid = np.array([0.0, 1.0, 2.5])
    path = walk(model, grid, normals(model, grid, 0, 8))
    observer = model.observe(path.times, path.states)
    cross = observer.fx("GBP", "EUR", 2.5) / observer.fx("USD", "EUR", 2.5)
    torch.testing.assert_close(observer.fx("GBP", "USD", 2.5), cross)
    ratio = observer.bond("USD", 1.0, 2.0) / observer.bond("USD", 1.0, 2.25)
    grown = observer.growth("USD-3M", 1.0, 2.0, 2.25)
    torch.testing.assert_close(grown, ratio * np.exp(0.25 * (0.043 - 0.04)))
    assert bool((observer.bond("USD", 1.0, 1.0) == 1.0).all())
    with pytest.raises(DomainError, match=r"starts at 1\.0000y or later"):
        observer.growth("USD-3M", 1.0, 0.5, 0.75)


def test_variance_of_log_prices() -> None:
    """Quadratic variation on a fine path: the spot's own volatility, whatever the rates do."""
    model = bundle()
    grid = np.linspace(0.0, 3.0, 1501)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(1500, model.n_normals, 200, generator=generator, dtype=torch.float64)
    path = walk(model, grid, noise)
    observer = model.observe(path.times, path.states)
    prices = {
        "ABROAD": [observer.equity("ABROAD", t) for t in grid],
        "HOME": [observer.equity("HOME", t) for t in grid],
        "FX/GBP/USD": [observer.fx("GBP", "USD", t) for t in grid],
        "FX/USD/EUR": [observer.fx("USD", "EUR", t) for t in grid],
        "FX/EUR/USD": [observer.fx("EUR", "USD", t) for t in grid],
    }
    for name, values in prices.items():
        moves = torch.diff(torch.log(torch.stack(values)), dim=0)
        found = float((moves[250:1250] ** 2).sum(0).mean())
        exact = float(observer.log_variance(name, grid[250], grid[1250]))
        # 200,000 squared moves: standard error of the mean 0.32 %
        assert found == pytest.approx(exact, rel=0.012), name


def test_a_correlation_with_fx_is_with_the_price_of_the_foreign_currency() -> None:
    """``CORRELATION/IR:EUR/FX:USD`` > 0: one USD costs more EUR when EUR rates rise, so EUR/USD as quoted falls."""
    rho, quoted = (
        torch.eye(7, dtype=torch.float64),
        [0, 3],
    )  # EUR rate and the spot of USD, after EUR, USD, GBP
    rho[quoted[0], quoted[1]] = rho[quoted[1], quoted[0]] = 0.6
    model = PathMarket.select(
        Curves(), replace(joint(), correlation=rho), RATES, map(rate_index, INDICES), list(SHARES)
    )
    assert [model.states[k] for k in quoted] == ["IR:EUR", "FX:USD"]
    step = 1.0 / 64.0  # short: rates have hardly moved the spot yet
    path = walk(model, np.array([0.0, step]), normals(model, np.array([0.0, step]), 0, 4096))
    observer = model.observe(path.times, path.states)
    rate = -torch.log(observer.bond("EUR", step, step + 2.0))
    moves = torch.stack(
        [rate, torch.log(observer.fx("USD", "EUR", step)), torch.log(observer.fx("EUR", "USD", step))]
    )
    found = torch.corrcoef(moves)
    assert float(found[0, 1]) == pytest.approx(0.6, abs=0.03)
    assert float(found[0, 2]) == pytest.approx(-0.6, abs=0.03)


def test_paths_of_the_engine() -> None:
    """States in the order of a larger model; a smaller bundle reads the same prices from them."""
    model, grid = joint(), np.array([0.0, 0.5, 2.0])
    state = grid_state(model, covariance_table(model, [grid]), grid)
    noise = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    states = state_paths(state, noise)
    whole = bundle()
    torch.testing.assert_close(torch.stack(walk(whole, grid, noise).states), states, rtol=1e-11, atol=1e-13)
    small = PathMarket.select(Curves(), model, ["USD"], equities=["ABROAD"])
    assert small.states == ("IR:EUR", "IR:USD", "FX:USD", "EQ:ABROAD")
    one, two = (m.observe_factors(grid, states, model.factors) for m in (whole, small))
    for ask in (
        lambda o: o.equity("ABROAD", 2.0),
        lambda o: o.bond("USD", 0.5, 5.0),
        lambda o: o.deflator("USD", 2.0),
    ):
        assert torch.equal(ask(one), ask(two))
    torch.testing.assert_close(
        small.transition(grid).step(1, states[1][[0, 1, 3, 6]], torch.zeros(4, 16, dtype=torch.float64)),
        whole.transition(grid).step(1, states[1], torch.zeros(7, 16, dtype=torch.float64))[[0, 1, 3, 6]],
    )


def test_the_bundle_travels() -> None:
    market = bundle()
    arrays, meta = pack(market)
    back = unpack(PathMarket, arrays, meta)
    assert equal(back, market)
    grid = np.array([0.0, 1.0])
    noise = normals(market, grid, 0, 8)
    states = [walk(m, grid, noise).states[-1] for m in (market, back)]
    assert torch.equal(*states)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MarketDataError, match="JPY"):
        PathMarket.select(Curves(), joint(), ["JPY"])
    with pytest.raises(MarketDataError, match="NOBODY"):
        PathMarket.select(Curves(), joint(), ["EUR"], equities=["NOBODY"])
    market = PathMarket.select(Curves(), joint(), ["EUR"])
    observer = market.observe(np.zeros(1), [torch.zeros(1, 2, dtype=torch.float64)])
    with pytest.raises(DomainError, match="EUR-6M"):
        observer.growth("EUR-6M", 0.0, 1.0, 1.5)
    still = replace(market.rates["EUR"], sigmas=torch.zeros(3, dtype=torch.float64))
    with pytest.raises(CalibrationError, match="IR:EUR"):
        replace(market, rates={"EUR": still}).transition(np.array([0.0, 1.0]))
