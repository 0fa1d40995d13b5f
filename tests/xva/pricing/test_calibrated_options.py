"""The calibrated model gives back the quotes it was calibrated to, by formulas that are not its own."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
import torch
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from pipelines.jobs.inputs import LoadedJob
from xva import dates
from xva.exposure.engine import Book
from xva.exposure.reconciliation.reconciliation import trade_values
from xva.exposure.world import World
from xva.market.conventions import convention_of
from xva.models.swaption_strip import at_the_money, strip_swap
from xva.trades.equity_option import EquityOption
from xva.trades.fx_option import FxOption
from xva.trades.netting import NettingSet
from xva.trades.trade import Trade

STRIKES = (0.8, 1.0, 1.25)


def _values(demo: LoadedJob, world: World, trades: list[Trade]) -> np.ndarray:
    book = Book((NettingSet("N", "C", "EUR"),), (), tuple(trades), demo.context)
    return trade_values(book, world).numpy()


def _day(demo: LoadedJob, time: float) -> np.datetime64:
    return demo.as_of + np.timedelta64(round(365.0 * time), "D")


@pytest.mark.parametrize("currency", ["USD", "GBP", "JPY"])
@pytest.mark.parametrize("kind", ["call", "put"])
def test_fx_options_at_every_pillar(demo: LoadedJob, world: World, currency: str, kind: str) -> None:
    market, vols = world.market, world.market.fx_vol(currency)
    trades, expected = [], []
    for time, vol in zip(vols.times, vols.vols.tolist()):
        home, abroad = (float(market.discount_curve(c).discount(time)) for c in ("EUR", currency))
        forward = home / abroad / float(market.fx_spot(currency))  # currency per EUR
        for ratio in STRIKES:
            strike = ratio * forward
            terms = {"base_currency": "EUR", "quote_currency": currency, "notional": 1.0, "strike": strike}
            expiry = {"expiry_date": _day(demo, time)}
            trades.append(
                FxOption(trade_id="T", netting_set="N", side="long", option_type=kind, **terms, **expiry)
            )
            flag = ql.Option.Call if kind == "call" else ql.Option.Put
            paid = abroad * float(market.fx_spot(currency))
            expected.append(ql.blackFormula(flag, strike, forward, vol * np.sqrt(time), paid))
    np.testing.assert_allclose(_values(demo, world, trades), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", ["call", "put"])
def test_equity_options_at_every_pillar(demo: LoadedJob, world: World, kind: str) -> None:
    """Shares in foreign currency too: the option is on the share in its own currency."""
    market = world.market
    trades, expected = [], []
    for name in world.model.equities:
        currency, vols = market.equity_currency(name), market.equity_vol(name)
        spot, carry = float(market.equity_spot(name)), float(market.dividend_yield(name))
        for time, vol in zip(vols.times, vols.vols.tolist()):
            discount = float(market.discount_curve(currency).discount(time))
            forward = spot * np.exp(-carry * time) / discount
            for ratio in STRIKES:
                terms = {"equity": name, "currency": currency, "strike": ratio * forward}
                quantity = 1.0 / (spot * float(market.fx_spot(currency)))
                expiry = {"expiry_date": _day(demo, time), "quantity": quantity}
                trades.append(
                    EquityOption(
                        trade_id="T", netting_set="N", side="long", option_type=kind, **terms, **expiry
                    )
                )
                flag = ql.Option.Call if kind == "call" else ql.Option.Put
                price = ql.blackFormula(flag, ratio * forward, forward, vol * np.sqrt(time), discount)
                expected.append(price / spot)
    np.testing.assert_allclose(_values(demo, world, trades), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("currency", ["EUR", "USD", "GBP", "JPY"])
def test_the_co_terminal_strip(demo: LoadedJob, world: World, currency: str) -> None:
    """The swap's payoff integrated over the state, against Bachelier at the quoted volatility."""
    market, lgm = world.market, world.model.rates[currency]
    index = convention_of(currency).swaption_index
    end = dates.add_tenor(demo.as_of, demo.spec.model.coterminal)
    vols = market.swaption_vol(currency)
    strip = [
        strip_swap(demo.as_of, demo.context.index(index), float(e), end)
        for e in vols.expiries
        if e <= float(dates.years(demo.as_of, end)) - 0.99
    ]
    assert len(strip) >= 4
    curves = (market.discount_curve(currency), market.projection_curve(index))
    for swap in strip:
        weight, annuity = (t.numpy() for t in at_the_money(swap, *curves))
        h = lgm.h(swap.times).numpy()
        price = _integrated(weight, h, h**2, float(lgm.zeta(swap.expiry)))
        vol = float(vols.vol(np.array([swap.expiry]), np.array([swap.tenor]))[0])
        expected = float(annuity) * vol * np.sqrt(swap.expiry / (2.0 * np.pi))
        assert price == pytest.approx(expected, abs=1e-10)


def _integrated(weight: np.ndarray, h: np.ndarray, q: np.ndarray, zeta: float) -> float:
    """``E[max(sum_i w_i exp(-h_i x - q_i zeta/2), 0)]`` of a payer, x normal with variance zeta, by quadrature."""

    def swap(x: float) -> float:
        return float(weight @ np.exp(-h * x - 0.5 * q * zeta))

    sd = np.sqrt(zeta)
    root = brentq(swap, -8 * sd, 8 * sd, xtol=1e-15)
    top = 12 * sd
    return float(
        quad(lambda x: swap(x) * norm.pdf(x, scale=sd), root, top, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
    )


def test_model_volatilities_of_crosses_are_between_their_sides(world: World) -> None:
    """Without rate volatility the triangle rule holds; with it, nearly so at short expiries."""
    from xva.exposure.reconciliation.reconciliation import model_fx_vols

    time = 0.25
    names = world.model.index
    a, b, cross = model_fx_vols(
        [(("EUR", "USD"), time), (("EUR", "GBP"), time), (("GBP", "USD"), time)], world
    ).tolist()
    rho = float(world.model.correlation[names["FX:USD"], names["FX:GBP"]])
    assert cross == pytest.approx(np.sqrt(a * a + b * b - 2 * rho * a * b), rel=5e-3)
    assert torch.allclose(
        model_fx_vols([(("GBP", "USD"), 7.0)], world), model_fx_vols([(("USD", "GBP"), 7.0)], world)
    )
