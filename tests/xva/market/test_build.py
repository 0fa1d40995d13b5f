"""The whole market: derivatives to every quote, reuse, configurations, speed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from xva.errors import MarketDataError
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.conventions import STANDARD_INDICES
from xva.market.indices import RateIndex
from xva.market.market import Market
from xva.market.quotes import QuoteSet
from xva.numerics.tree import equal, tensors

AS_OF = np.datetime64("2026-01-15")
TIMES = np.array([0.1, 0.4, 1.3, 2.7, 4.9, 8.3, 14.0, 22.0, 29.0])


def observables(market: Market) -> Tensor:
    """Everything that a market can be asked for, between its pillars, in one vector of numbers near 1."""
    found = [c.discount(TIMES) for c in market.curves.values()]
    found += [c.survival(TIMES) for c in market.survivals.values()]
    found += [v.vol(TIMES) for v in market.fx_vols.values()]
    found += [e.vol.vol(TIMES) for e in market.equities.values() if e.vol is not None]
    found += [100 * v.vol(TIMES[:, None], TIMES[None, :]).ravel() for v in market.swaption_vols.values()]
    found += [100 * v.vol(TIMES) for v in market.cap_vols.values()]
    single = [market.recoveries, market.mean_reversions, market.correlations, market.fx_spots]
    found += [torch.stack(list(group.values())) for group in single]
    found += [torch.stack([torch.log(e.spot), e.dividend_yield]) for e in market.equities.values()]
    return torch.cat(found)


def weighted(market: Market) -> Tensor:
    values = observables(market)
    return values @ torch.sin(torch.arange(len(values), dtype=torch.float64))


def gradient(quotes: QuoteSet, config: MarketConfig) -> Tensor:
    leaf = quotes.as_leaf()
    (found,) = torch.autograd.grad(weighted(build_market(leaf, config)), leaf.values)
    return found


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_derivative_to_quotes_against_bumps(
    every: int, quotes: QuoteSet, config: MarketConfig, market: Market
) -> None:
    exact = gradient(quotes, config)
    assert bool((exact != 0.0).all())
    for row in range(0, len(quotes.ids), every):
        quote_id = quotes.ids[row]
        size = 1e-6 * max(abs(float(quotes.values[row])), 1.0)
        up, down = (
            weighted(build_market(quotes.shifted(quote_id, s), config, market)) for s in (size, -size)
        )
        bumped = float(up - down) / (2 * size)
        assert bumped == pytest.approx(float(exact[row]), rel=1e-6, abs=1e-7 * float(exact.abs().max())), (
            quote_id
        )


def test_second_derivatives_against_bumped_gradients(quotes: QuoteSet, config: MarketConfig) -> None:
    leaf = quotes.as_leaf()
    direction = torch.cos(torch.arange(len(quotes.ids), dtype=torch.float64)) * 1e-2
    (first,) = torch.autograd.grad(weighted(build_market(leaf, config)), leaf.values, create_graph=True)
    (second,) = torch.autograd.grad(first @ direction, leaf.values)
    step = 1e-5
    up, down = (gradient(QuoteSet(quotes.ids, quotes.values + s * direction), config) for s in (step, -step))
    torch.testing.assert_close(
        second, (up - down) / (2 * step), rtol=1e-5, atol=1e-6 * float(second.abs().max())
    )


def test_batched_pull_back_equals_row_by_row(quotes: QuoteSet, config: MarketConfig) -> None:
    leaf = quotes.as_leaf()
    values = observables(build_market(leaf, config))
    cotangents = torch.randn(7, len(values), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (batched,) = torch.autograd.grad(
        values, leaf.values, cotangents, is_grads_batched=True, retain_graph=True
    )
    rows = [torch.autograd.grad(values, leaf.values, c, retain_graph=True)[0] for c in cotangents]
    torch.testing.assert_close(batched, torch.stack(rows), rtol=1e-12, atol=1e-11)


def test_reuse_gives_the_same_bits_and_touches_only_what_depends(
    quotes: QuoteSet, config: MarketConfig
) -> None:
    base = build_market(quotes.as_leaf(), config)
    for quote_id in ("IR_SWAP/RATE/USD/2D/1D/5Y", "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y", "FX/RATE/EUR/USD"):
        bumped = quotes.shifted(quote_id, 1e-4)
        fast, slow = build_market(bumped, config, base), build_market(bumped, config)
        assert equal(fast, slow)
        assert not any(t.requires_grad for t in tensors(fast))
        for name, curve in fast.curves.items():
            same = torch.equal(curve.log_discounts, base.curves[name].log_discounts.detach())
            assert same == (quote_id not in base.quote_ids(name)), name


def test_previous_is_ignored_where_it_must_be(quotes: QuoteSet, config: MarketConfig, market: Market) -> None:
    leaf = quotes.as_leaf()
    assert build_market(leaf, config, market).curves["EUR-ESTR"].log_discounts.requires_grad
    later = MarketConfig.standard(AS_OF + 1)
    assert equal(build_market(quotes, later, market), build_market(quotes, later))


def test_quotes_that_a_curve_depends_on(market: Market) -> None:
    ids = market.quote_ids("GBP-IN-EUR")
    families = {i.rsplit("/", 1)[0] for i in ids}
    assert families == {
        "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/GBP/1D",
        "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D",
        "IR_SWAP/RATE/EUR/2D/1D",
        "IR_SWAP/RATE/USD/2D/1D",
        "IR_SWAP/RATE/GBP/0D/1D",
    }
    assert "RECOVERY_RATE/RATE/CPTY_A/SR/EUR" in market.quote_ids("CREDIT-CPTY_A")
    assert market.unused == ()


def test_a_built_market_pickles(market: Market) -> None:
    assert equal(pickle.loads(pickle.dumps(market)), market)


def test_spots_and_vols(market: Market, quotes: QuoteSet) -> None:
    assert float(market.fx_spot("EUR")) == 1.0
    assert float(market.fx_spot("USD")) == pytest.approx(1 / float(quotes["FX/RATE/EUR/USD"]), rel=1e-15)
    assert float(market.fx_vol("USD").vol(1.0)) == float(quotes["FX_OPTION/RATE_LNVOL/EUR/USD/1Y/ATM"])
    assert market.equity_currency("ATLASSOFT") == "USD"
    assert market.cap_vol("USD") is None
    assert market.cap_vol("EUR") is market.cap_vol("EUR", "6M")
    assert market.currencies == ("EUR", "USD", "GBP", "JPY")
    five = AS_OF + np.timedelta64(1826, "D")
    t = float((five - AS_OF).astype(int)) / 365
    assert float(market.swaption_vol("EUR").vol(t, 10.0)) == pytest.approx(
        float(quotes["SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM"]), rel=1e-14
    )


def test_funding_curves_are_spreads_over_the_reporting_curve(market: Market, quotes: QuoteSet) -> None:
    t = (np.datetime64("2031-01-15") - AS_OF).astype(int) / 365
    spread = torch.exp(-quotes["ZERO/YIELD_SPREAD/EUR/BORROW/A365/5Y"] * t)
    expected = market.discount_curve("EUR").discount(t) * spread
    assert float(market.funding_curve("borrow").discount(t)) == pytest.approx(float(expected), rel=1e-14)


def test_zero_and_hazard_quotes_with_a_custom_index() -> None:
    """The market of an academic example: flat curves, no calendars."""
    index = RateIndex("EUR-FLAT-6M", "EUR", "6M", "NULL", "A365")
    config = MarketConfig(
        AS_OF,
        "EUR",
        {"EUR": "EUR-FLAT"},
        {index.name: "EUR-FLAT"},
        indices={**STANDARD_INDICES, index.name: index},
    )
    quotes = QuoteSet.from_mapping(
        {
            "ZERO/RATE/EUR/EUR-FLAT/A365/10Y": 0.03,
            "HAZARD_RATE/RATE/CP/SR/EUR/2Y": 0.02,
            "HAZARD_RATE/RATE/CP/SR/EUR/2036-01-15": 0.04,
            "RECOVERY_RATE/RATE/CP/SR/EUR": 0.4,
        }
    )
    market = build_market(quotes, config)
    assert market.projection_curve("EUR-FLAT-6M") is market.discount_curve("EUR")
    assert float(market.discount_curve("EUR").discount(7.0)) == pytest.approx(np.exp(-0.21), rel=1e-15)
    assert float(market.survival_curve("CP").survival(3.0)) == pytest.approx(np.exp(-0.08), rel=1e-15)


def test_cds_on_a_market_of_zero_rates() -> None:
    config = MarketConfig(AS_OF, "EUR", {"EUR": "EUR-FLAT"}, {})
    quotes = {
        "ZERO/RATE/EUR/EUR-FLAT/A365/10Y": 0.03,
        "CDS/CREDIT_SPREAD/CP/SR/EUR/5Y": 0.012,
        "RECOVERY_RATE/RATE/CP/SR/EUR": 0.4,
    }
    hazard = float(build_market(QuoteSet.from_mapping(quotes), config).survival_curve("CP").hazards)
    assert hazard == pytest.approx(0.012 / 0.6 * 365 / 360, rel=5e-3)


def test_another_reporting_currency_hardly_moves_the_forwards(quotes: QuoteSet, market: Market) -> None:
    """The same basis quotes under dollar or sterling collateral: less than 1 bp a year."""
    for reporting in ("USD", "GBP"):
        other = build_market(quotes, MarketConfig.standard(AS_OF, reporting))
        assert other.currencies[0] == reporting
        cross = other.fx_spot("EUR") / other.fx_spot("GBP")
        assert float(cross) == pytest.approx(float(market.fx_spot("EUR") / market.fx_spot("GBP")), rel=1e-14)
        ratio, base = (
            m.discount_curve("USD").log_discount(10.0) - m.discount_curve("EUR").log_discount(10.0)
            for m in (other, market)
        )
        assert abs(float(ratio - base)) / 10 < 1e-4


def test_fx_forwards_give_the_short_end(quotes: QuoteSet) -> None:
    spot = float(quotes["FX/RATE/EUR/USD"])
    cable_spot = spot / float(quotes["FX/RATE/EUR/GBP"])
    short = {"EUR/USD/3M": spot * 1.0042, "EUR/USD/6M": spot * 1.0083, "GBP/USD/6M": cable_spot * 0.9999}
    points = {f"FXFWD/RATE/{k}": 1e4 * (v - (spot if k[0] == "E" else cable_spot)) for k, v in short.items()}
    values = dict(zip(quotes.ids, quotes.values.tolist())) | points
    config = MarketConfig.standard(AS_OF)
    leaf = QuoteSet.from_mapping(values).as_leaf()
    market = build_market(leaf, config)
    usd, eur, gbp = (market.discount_curve(c) for c in ("USD", "EUR", "GBP"))
    for tenor, end in (("3M", "2026-04-20"), ("6M", "2026-07-20")):
        t = (np.datetime64(end) - AS_OF).astype(int) / 365
        forward = eur.discount(t) / usd.discount(t) / market.fx_spot("USD")
        assert float(forward.detach()) == pytest.approx(short[f"EUR/USD/{tenor}"], rel=1e-12)
    cable = gbp.discount(t) / usd.discount(t) * market.fx_spot("GBP") / market.fx_spot("USD")
    assert float(cable.detach()) == pytest.approx(short["GBP/USD/6M"], rel=1e-12)
    (to_quotes,) = torch.autograd.grad(torch.log(forward), leaf.values)
    per_unit = 1 / float(forward.detach())
    assert float(to_quotes[leaf.index["FXFWD/RATE/EUR/USD/6M"]]) == pytest.approx(1e-4 * per_unit, rel=1e-12)
    # points stay where the spot moves, so the forward moves as much as the spot
    assert float(to_quotes[leaf.index["FX/RATE/EUR/USD"]]) == pytest.approx(per_unit, rel=1e-12)


def test_forwards_alone_make_a_discount_curve() -> None:
    """A foreign discount curve needs neither overnight quotes nor a basis."""
    config = MarketConfig(AS_OF, "EUR", {"EUR": "EUR-FLAT", "CHF": "CHF-IN-EUR"}, {})
    quotes = {
        "ZERO/RATE/EUR/EUR-FLAT/A365/1Y": 0.02,
        "FX/RATE/EUR/CHF": 0.93,
        "FXFWD/RATE/EUR/CHF/1Y": -150.0,
    }
    market = build_market(QuoteSet.from_mapping(quotes), config)
    t = float(market.discount_curve("CHF").times[0])
    expected = np.exp(-0.02 * t) * 0.93 / 0.915
    assert float(market.discount_curve("CHF").discount(t)) == pytest.approx(expected, rel=1e-14)


def test_without_cross_currency_quotes_own_curves_discount(quotes: QuoteSet) -> None:
    config = MarketConfig.standard(AS_OF, "EUR", ("EUR", "USD"), cross_currency=False)
    market = build_market(quotes, config)
    assert market.discount_curve("USD") is market.projection_curve("USD-SOFR")
    assert "IR_SWAP/RATE/GBP/0D/1D/5Y" in market.unused


def test_asking_for_what_is_not_there_says_what_to_add(market: Market) -> None:
    asks = {
        "discount_curve": ("CHF", "discount curve of CHF"),
        "projection_curve": ("CHF-SARON", "projection curve of CHF-SARON"),
        "survival_curve": ("NOBODY", "CDS/CREDIT_SPREAD/NOBODY/SR"),
        "recovery": ("NOBODY", "RECOVERY_RATE/RATE/NOBODY"),
        "fx_spot": ("CHF", "FX/RATE/EUR/CHF"),
        "fx_vol": ("CHF", "FX_OPTION/RATE_LNVOL/EUR/CHF"),
        "equity_spot": ("NOBODY", "EQUITY/PRICE/NOBODY"),
        "swaption_vol": ("CHF", "SWAPTION/RATE_NVOL/CHF"),
        "mean_reversion": ("CHF", "MEAN_REVERSION/RATE/CHF"),
        "funding_curve": ("both", "borrow or lend"),
    }
    for method, (argument, message) in asks.items():
        with pytest.raises(MarketDataError, match=message):
            getattr(market, method)(argument)
