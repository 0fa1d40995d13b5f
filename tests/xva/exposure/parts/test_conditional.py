"""Residuals in the exposure plan: the same trade by closed form and by its paths, and the adjoint against autograd."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import xarray as xr

from tests.support.flat_book import day, swap, world
from tests.support.flat_world import days_between, make_engine
from tests.support.path_products import ExactForward, path_forward
from tests.support.statistics import SCRAMBLES, assert_within
from xva.adjustments.measures import measure_weights
from xva.adjustments.registry import MEASURES, SIDES
from xva.errors import DomainError
from xva.exposure.block.data import block_noise, date_view, noise_paths
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.engine import ExposureEngine
from xva.exposure.parts.conditional import PathStates, Residual, ResidualTrade, features, positions
from xva.exposure.parts.kernel import date_values
from xva.exposure.world import World
from xva.market.quotes import QuoteSet
from xva.models.cross_asset_paths import PathMarket
from xva.numerics import tree
from xva.results.labelled import results
from xva.sensitivities.by_quote import hessian_product, sensitivities
from xva.sensitivities.reverse_pass import quote_gradients, scramble_means
from xva.sensitivities.reverse_pass_conditional import ResidualPullback
from xva.trades import EquityForward
from xva.trades.trade import Trade

DATES = days_between("2025-01-15", "2028-01-17", 12)
SWAP = swap("S", "receiver", 0.029)


def engine_of(*trades: Trade, paths: int = 64, scrambles: int = SCRAMBLES) -> ExposureEngine:
    return make_engine(world(), [SWAP, *trades], DATES, paths, scrambles=scrambles)


@cache
def closed() -> xr.Dataset:
    forward = EquityForward(
        trade_id="F", netting_set="N", equity="EQ1", currency="EUR", side="long", quantity=3000.0,
        strike=101.0, maturity_date=day("2028-01-17"),
    )  # fmt: skip
    engine = engine_of(forward, paths=256)
    plan = engine.plan()
    return results(engine, plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])


def select(world: World, _number: int, _trade: int) -> PathMarket:
    return PathMarket.select(world.market, world.model, ["EUR"], [], ["EQ1"])


def mixed(paths: int, scrambles: int = SCRAMBLES, **terms: object) -> tuple[ExposureEngine, ExposurePlan]:
    trade = path_forward("F", **terms)
    engine = engine_of(trade, paths=paths, scrambles=scrambles)
    flat = tree.map_tensors(engine.world, lambda t: t.detach())
    pricer = ExactForward(trade, engine.dates[0], flat.model.rates["EUR"], 0.03, 0.02)
    item = ResidualTrade(trade, 0, select(flat, 0, 0), pricer)
    return engine, ExposurePlan(engine.data(), {0: Residual((item,), 1, engine.book.context)})


@cache
def by_paths() -> xr.Dataset:
    engine, plan = mixed(256)
    pull = ResidualPullback(plan.residuals, select, {})
    sums = [plan.run(b).sums for b in range(plan.n_blocks)]
    return results(engine, plan.data, sums, residual_graph=pull)


def test_plug_in_profiles_are_those_of_the_closed_form() -> None:
    """As far as the closed form's interpolation says itself: nodes are as many as an error asks for, not more."""
    bound = closed()["interpolation_bound"].values
    assert bound.max() < 1e-7 * float(closed()["epe"].max())
    for name in ("epe", "ene", "value"):
        exact, found = by_paths()[f"{name}_plugin"].values, closed()[name].values
        assert (np.abs(found - exact) <= bound + 1e-10 * np.abs(exact)).all(), name
    assert float(by_paths()["outside"].sum()) == 0.0


def test_indicator_estimator_agrees_with_the_closed_form() -> None:
    """Power: the standard error of EPE is below 1.5 % of its largest value, of CVA below 1 %."""
    found, exact = by_paths(), closed()
    for name in ("epe", "ene"):
        assert_within(found[name][0], found[f"{name}_se"][0], exact[name][0])
        assert float(found[f"{name}_se"].max()) < 0.015 * float(exact["epe"].max())
    assert_within(found["xva"][:, 0], found["xva_se"][:, 0], exact["xva"][:, 0])
    assert float(found["xva_se"][0, 0]) < 0.01 * float(exact["xva"][0, 0])


def test_sensitivities_agree_with_the_closed_form() -> None:
    """To every quote, in units of its shift; power: 3 % of the largest of the same measure."""
    found, exact = by_paths(), closed()
    for m in range(len(MEASURES)):
        unit = exact["shift"].values
        got, se = (found[n][m, 0].values * unit for n in ("sensitivity", "sensitivity_se"))
        true = exact["sensitivity"][m, 0].values * unit
        assert_within(got, se, true)
        assert np.abs(true).max() > 30 * se.max()


def test_adjoint_is_autograd_through_everything() -> None:
    """Masks fixed, one graph from quotes to measures on the block's own paths."""
    engine, plan = mixed(128, scrambles=1, pay_date=day("2028-03-01"))
    means = scramble_means(plan.data, [plan.run(0).sums])
    pull = ResidualPullback(plan.residuals, select, {})
    fast = quote_gradients(engine, plan.data, means, residual_graph=pull)[0, :, 0]
    leaf = engine.quotes.values.clone().requires_grad_(True)
    built = engine.build(QuoteSet(engine.quotes.ids, leaf))
    frame, scalars = engine.frame(built)
    state, _ = engine.state(frame, scalars)
    held = engine.held_inputs(engine.constants(plan.data), [0], frame)[0]
    data = replace(plan.data, grid=state.grid, events=state.events, sets=(held,))
    states, events = noise_paths(data, block_noise(data, 0))
    at = PathStates(engine.dates, engine.times, data.factors, states)
    item = plan.residuals[0].trades[0]
    live = ResidualTrade(item.trade, 0, select(built, 0, 0), item.pricer)
    realised = positions(live, plan.residuals[0].context, at, 1.0).realised
    weights = measure_weights(built.market, engine.credit, engine.times, engine.xva)[:, 0]
    exact = positions(item, plan.residuals[0].context, replace(at, states=states.detach()), 1.0)
    asked = features(item, plan.residuals[0].context, replace(at, states=states.detach()), item.pricer.names)
    learned, _ = item.pricer.values(engine.dates, asked)
    for m, side in enumerate(SIDES):
        total = torch.zeros((), dtype=torch.float64)
        for t in range(len(engine.times)):
            known = date_values(held, date_view(data, t, states, events)).value[0]
            positive = known.detach() + exact.exact[t] + learned[t] > 0
            amount = known + realised[t]
            chosen = amount[positive].sum() if side == 0 else -amount[~positive].sum()
            total = total + weights[m, t] * chosen / states.shape[-1]
        (slow,) = torch.autograd.grad(total, leaf, retain_graph=True)
        scale = float(slow.abs().max())
        np.testing.assert_allclose(fast[m], slow.numpy(), rtol=0, atol=1e-10 * scale)


def test_what_knows_closed_forms_only_refuses_and_names_the_trades() -> None:
    engine = engine_of(path_forward("F"), paths=64, scrambles=1)
    for attempt in (
        engine.plan,
        lambda: sensitivities(engine, ["CVA"]),
        lambda: sensitivities(engine, ["CVA"], method="bump"),
        lambda: hessian_product(engine, "CVA", {engine.quotes.ids[0]: 1.0}),
    ):
        with pytest.raises(DomainError, match=r"1 without \(F\)") as caught:
            attempt()
        assert caught.value.ids == ("F",)
