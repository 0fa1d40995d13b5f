"""Moves of quotes on the run's paths, against the model's own bonds and volatilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.demo_bank import demo_engine
from xva.errors import DomainError
from xva.exposure.block.data import ExposureData, block_noise, noise_paths
from xva.exposure.engine import ExposureEngine
from xva.exposure.reconciliation.reconciliation import model_fx_vols
from xva.hedging.moves import QuoteMoves, quote_moves
from xva.market.build import build_market
from xva.market.quotes import QuoteSet
from xva.sensitivities.by_zero_rate import ZeroRates, zero_rates


@pytest.fixture(scope="module")
def engine() -> ExposureEngine:
    return demo_engine(paths=2048, block_size=256, scrambles=8, every=3)


@pytest.fixture(scope="module")
def data(engine: ExposureEngine) -> ExposureData:
    return engine.data(adjoint=False)


@pytest.fixture(scope="module")
def rates(engine: ExposureEngine) -> ZeroRates:
    return zero_rates(engine.quotes, engine.world.market.config)


@pytest.fixture(scope="module")
def moves(engine: ExposureEngine, data: ExposureData, rates: ZeroRates) -> QuoteMoves:
    return quote_moves(engine, data, rates, volatilities={"CDS": 0.5})


def column(moves: QuoteMoves, quote: str) -> np.ndarray:
    return moves.values[:, moves.quotes.index(quote)]


def test_curves_on_a_path_are_the_models_bonds(
    engine: ExposureEngine, data: ExposureData, rates: ZeroRates, moves: QuoteMoves
) -> None:
    """The market built on a path's par quotes has ln P(t, t+u) of the LGM, around the mean over the paths."""
    states, _ = noise_paths(data, block_noise(data, 0))
    every = torch.cat([noise_paths(data, block_noise(data, b))[0][1] for b in range(data.n_blocks)], 1)
    t = moves.horizon
    for path in (3, 100):
        quotes = QuoteSet(rates.par.ids, rates.par.values + torch.from_numpy(moves.values[path]))
        there = build_market(quotes, rates.config)
        for currency, curve in (("EUR", "EUR-ESTR"), ("USD", "USD-IN-EUR"), ("EUR", "EUR-EURIBOR-6M")):
            k = engine.world.model.index[f"IR:{currency}"]
            x = float(states[1, k, path] - every[k].mean())
            lgm, times = engine.world.model.rates[currency], there.curves[curve].times
            expected = -(lgm.h(t + times) - lgm.h(np.array([t]))).detach().numpy() * x
            moved = there.curves[curve].log_discounts - engine.world.market.curves[curve].log_discounts
            np.testing.assert_allclose(moved.detach().numpy(), expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.parametrize("step", [1, 9])
def test_spots_have_the_models_volatility(
    engine: ExposureEngine, data: ExposureData, rates: ZeroRates, step: int
) -> None:
    """Of a lognormal quote exp(v Z), (exp(v^2) - 1) exp(v^2); v from the engine's option kernel."""
    moves = quote_moves(engine, data, rates, step)
    t = moves.horizon
    asked = [(("EUR", c), t) for c in ("USD", "GBP", "JPY")]
    vols = model_fx_vols(asked, engine.world).detach().numpy()
    for ((_, foreign), _), vol in zip(asked, vols, strict=True):
        level = float(engine.quotes[f"FX/RATE/EUR/{foreign}"])
        found = (column(moves, f"FX/RATE/EUR/{foreign}") / level).var()
        v2 = vol * vol * t
        assert found == pytest.approx(np.expm1(v2) * np.exp(v2), rel=0.06)


def test_shares_have_their_quoted_volatility(
    engine: ExposureEngine, data: ExposureData, rates: ZeroRates
) -> None:
    """At the 5y pillar's date, in the share's own currency."""
    step = int(np.argmin(np.abs(data.times - 5.0)))
    moves = quote_moves(engine, data, rates, step)
    for name in ("NORDWIND/EUR", "ATLASSOFT/USD"):
        level = float(engine.quotes[f"EQUITY/PRICE/{name}"])
        vol = float(engine.world.market.equity_vol(name.split("/")[0]).vol(moves.horizon).detach())
        found = column(moves, f"EQUITY/PRICE/{name}") / level
        logs = np.log1p(found + np.expm1(0.5 * vol * vol * moves.horizon))
        assert logs.std() == pytest.approx(vol * np.sqrt(moves.horizon), rel=0.04)


def test_moves_are_around_their_mean(moves: QuoteMoves) -> None:
    deviation = moves.values.std(axis=0)
    assert (np.abs(moves.values.mean(axis=0)) < 0.02 * deviation + 1e-18).all()


def test_only_what_the_model_moves_and_what_was_stated_moves(moves: QuoteMoves) -> None:
    still = [q for q, d in zip(moves.quotes, moves.values.std(axis=0)) if d < 1e-16]
    heads = {q.split("/")[0] for q in still}
    assert "FX_OPTION" in heads
    assert not heads & {"IR_SWAP", "FX", "EQUITY", "CDS", "MM"}
    spread = column(moves, "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y") / column(
        moves, "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/1Y"
    )
    np.testing.assert_allclose(spread, spread[0])
    other = column(moves, "CDS/CREDIT_SPREAD/CPTY_C/SR/EUR/5Y")
    both = np.corrcoef(column(moves, "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y"), other)[0, 1]
    assert abs(both) < 5.0 / np.sqrt(len(other))


def test_covariance_is_that_of_the_first_order(moves: QuoteMoves) -> None:
    draw = np.random.default_rng(1)
    a, b = draw.normal(size=(2, len(moves.quotes)))
    changes = np.stack([moves.values @ a, moves.values @ b])
    assert moves.covariance(a, b) == pytest.approx(np.cov(changes)[0, 1], rel=1e-3)


def test_wrong_questions_are_refused(engine: ExposureEngine, data: ExposureData, rates: ZeroRates) -> None:
    with pytest.raises(DomainError, match="an exposure date from 1 to"):
        quote_moves(engine, data, rates, 0)
    with pytest.raises(DomainError, match="families that the model holds constant"):
        quote_moves(engine, data, rates, volatilities={"OIS": 0.1})
