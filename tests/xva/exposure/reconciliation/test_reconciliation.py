"""Values at t = 0 by trade: they add up to the engine's, and stand beside booked values and quoted volatilities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import QuantLib as ql
import torch

from pipelines.jobs.inputs import load_job
from pipelines.runs.computation import Exposure
from tests.support.demo_bank import DEMO, demo_engine
from xva import dates
from xva.exposure.engine import ExposureEngine, Simulation
from xva.exposure.reconciliation.reconciliation import (
    model_fx_vols,
    reconcile,
    trade_values,
)
from xva.market.quotes import QuoteSet
from xva.pricing.deterministic import linear_values
from xva.trades.cap_floor import CapFloor
from xva.trades.claims import Caplet, FixedFlow
from xva.trades.equity_option import EquityOption
from xva.trades.fx_option import FxOption
from xva.trades.swaption import Swaption
from xva.trades.trade import Trade


@pytest.fixture(scope="module")
def engine() -> ExposureEngine:
    return demo_engine(paths=8, block_size=8, scrambles=1, every=20)


@pytest.fixture(scope="module")
def table(engine: ExposureEngine) -> pd.DataFrame:
    return reconcile(engine.book, engine.world)


def _gross_notional(trades: tuple[Trade, ...]) -> float:
    fields = ("notional", "pay_notional", "receive_notional", "buy_amount", "quantity")
    return float(sum(max(getattr(t, f, 0.0) or 0.0 for f in fields) for t in trades))


def test_trades_add_up_to_the_engines_value(engine: ExposureEngine, table: pd.DataFrame) -> None:
    plan = engine.plan(adjoint=False)
    value0 = plan.run(0).sums["value"][:, 0] / plan.block_size
    sums = table.groupby("netting_set")["value"].sum()
    for netting_set, value in zip(engine.book.netting_sets, value0):
        own = tuple(t for t in engine.book.trades if t.netting_set == netting_set.name)
        assert abs(sums[netting_set.name] - value) < 1e-9 * _gross_notional(own)
        # tighter than was promised: a hundred-millionth of a euro per million of value
        assert sums[netting_set.name] == pytest.approx(value, abs=1e-4)


def test_linear_trades_are_worth_what_the_curves_say(engine: ExposureEngine, table: pd.DataFrame) -> None:
    for trade in engine.book.trades:
        if trade.kind in ("swaps", "fx_forwards", "equity_forwards"):
            value = float(linear_values([trade.claims(engine.book.context)], engine.world.market)[0])
            assert table.loc[trade.trade_id, "value"] == pytest.approx(value, rel=1e-12)
            assert np.isnan(table.loc[trade.trade_id, "quoted_vol_value"])
            assert table.loc[trade.trade_id, "note"] == ""


def test_booked_values(engine: ExposureEngine, table: pd.DataFrame) -> None:
    booked = {t.trade_id: t.booked_value for t in engine.book.trades if t.booked_value is not None}
    assert len(booked) >= 0.3 * len(table)
    found = table["booked_value"].dropna()
    assert found.to_dict() == booked
    difference = (table["value"] - table["booked_value"]).dropna()
    pd.testing.assert_series_equal(table["difference"].dropna(), difference, check_names=False)
    linear = table[table["quoted_vol_value"].isna()]["difference"].dropna().abs().sort_values()
    assert linear.iloc[-1] > 1e4  # somebody booked the wrong sign
    assert linear.median() < 50.0


def test_every_option_is_compared_or_says_why_not(table: pd.DataFrame) -> None:
    kinds = ("fx_options", "equity_options", "caps_floors", "swaptions")
    options = table[table["type"].isin(kinds)]
    compared = options["quoted_vol_value"].notna()
    assert compared.sum() >= 0.8 * len(options)
    assert (options.loc[~compared, "note"] != "").all()
    crosses = options[options["note"].str.startswith("no volatility quoted for")]
    assert len(crosses) > 0
    assert (crosses["type"] == "fx_options").all()
    difference = (options["value"] - options["quoted_vol_value"]).dropna()
    pd.testing.assert_series_equal(options["model_minus_quoted"].dropna(), difference, check_names=False)
    # FX and equity are calibrated to the very quotes; rates to co-terminal swaptions only
    assets = options[compared & options["type"].isin(kinds[:2])]
    assert (assets["model_minus_quoted"].abs() <= 0.01 * assets["value"].abs() + 300.0).all()


def test_values_at_quoted_volatilities_by_quantlib(engine: ExposureEngine, table: pd.DataFrame) -> None:
    """Black and Bachelier by QuantLib, forwards and annuities written out from the trade's terms."""
    market, context = engine.world.market, engine.book.context
    by_hand = {FxOption: _fx, EquityOption: _equity, CapFloor: _cap, Swaption: _swaption}
    seen = dict.fromkeys(by_hand, 0)
    for trade in engine.book.trades:
        if type(trade) in by_hand and not np.isnan(table.loc[trade.trade_id, "quoted_vol_value"]):
            expected = by_hand[type(trade)](trade, context, market)  # type: ignore[operator]
            sign = 1.0 if trade.side == "long" else -1.0  # type: ignore[attr-defined]
            got = table.loc[trade.trade_id, "quoted_vol_value"]
            assert got == pytest.approx(sign * expected, rel=1e-10, abs=1e-6), trade.trade_id
            seen[type(trade)] += 1
    assert min(seen.values()) >= 5


def _fx(trade, context, market) -> float:  # type: ignore[no-untyped-def]
    expiry = context.time(trade.expiry_date)
    base, quote = trade.base_currency, trade.quote_currency
    vol = float(market.fx_vol(base if quote == "EUR" else quote).vol(expiry))
    paid = float(market.discount_curve(quote).discount(expiry) * market.fx_spot(quote))
    forward = float(market.discount_curve(base).discount(expiry) * market.fx_spot(base)) / paid
    flag = ql.Option.Call if trade.option_type == "call" else ql.Option.Put
    return trade.notional * ql.blackFormula(flag, trade.strike, forward, vol * math.sqrt(expiry), paid)


def _equity(trade, context, market) -> float:  # type: ignore[no-untyped-def]
    expiry = context.time(trade.expiry_date)
    discount = float(market.discount_curve(trade.currency).discount(expiry))
    carry = float(market.dividend_yield(trade.equity))
    forward = float(market.equity_spot(trade.equity)) * math.exp(-carry * expiry) / discount
    stdev = float(market.equity_vol(trade.equity).vol(expiry)) * math.sqrt(expiry)
    flag = ql.Option.Call if trade.option_type == "call" else ql.Option.Put
    price = ql.blackFormula(flag, trade.strike, forward, stdev, discount)
    return trade.quantity * price * float(market.fx_spot(trade.currency))


def _cap(trade, context, market) -> float:  # type: ignore[no-untyped-def]
    curve, index = market.discount_curve("EUR"), market.projection_curve(trade.index)
    parts = [c if trade.side == "long" else c._replace(amount=-c.amount) for c in trade.claims(context)]
    last = max(c.end for c in parts if isinstance(c, Caplet))
    vol = float(market.cap_vol("EUR").vol(last))
    flag = ql.Option.Call if trade.cap_floor == "cap" else ql.Option.Put
    total = 0.0
    for c in parts:
        paid = float(curve.discount(c.pay))
        if isinstance(c, FixedFlow):
            total += c.amount * paid
            continue
        rate = (float(index.discount(c.start) / index.discount(c.end)) - 1.0) / c.accrual
        deviation = vol * math.sqrt(max(c.fixing, 0.0))
        total += c.amount * ql.bachelierBlackFormula(flag, trade.strike, rate, deviation, paid)
    return total


def _swaption(trade, context, market) -> float:  # type: ignore[no-untyped-def]
    """The fixed leg's annuity on its own; the forward from the value of the swap at a strike of zero."""
    terms = context.index(trade.index)
    start = dates.business_days(trade.expiry_date, terms.fixing_lag, terms.calendar)
    days = dates.schedule(start, trade.maturity_date, trade.fixed_frequency, terms.calendar)
    curve = market.discount_curve(trade.currency)
    annuity = 0.0
    for a, b in zip(days[:-1], days[1:]):
        pay = dates.business_days(b, terms.payment_lag, terms.calendar)
        accrual = float(dates.year_fraction(trade.fixed_day_count, a, b))
        annuity += accrual * float(curve.discount(context.time(pay)))
    annuity *= trade.notional * float(market.fx_spot(trade.currency))
    (claim,) = replace(trade, strike=0.0, swap_side="payer").claims(context)
    forward = float(linear_values([claim.flows], market)[0]) / annuity
    expiry = context.time(trade.expiry_date)
    length = float(dates.years(trade.expiry_date, trade.maturity_date))
    vol = float(market.swaption_vol(trade.currency).vol(np.array([expiry]), np.array([length]))[0])
    flag = ql.Option.Call if trade.swap_side == "payer" else ql.Option.Put
    return float(ql.bachelierBlackFormula(flag, trade.strike, forward, vol * math.sqrt(expiry), annuity))


def test_a_quoted_cross_is_laid_beside_the_models(engine: ExposureEngine) -> None:
    """USD/JPY quoted 3 vol points above what EUR/USD, EUR/JPY and their correlation give."""
    pair, name = ("USD", "JPY"), "FX_OPTION/RATE_LNVOL/USD/JPY/{}/ATM"
    added = (name.format("1Y"), name.format("5Y"))
    levels = torch.cat([engine.quotes.values.detach(), torch.tensor([0.13, 0.12], dtype=torch.float64)])
    world = engine.build(QuoteSet((*engine.quotes.ids, *added), levels))
    model = model_fx_vols([(pair, 1.0), (pair, 5.0)], world).detach().numpy()
    assert (model < np.array([0.13, 0.12]) - 0.01).all()
    table = reconcile(engine.book, world)
    told = table[table["note"].str.startswith("volatility of USD/JPY: quoted 1")]
    assert len(told) > 0
    assert told["quoted_vol_value"].notna().all()
    trades = {t.trade_id: t for t in engine.book.trades}
    for name, row in told.iterrows():
        held = 1.0 if trades[str(name)].side == "long" else -1.0  # type: ignore[attr-defined]
        assert held * row["model_minus_quoted"] < 0.0  # at a lower volatility the option is worth less


def test_a_trade_past_its_break_is_worth_nothing(engine: ExposureEngine) -> None:
    chosen = {"swaps", "fx_options", "swaptions", "cross_currency_swaps"}
    trades = tuple(t for t in engine.book.trades if t.kind in chosen)
    past = np.datetime64("2026-01-10")
    broken = replace(engine.book, trades=tuple(replace(t, break_date=past) for t in trades))
    table = reconcile(broken, engine.world)
    assert (table["value"] == 0.0).all()
    options = table[table["type"].isin(["fx_options", "swaptions"])]
    assert (options["note"] == "broken off on 2026-01-10").all()
    kept = reconcile(replace(broken, breaks="ignore"), engine.world)
    whole = reconcile(replace(engine.book, trades=trades), engine.world)
    np.testing.assert_allclose(kept["value"], whole["value"])


def test_values_are_differentiable(engine: ExposureEngine) -> None:
    book = replace(engine.book, trades=engine.book.trades[::10])
    leaf = engine.quotes.as_leaf()
    name = "FX/RATE/EUR/USD"
    gradient = torch.autograd.grad(trade_values(book, engine.build(leaf)).sum(), leaf.values)[0]
    up, down = (
        float(trade_values(book, engine.build(engine.quotes.shifted(name, h))).sum()) for h in (1e-5, -1e-5)
    )
    assert float(gradient[leaf.index[name]]) == pytest.approx((up - down) / 2e-5, rel=1e-6)


def test_a_grid_that_ends_before_the_last_reset(engine: ExposureEngine) -> None:
    """Periods that begin after the last date are forwards on every date."""
    args = (engine.book, engine.quotes, engine.build, np.array(["2026-02-16"], "datetime64[D]"), engine.xva)
    short = ExposureEngine(*args, Simulation(8, 8, 1))
    value0 = short.plan(adjoint=False).run(0).sums["value"][:, 0]
    expected = engine.plan(adjoint=False).run(0).sums["value"][:, 0]
    np.testing.assert_allclose(value0, expected, rtol=1e-9)


@pytest.mark.slow
def test_the_full_bank() -> None:
    exposure = Exposure(load_job(DEMO.with_name("full.toml")))
    engine = exposure.engine
    table = exposure.reconciliation()
    assert len(table) == 2220
    assert table["value"].notna().all()
    assert set(table["netting_set"]) == {n.name for n in engine.book.netting_sets}
