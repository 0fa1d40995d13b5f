"""Ladders of quoted instruments: their own rung, and closed forms of its size."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from tests.support.demo_bank import demo_engine
from xva.errors import DomainError
from xva.exposure.engine import ExposureEngine
from xva.hedging.market_instruments import Instruments, instruments
from xva.market.build import build_market
from xva.market.config import MarketConfig
from xva.market.market import Market
from xva.market.quotes import QuoteSet, unit_shift
from xva.trades.context import TradeContext

AS_OF = np.datetime64("2026-01-15", "D")


@pytest.fixture(scope="module")
def engine() -> ExposureEngine:
    return demo_engine(paths=8, block_size=8, scrambles=1, every=20)


@pytest.fixture(scope="module")
def market(engine: ExposureEngine) -> Market:
    return engine.world.market


@pytest.fixture(scope="module")
def offered(engine: ExposureEngine) -> Instruments:
    return instruments(engine.quotes, engine.world.market.config, engine.book.context)


def rung(offered: Instruments, own: str, quote: str = "") -> float:
    return float(offered.ladder[offered.quotes.index(quote or own), offered.own.index(own)])


def test_instruments_at_par_move_with_their_own_quote(offered: Instruments, engine: ExposureEngine) -> None:
    """In the quotes' readable shifts; overnight swaps in foreign currency pay with a lag of days beside the bootstrap's."""
    shift = np.array([unit_shift(i, float(v))[0] for i, v in zip(offered.quotes, engine.quotes.values)])
    ladder = offered.ladder * shift[:, None]
    for k, own in enumerate(offered.own):
        share = abs(ladder[offered.quotes.index(own), k]) / np.linalg.norm(ladder[:, k])
        least = {"CDS": 1.0 - 1e-12, "FX spot": 1.0 - 1e-12, "shares": 1.0 - 1e-12}.get(offered.kinds[k], 0.9)
        assert share > least, own


def test_every_family_that_is_traded_is_offered(offered: Instruments) -> None:
    expected = {"par swap", "basis swap", "FX spot", "CDS", "shares"}
    assert set(offered.kinds) == expected | {"swaption straddle", "FX straddle", "equity straddle"}


def test_a_swap_moves_by_its_annuity(offered: Instruments, market: Market) -> None:
    """Fixed leg of a 10y euribor swap by QuantLib: annual, 30/360, from the spot date."""
    calendar, start = ql.TARGET(), ql.Date(19, 1, 2026)
    schedule = ql.MakeSchedule(
        start, start + ql.Period("10Y"), ql.Period("1Y"), calendar=calendar,
        convention=ql.ModifiedFollowing, terminalDateConvention=ql.ModifiedFollowing, backwards=True,
    )  # fmt: skip
    days = list(schedule)
    count = ql.Thirty360(ql.Thirty360.BondBasis)
    paid = np.array([(d - ql.Date(15, 1, 2026)) / 365.0 for d in days[1:]])
    accrued = np.array([count.yearFraction(a, b) for a, b in zip(days, days[1:])])
    annuity = float(market.discount_curve("EUR").discount(paid).numpy() @ accrued)
    own = "IR_SWAP/RATE/EUR/2D/6M/10Y"
    assert rung(offered, own) == pytest.approx(annuity, rel=1e-12)
    column = offered.ladder[:, offered.own.index(own)].copy()
    column[offered.quotes.index(own)] = 0.0
    assert np.abs(column).max() < 1e-10 * annuity


def test_a_cds_moves_by_its_risky_annuity(offered: Instruments, market: Market) -> None:
    """QuantLib's mid-point engine on our own curves, per unit of running spread; it is at par, so quotes alone count."""
    today = ql.Date(15, 1, 2026)
    before = ql.Settings.instance().evaluationDate
    ql.Settings.instance().evaluationDate = today
    try:
        days = [today + 30 * k for k in range(150)]
        times = np.array([(d - today) / 365.0 for d in days])
        discounts = market.discount_curve("EUR").discount(times).tolist()
        survivals = market.survival_curve("CPTY_C").survival(times).tolist()
        discount = ql.YieldTermStructureHandle(ql.DiscountCurve(days, discounts, ql.Actual365Fixed()))
        credit = ql.DefaultProbabilityTermStructureHandle(
            ql.SurvivalProbabilityCurve(days, survivals, ql.Actual365Fixed(), ql.NullCalendar())
        )
        swap = ql.MakeCreditDefaultSwap(ql.Period("5Y"), 0.01, dateGenerationRule=ql.DateGeneration.CDS2015)
        swap.setPricingEngine(ql.MidPointCdsEngine(credit, float(market.recovery("CPTY_C")), discount))
        annuity = abs(swap.couponLegBPS()) * 1e4 - abs(swap.accrualRebateNPV()) / 0.01
    finally:
        ql.Settings.instance().evaluationDate = before
    assert rung(offered, "CDS/CREDIT_SPREAD/CPTY_C/SR/EUR/5Y") == pytest.approx(annuity, rel=2e-3)


def test_straddles_move_by_their_vega(offered: Instruments, market: Market) -> None:
    """Of a Black straddle at the forward 2 phi(d1) sqrt(T) per unit of forward; of a Bachelier one 2 sqrt(T / 2 pi)."""
    t = 365.0 * 5 / 365.0 + 1 / 365.0
    vol = float(engine_vol(market, t))
    d1 = 0.5 * vol * np.sqrt(t)
    carried = float(market.discount_curve("EUR").discount(t))
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    own = "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM"
    assert rung(offered, own) == pytest.approx(2.0 * density * np.sqrt(t) * carried, rel=1e-3)
    swaption = "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM"
    annuity = rung(offered, "IR_SWAP/RATE/EUR/2D/6M/15Y") - rung(offered, "IR_SWAP/RATE/EUR/2D/6M/5Y")
    assert rung(offered, swaption) == pytest.approx(2.0 * np.sqrt(t / (2.0 * np.pi)) * annuity, rel=1e-2)


def engine_vol(market: Market, t: float) -> float:
    return float(market.fx_vol("USD").vol(t).detach())


def test_fx_and_shares_are_held_without_other_positions(offered: Instruments, market: Market) -> None:
    assert rung(offered, "FX/RATE/EUR/USD") == pytest.approx(float(market.fx_spot("USD").detach()), rel=1e-12)
    share = "EQUITY/PRICE/ATLASSOFT/USD"
    assert rung(offered, share) == pytest.approx(float(market.fx_spot("USD").detach()), rel=1e-12)
    assert abs(rung(offered, share, "FX/RATE/EUR/USD")) < 1e-12


def test_fx_forwards_are_offered_where_they_are_quoted() -> None:
    quotes = {f"IR_SWAP/RATE/EUR/2D/1D/{t}": 0.02 for t in ("1Y", "2Y")}
    quotes |= {"FXFWD/RATE/EUR/USD/1Y": 200.0, "FXFWD/RATE/EUR/USD/2Y": 400.0, "FX/RATE/EUR/USD": 1.09}
    base = MarketConfig.standard(AS_OF, currencies=["EUR", "USD"])
    config = MarketConfig(AS_OF, "EUR", base.discount, {"EUR-ESTR": "EUR-ESTR"})
    leaf = QuoteSet.from_mapping(quotes)
    found = instruments(leaf, config, TradeContext(AS_OF))
    market = build_market(leaf, config)
    own = "FXFWD/RATE/EUR/USD/1Y"
    settled = 370 / 365.0  # a year after 2026-01-20, which follows a holiday in New York
    discount = float(market.discount_curve("EUR").discount(settled))
    assert found.kinds[found.own.index(own)] == "FX forward"
    assert rung(found, own) == pytest.approx(1e-4 * discount / 1.11, rel=1e-3)


def test_a_market_without_instruments_is_refused() -> None:
    config = MarketConfig(AS_OF, "EUR", {"EUR": "EUR-ESTR"}, {"EUR-ESTR": "EUR-ESTR"})
    quotes = QuoteSet.from_mapping({"ZERO/RATE/EUR/EUR-ESTR/A365/1Y": 0.02})
    with pytest.raises(DomainError, match="expected quotes of swaps, CDS"):
        instruments(quotes, config, TradeContext(AS_OF))


def test_some_of_them(offered: Instruments) -> None:
    only = offered.only(lambda i: i.startswith("CDS/"))
    assert set(only.kinds) == {"CDS"}
    assert only.ladder.shape == (len(offered.quotes), len(only.own))
