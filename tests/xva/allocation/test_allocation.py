"""Euler allocation: adds up to full runs, is the derivative to a trade's size, and has closed forms of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.stats import norm

from tests.support.flat_book import FX_FIXING, day, linear_trades, option_trades, physical, swap, world
from tests.support.flat_world import days_between, make_engine, run
from tests.support.path_products import ExactForward, path_forward
from tests.support.statistics import SCRAMBLES, assert_within
from xva.allocation.allocation import Portfolio, Portfolios, allocated
from xva.allocation.allocation_plan import AllocationPlan
from xva.errors import DomainError
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.engine import ExposureEngine
from xva.exposure.parts.conditional import Residual, ResidualTrade
from xva.models.cross_asset_paths import PathMarket
from xva.numerics import tree
from xva.results.labelled import results
from xva.sensitivities.by_quote import MEASURE_NAMES, with_totals
from xva.sensitivities.reverse_pass import scramble_means
from xva.trades import EquityForward, Trade

DATES = days_between("2025-01-15", "2031-01-15", 13)
EVERY = (*linear_trades(), physical(), *option_trades())


def whole_sets(engine: ExposureEngine, paths: dict[str, ResidualTrade] | None = None) -> Portfolios:
    items = []
    for home in engine.book.netting_sets:
        mine = tuple(t for t in engine.book.trades if t.netting_set == home.name)
        items.append(Portfolio(home, mine, mine))
    return Portfolios(engine, tuple(items), paths or {})


def shares(found: Portfolios) -> xr.Dataset:
    data = found.data()
    plan = AllocationPlan(data, found.residual())
    return allocated(found, data, [plan.run(b).sums for b in range(plan.n_blocks)])


def small(trades: Sequence[Trade], netted: bool = True) -> ExposureEngine:
    return make_engine(world(), trades, DATES, 32, scrambles=4, netted=netted, fixings=FX_FIXING)


def by_set(found: xr.Dataset, name: str = "contribution") -> xr.DataArray:
    return found[name].groupby("trade_netting_set").sum("trade").rename(trade_netting_set="netting_set")


@pytest.mark.parametrize("netted", [True, False])
def test_contributions_add_up_to_a_full_run(netted: bool) -> None:
    """Every product once, with events, in two sets, against the exposure plan's aggregated values."""
    other = [replace(t, netting_set="M", trade_id=f"M_{t.trade_id}") for t in EVERY[::2]]
    engine = small([*EVERY, *other], netted)
    full, found = run(engine), shares(whole_sets(engine))
    total = full["xva"].sel(measure=list(MEASURE_NAMES))
    for got in (by_set(found), found["total"]):
        error = abs(got.sel(netting_set=full["netting_set"]) - total) / abs(total)
        assert float(error.max()) < 1e-9  # a trade and its set are interpolated each on nodes of its own
    np.testing.assert_allclose(found["total_se"], full["xva_se"].sel(measure=found["measure"]), rtol=1e-9)
    for side in ("epe", "ene"):
        profile = by_set(found, side).sel(netting_set=full["netting_set"]).transpose("netting_set", "time")
        apart = abs(profile - full[side]) - full["interpolation_bound"]
        assert bool((apart <= 1e-9 * full[side] + 1e-6).all())
    if not netted:
        xr.testing.assert_identical(found["contribution"], found["standalone"].rename("contribution"))


def test_a_contribution_is_the_derivative_to_the_size_of_the_trade() -> None:
    """Against full runs with the trade a little larger and smaller, of which no path changes sign."""
    trades = [swap("A", "receiver", 0.029), swap("B", "payer", 0.033, 8e5), *option_trades()]
    found, bump = shares(whole_sets(small(trades)))["contribution"], 1e-5
    for k, (name, size) in enumerate(
        (("A", "notional"), ("B", "notional"), ("FX", "notional"), ("EQ", "quantity"))
    ):
        sides = []
        for factor in (1.0 + bump, 1.0 - bump):
            other = list(trades)
            other[k] = replace(trades[k], **{size: factor * getattr(trades[k], size)})
            sides.append(run(small(other))["xva"])
        slope = ((sides[0] - sides[1]) / (2.0 * bump)).isel(netting_set=0).sel(measure=found["measure"])
        np.testing.assert_allclose(found.sel(trade=name), slope, rtol=1e-7, atol=1e-3)


def test_forwards_on_one_share_have_a_closed_form() -> None:
    """``sum q_i (S - K_i)`` is positive where ``S > K``: trade i has ``q_i (S0 N(d1) - K_i P N(d2))``. Rates do not move.

    Power: the standard error is below 0.6 % of the contributions.
    """
    spot, vol, dividend, rate, expiry = 100.0, 0.25, 0.02, 0.03, "2027-01-15"
    flat = world(sigmas={"EUR": 1e-9, "USD": 1e-9}, equities={"EQ1": (spot, vol, dividend)}, correlations={})
    terms = {"LOW": (3e3, 80.0), "HIGH": (-1e3, 130.0), "MIDDLE": (1e3, 105.0)}
    trades = [
        EquityForward(
            trade_id=name, netting_set="N", equity="EQ1", currency="EUR", side="long" if q > 0 else "short",
            quantity=abs(q), strike=k, maturity_date=day(expiry),
        )
        for name, (q, k) in terms.items()
    ]  # fmt: skip
    engine = make_engine(flat, trades, ["2026-01-15", "2026-07-15"], 256)
    found = whole_sets(engine)
    data = found.data()
    plan = AllocationPlan(data)
    means = scramble_means(data.exposure, [plan.run(b).sums for b in range(plan.n_blocks)])
    samples = np.stack([m["0/epe"] for m in means])
    last = (np.datetime64(expiry) - np.datetime64("2025-01-15")).astype(int) / 365.0
    quantity, strike = np.array(list(terms.values())).T
    barrier = (quantity * strike).sum() / quantity.sum()
    times = engine.times[1:]
    forward, bond = spot * np.exp(-dividend * last), np.exp(-rate * last)
    d1 = np.log(forward / (barrier * bond)) / (vol * np.sqrt(times)) + 0.5 * vol * np.sqrt(times)
    exact = quantity[:, None] * (
        forward * norm.cdf(d1) - strike[:, None] * bond * norm.cdf(d1 - vol * np.sqrt(times))
    )
    error = samples.std(0, ddof=1) / np.sqrt(SCRAMBLES)
    assert np.all(error[:, 1:] < 6e-3 * np.abs(exact).max(0))
    assert_within(samples.mean(0)[:, 1:], error[:, 1:], exact)


def test_a_bought_option_alone_costs_its_price_times_the_loss() -> None:
    """Before expiry ``EPE = V0``: its standalone CVA is ``LGD (1 - S)`` of that, whatever else is in the set."""
    fx, equity, cap = option_trades()
    dates = days_between("2025-01-15", "2027-12-15", 6)
    engine = make_engine(world(), [fx, equity, cap, swap("S", "payer", 0.05, 5e6)], dates, 256)
    found = shares(whole_sets(engine))
    alone = make_engine(world(), [fx], dates, 256)
    value = float(run(alone)["value0"][0])
    expected = 0.6 * value * (1.0 - np.exp(-0.02 * engine.times[-1]))
    one = found.sel(trade="FX", measure="CVA")
    assert float(one["standalone_se"]) < 0.01 * expected
    assert_within(one["standalone"], one["standalone_se"], expected)
    assert float(one["contribution"]) < 0.5 * expected


def mixed(netted: bool) -> tuple[ExposureEngine, dict[str, ResidualTrade]]:
    trades = [swap("S", "receiver", 0.029), path_forward("F"), path_forward("G", strike=90.0, quantity=-2e3)]
    engine = make_engine(world(), trades, days_between("2025-01-15", "2028-01-17", 8), 256, netted=netted)
    flat = tree.map_tensors(engine.world, lambda t: t.detach())
    market = PathMarket.select(flat.market, flat.model, ["EUR"], [], ["EQ1"])
    items = {}
    for k, trade in enumerate(trades[1:], 1):
        pricer = ExactForward(trade, engine.dates[0], flat.model.rates["EUR"], 0.03, 0.02)
        items[trade.trade_id] = ResidualTrade(trade, 0 if netted else k, market, pricer)
    return engine, items


@pytest.mark.parametrize("netted", [True, False])
def test_trades_without_closed_form(netted: bool) -> None:
    """They add up to the exposure plan with residuals, and agree with the same trades in closed form."""
    engine, items = mixed(netted)
    found = shares(whole_sets(engine, items))
    residual = Residual(tuple(items.values()), 1 if netted else 3, engine.book.context)
    plan = ExposurePlan(engine.data(adjoint=False), {0: residual})
    full = results(engine, plan.data, [plan.run(b).sums for b in range(plan.n_blocks)])
    total = full["xva"].sel(measure=found["measure"]).isel(netting_set=0)
    np.testing.assert_allclose(found["contribution"].sum("trade"), total, rtol=1e-10)
    closed = [
        EquityForward(
            trade_id=name, netting_set="N", equity="EQ1", currency="EUR", side="long" if q > 0 else "short",
            quantity=abs(q), strike=k, maturity_date=day("2028-01-17"),
        )
        for name, q, k in (("F", 3e3, 101.0), ("G", -2e3, 90.0))
    ]  # fmt: skip
    other = make_engine(world(), [engine.book.trades[0], *closed], engine.dates[1:], 256, netted=netted)
    exact = shares(whole_sets(other))
    for name in ("contribution", "standalone"):
        error = np.hypot(found[f"{name}_se"], exact[f"{name}_se"])
        assert_within(found[name], error, exact[name])


def test_nothing_learned_of_a_trade_is_refused() -> None:
    engine, items = mixed(True)
    del items["G"]
    with pytest.raises(DomainError, match="got none for G") as refused:
        whole_sets(engine, items)
    assert refused.value.ids == ("G",)


def test_a_stored_plan_gives_the_same_bits() -> None:
    found = whole_sets(small(EVERY))
    plan = AllocationPlan(found.data())
    arrays, meta = plan.payload()
    again = AllocationPlan.from_payload(arrays, meta)
    one, other = plan.run(1).sums, again.run(1).sums
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)
    assert not plan.run(1).cube
    assert plan.bytes_per_block > 8 * plan.block_size * len(plan.data.exposure.days) * 5


def test_totals_are_costs_less_benefits() -> None:
    row = with_totals(torch.eye(4).numpy(), axis=0)
    assert row[4:].tolist() == [[0.0, 0.0, 1.0, -1.0], [1.0, -1.0, 1.0, 0.0]]
