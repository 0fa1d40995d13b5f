"""Par to zero: against the reverse pass and bumps of the same run on a market that quotes zero rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

from pipelines.results.sensitivities import Sensitivities
from tests.support.demo_bank import demo_engine
from xva.adjustments.measures import measure_weights
from xva.errors import DomainError
from xva.exposure.engine import ExposureEngine
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.quotes import QuoteSet
from xva.pricing.deterministic import linear_value
from xva.sensitivities.bump import Revaluer, weighted
from xva.sensitivities.by_quote import sensitivities
from xva.sensitivities.by_zero_rate import ZeroRates, zero_rates
from xva.trades.claims import FixedFlow

AS_OF = np.datetime64("2026-01-15", "D")


@pytest.fixture(scope="module")
def engine() -> ExposureEngine:
    """The netting set with all four currencies."""
    whole = demo_engine(paths=16, block_size=8, scrambles=2, every=20)
    home = next(n for n in whole.book.netting_sets if n.name == "CP_A")
    trades = tuple(t for t in whole.book.trades if t.netting_set == "CP_A")
    book = replace(whole.book, netting_sets=(home,), trades=trades)
    return ExposureEngine(book, whole.quotes, whole.build, whole.dates[1:], whole.xva, whole.simulation)


@pytest.fixture(scope="module")
def rates(engine: ExposureEngine) -> ZeroRates:
    return zero_rates(engine.quotes, engine.world.market.config)


@pytest.fixture(scope="module")
def par(engine: ExposureEngine) -> xr.Dataset:
    return sensitivities(engine)


@pytest.fixture(scope="module")
def quoted_in_zeros(engine: ExposureEngine, rates: ZeroRates) -> ExposureEngine:
    return engine.on_quotes(rates.zero)


def test_the_market_is_the_same(engine: ExposureEngine, quoted_in_zeros: ExposureEngine) -> None:
    ours, theirs = engine.world.market, quoted_in_zeros.world.market
    for name, curve in ours.curves.items():
        np.testing.assert_allclose(curve.times, theirs.curves[name].times, rtol=0, atol=0)
        torch.testing.assert_close(
            curve.log_discounts, theirs.curves[name].log_discounts, rtol=1e-14, atol=1e-15
        )


def test_converted_is_what_a_run_on_zero_rates_has(
    rates: ZeroRates, par: xr.Dataset, quoted_in_zeros: ExposureEngine
) -> None:
    """The reverse pass through quoted zero rates never sees a bootstrap."""
    found, direct = rates.convert(par), sensitivities(quoted_in_zeros)
    assert list(found["quote"].values) == list(direct["quote"].values)
    for name in ("sensitivity", "total_sensitivity"):
        scale = float(abs(direct[name]).max())
        assert float(abs(found[name] - direct[name]).max()) < 1e-11 * scale
        error = direct[f"{name}_se"]
        np.testing.assert_allclose(found[f"{name}_se"], error, rtol=1e-8, atol=1e-11 * float(error.max()))
    bound = rates.convert(par.drop_vars("sensitivity_samples"))  # results that do not keep the scrambles
    error = direct["sensitivity_se"]  # the bound of a single quote is its error, as exactly as above
    assert (bound["sensitivity_se"] >= (1.0 - 1e-8) * error - 1e-11 * float(error.max())).all()


def test_the_error_of_a_parallel_shift_is_that_of_a_parallel_bump(
    engine: ExposureEngine, par: xr.Dataset
) -> None:
    """All OIS quotes of a curve moved together and the market built again, on each scramble's own paths."""
    chosen = Sensitivities.select(par, "CVA", "CP_A", family="OIS", curve="EUR-ESTR")
    revaluer, sides = Revaluer(engine), []
    for size in (1e-7, -1e-7):
        moved = engine.quotes
        for quote_id in chosen.data["quote"].values:
            moved = moved.shifted(str(quote_id), size)
        world = engine.build(moved, engine.world)
        weights = measure_weights(world.market, engine.credit, engine.times, engine.xva).detach().numpy()
        with torch.no_grad():
            profiles = revaluer._moved(world)
        sides.append(np.stack([weighted(weights, side)[0, 0] for side in profiles]))
    bumped = 1e-4 * (sides[0] - sides[1]) / 2e-7
    found = chosen.sum()
    assert float(found["value"]) == pytest.approx(bumped.mean(), rel=1e-4)
    assert float(found["standard_error"]) == pytest.approx(
        bumped.std(ddof=1) / np.sqrt(len(bumped)), rel=1e-3
    )
    assert float(found["standard_error"]) < 0.8 * chosen.to_frame()["standard_error"].sum()


def test_a_bump_of_a_zero_rate_agrees(
    rates: ZeroRates, par: xr.Dataset, quoted_in_zeros: ExposureEngine
) -> None:
    found, revaluer = rates.convert(par), Revaluer(quoted_in_zeros)
    for curve, pillar in (("EUR-ESTR", 6), ("USD-IN-EUR", 3)):
        quote_id = rates.zero.ids[rates.curves[curve][pillar]]
        bumped = revaluer.derivative(quote_id, 1e-6)
        analytic = found["sensitivity"].sel(quote=quote_id).isel(measure=slice(0, 4)).values
        assert np.abs(analytic).max() > 0.0
        np.testing.assert_allclose(analytic, bumped, rtol=1e-5, atol=1e-6 * np.abs(bumped).max())


def test_samples_convert_as_their_mean(rates: ZeroRates) -> None:
    samples = np.random.default_rng(4).normal(size=(3, 2, len(rates.par.ids)))
    np.testing.assert_allclose(rates.gradients(samples).mean(0), rates.gradients(samples.mean(0)), atol=1e-12)


def test_a_bond_has_the_zero_sensitivity_of_its_formula() -> None:
    """d/dz of exp(-z t) at a pillar is -t exp(-z t), with FX forwards in the curve and the FX rate beside."""
    quotes = {f"IR_SWAP/RATE/EUR/2D/1D/{t}": 0.02 + 0.001 * k for k, t in enumerate(("1Y", "2Y", "5Y"))}
    quotes |= {f"FXFWD/RATE/EUR/USD/{t}": 100.0 + 200.0 * k for k, t in enumerate(("1Y", "2Y", "3Y"))}
    leaf = QuoteSet.from_mapping(quotes | {"FX/RATE/EUR/USD": 1.09}).as_leaf()
    base = MarketConfig.standard(AS_OF, currencies=["EUR", "USD"])
    config = MarketConfig(AS_OF, "EUR", base.discount, {"EUR-ESTR": "EUR-ESTR"})
    rates = zero_rates(leaf, config)
    market = build_market(leaf, config)
    time = float(market.curves["USD-IN-EUR"].times[1])
    value = linear_value([FixedFlow("USD", time, 100.0)], market)
    value.backward()
    assert leaf.values.grad is not None
    found = dict(zip(rates.zero.ids, rates.gradients(leaf.values.grad.numpy()), strict=True))
    own = rates.zero.ids[rates.curves["USD-IN-EUR"][1]]
    assert found.pop(own) == pytest.approx(-time * float(value.detach()), rel=1e-10)
    assert found.pop("FX/RATE/EUR/USD") == pytest.approx(-float(value.detach()) / 1.09, rel=1e-10)
    assert max(abs(v) for v in found.values()) < 1e-8


def test_moves_there_and_back(rates: ZeroRates) -> None:
    """Moving par quotes as told moves the curves by the zero rates that were wanted."""
    wanted = np.zeros((1, rates.count))
    wanted[0, rates.curves["USD-SOFR"]] = 1e-7
    quotes = rates.par.values + torch.from_numpy(
        rates.par_moves(wanted, np.zeros((1, len(rates.par.ids) - rates.count)))[0]
    )
    moved = build_market(QuoteSet(rates.par.ids, quotes), rates.config)
    before = build_market(rates.par, rates.config)
    for name in rates.curves:
        shift = -(moved.curves[name].log_discounts - before.curves[name].log_discounts).numpy()
        expected = 1e-7 if name == "USD-SOFR" else 0.0
        np.testing.assert_allclose(shift / before.curves[name].times, expected, atol=2e-12)


def test_other_quotes_are_refused(rates: ZeroRates, par: xr.Dataset) -> None:
    with pytest.raises(DomainError, match="all quotes of the market, in their order"):
        rates.convert(par.isel(quote=slice(0, 10)))
