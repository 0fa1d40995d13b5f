"""A job in CHF, SEK, PLN and AUD, quotes by hand, twelve trades: against QuantLib, and every sensitivity against bumps."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql

from pipelines.jobs.inputs import LoadedJob, load_job
from pipelines.runs.computation import Exposure
from tests.support.four_currencies import QUOTES, write_four_currencies
from xva.market import Market
from xva.pricing.deterministic import linear_value
from xva.sensitivities.bump import Revaluer
from xva.sensitivities.by_quote import bump_samples, labelled, sensitivities
from xva.trades import BasisSwap, FxForward, InterestRateSwap

TODAY = ql.Date(15, 1, 2026)
A365, A360 = ql.Actual365Fixed(), ql.Actual360()
DAYS = np.arange(1, 10 * 365, 61)
Handle = ql.YieldTermStructureHandle
# PLN's overnight index is none of QuantLib's: day count and calendar as of ours
OVERNIGHT = {
    "CHF-SARON": (ql.Saron, 2, 2, A360),
    "SEK-SWESTR": (ql.Swestr, 2, 1, A360),
    "AUD-AONIA": (ql.Aonia, 1, 2, A365),
    "PLN-POLSTR": (
        lambda *h: ql.OvernightIndex("P", 0, ql.PLNCurrency(), ql.Poland(0), A365, *h),
        2,
        2,
        A365,
    ),
}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> LoadedJob:
    return load_job(write_four_currencies(tmp_path_factory.mktemp("four") / "job"))


@pytest.fixture(scope="module")
def market(job: LoadedJob) -> Market:
    ql.Settings.instance().evaluationDate = TODAY
    assert job.checked is not None
    return job.checked.world.market


def handle(value: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(value))


def copied(market: Market, name: str) -> Handle:
    curve = market.curves[name]
    nodes = [TODAY, *(TODAY + round(float(t) * 365) for t in curve.times)]
    copy = ql.DiscountCurve(nodes, [1.0, *curve.discount(curve.times).tolist()], A365)
    copy.enableExtrapolation()
    return Handle(copy)


def quoted(prefix: str) -> list[tuple[str, float]]:
    return [(i.split("/")[-1], v) for i, v in QUOTES.items() if i.startswith(prefix)]


def overnight_helpers(name: str) -> list[ql.RateHelper]:
    make, lag, payment, _ = OVERNIGHT[name]
    index = make()
    found: list[ql.RateHelper] = [
        ql.OISRateHelper(lag, ql.Period(t), handle(v), index, paymentLag=payment, paymentFrequency=ql.Annual,
                         paymentConvention=ql.ModifiedFollowing, telescopicValueDates=True)
        for t, v in quoted(f"IR_SWAP/RATE/{name[:3]}/{lag}D/1D/")
    ]  # fmt: skip
    for _, v in quoted(f"MM/RATE/{name[:3]}/0D/1D"):
        calendar = index.fixingCalendar()
        one = ql.DepositRateHelper(handle(v), ql.Period("1D"), 0, calendar, ql.ModifiedFollowing, False, A365)
        found.append(one)
    return found


def term_index(name: str, *curve: Handle) -> ql.IborIndex:
    if name == "PLN-WIBOR-6M":
        return ql.Wibor(ql.Period("6M"), *curve)
    currency, calendar, lag, count = {
        "SEK": (ql.SEKCurrency(), ql.Sweden(), 2, A360),
        "AUD": (ql.AUDCurrency(), ql.Australia(ql.Australia.Settlement), 0, A365),
    }[name[:3]]
    tenor = ql.Period(name.rpartition("-")[2])
    return ql.IborIndex(name, tenor, lag, currency, calendar, ql.ModifiedFollowing, False, count, *curve)


def term_helpers(market: Market, name: str) -> list[ql.RateHelper]:
    index, lag = term_index(name), "1D" if name[:3] == "AUD" else "2D"
    tenor, calendar, count = name.rpartition("-")[2], index.fixingCalendar(), index.dayCounter()
    frequency, fixed = {
        "SEK": (ql.Annual, ql.Thirty360(ql.Thirty360.BondBasis)),
        "PLN": (ql.Annual, ql.ActualActual(ql.ActualActual.ISDA)),
        "AUD": (ql.Semiannual, A365),
    }[name[:3]]
    overnight = copied(market, next(n for n in OVERNIGHT if n.startswith(name[:3])))
    found: list[ql.RateHelper] = []
    for _, v in quoted(f"MM/RATE/{name[:3]}/{lag}/{tenor}"):
        args = (ql.Period(tenor), int(lag[0]), calendar, ql.ModifiedFollowing, False, count)
        found.append(ql.DepositRateHelper(handle(v), *args))
    found += [ql.FraRateHelper(handle(v), 3, index) for _, v in quoted(f"FRA/RATE/{name[:3]}/3M/{tenor}")]
    for _, price in quoted(f"MM_FUTURE/PRICE/{name[:3]}/2026-06"):
        convexity = handle(QUOTES["MM_FUTURE/CONVEXITY/SEK/2026-06/STIB/3M"])
        found.append(ql.FuturesRateHelper(handle(price), ql.Date(17, 6, 2026), index, convexity))
    start = ql.Period("0D")
    for t, v in quoted(f"IR_SWAP/RATE/{name[:3]}/{lag}/{tenor}/"):
        args = (calendar, frequency, ql.ModifiedFollowing, fixed, index, ql.QuoteHandle(), start, overnight)
        found.append(ql.SwapRateHelper(handle(v), ql.Period(t), *args, int(lag[0])))
    return found


@pytest.mark.parametrize("name", [*OVERNIGHT, "SEK-STIBOR-3M", "PLN-WIBOR-6M", "AUD-BBSW-6M"])
def test_curves_are_quantlibs(market: Market, name: str) -> None:
    helpers = overnight_helpers(name) if name in OVERNIGHT else term_helpers(market, name)
    assert len(helpers) == len(market.curves[name].times)
    theirs = ql.PiecewiseLogLinearDiscount(TODAY, helpers, A365)
    theirs.enableExtrapolation()
    expected = [theirs.discount(float(d) / 365.0) for d in DAYS]
    np.testing.assert_allclose(market.curves[name].discount(DAYS / 365.0).numpy(), expected, rtol=2e-10)


def test_forwards_lie_on_the_curves(market: Market) -> None:
    """FX forwards by covered parity from today's rate, at QuantLib's settlement days of the pair."""
    for other, calendar in (("SEK", ql.Sweden()), ("PLN", ql.Poland(0))):
        both = ql.JointCalendar(ql.Switzerland(), calendar)
        spot = both.advance(TODAY, 2, ql.Days)
        for t, points in quoted(f"FXFWD/RATE/CHF/{other}/"):
            years = np.asarray((both.advance(spot, ql.Period(t)) - TODAY) / 365.0)
            ratio = market.discount_curve("CHF").discount(years) / market.discount_curve(other).discount(
                years
            )
            rate = QUOTES[f"FX/RATE/CHF/{other}"]
            assert float(ratio) * rate == pytest.approx(rate + points / 1e4, rel=1e-12)


def test_swaps_are_worth_what_quantlib_says(job: LoadedJob, market: Market) -> None:
    """To 1e-8 of notional; five-year swaps of all four currencies on overnight and term indices."""
    swaps = [t for t in job.trades if isinstance(t, InterestRateSwap)]
    assert {s.currency for s in swaps} == {"CHF", "SEK", "PLN", "AUD"}
    for swap in swaps:
        start, end = (ql.Date(str(d), "%Y-%m-%d") for d in (swap.start_date, swap.maturity_date))
        curve, discount = copied(market, swap.index), copied(market, market.config.discount[swap.currency])
        count = {"A360": A360, "A365": A365, "30/360": ql.Thirty360(ql.Thirty360.BondBasis)}.get(
            swap.fixed_day_count, ql.ActualActual(ql.ActualActual.ISDA)
        )
        side = ql.Swap.Payer if swap.side == "payer" else ql.Swap.Receiver
        if swap.index in OVERNIGHT:
            make, _, lag, _ = OVERNIGHT[swap.index]
            index = make(curve)
            calendar = index.fixingCalendar()
            schedule = _schedule(start, end, "1Y", calendar)
            made = ql.OvernightIndexedSwap(side, swap.notional, schedule, swap.fixed_rate, count, index, 0.0, lag,
                                           ql.ModifiedFollowing, calendar, True)  # fmt: skip
        else:
            index = term_index(swap.index, curve)
            calendar = index.fixingCalendar()
            fixed = _schedule(start, end, swap.fixed_frequency, calendar)
            floating = _schedule(start, end, swap.index.rpartition("-")[2], calendar)
            made = ql.VanillaSwap(side, swap.notional, fixed, swap.fixed_rate, count, floating, index, 0.0,
                                  index.dayCounter())  # fmt: skip
        made.setPricingEngine(ql.DiscountingSwapEngine(discount))
        ours = float(linear_value(swap.claims(job.context), market) / market.fx_spot(swap.currency))
        assert abs(ours - made.NPV()) < 1e-8 * swap.notional, swap.trade_id


def test_forwards_and_basis_swaps_are_worth_what_they_pay(job: LoadedJob, market: Market) -> None:
    """FX forwards by discounted amounts, the basis swap leg by leg with QuantLib's coupons; to 1e-8 of notional."""
    for trade in job.trades:
        ours = float(linear_value(trade.claims(job.context), market))
        if isinstance(trade, FxForward):
            years = np.asarray((trade.settlement_date - job.as_of) / np.timedelta64(1, "D") / 365.0)
            sides = ((trade.buy_currency, trade.buy_amount), (trade.sell_currency, -trade.sell_amount))
            paid = [
                amount * float(market.discount_curve(c).discount(years) * market.fx_spot(c))
                for c, amount in sides
            ]
            assert abs(ours - sum(paid)) < 1e-8 * abs(paid[0]), trade.trade_id
        elif isinstance(trade, BasisSwap):
            start, end = (ql.Date(str(d), "%Y-%m-%d") for d in (trade.start_date, trade.maturity_date))
            discount = copied(market, market.config.discount[trade.currency])
            legs = []
            for name, spread in (
                (trade.receive_index, trade.receive_spread),
                (trade.pay_index, trade.pay_spread),
            ):
                index = term_index(name, copied(market, name))
                schedule = _schedule(start, end, name.rpartition("-")[2], index.fixingCalendar())
                leg = ql.IborLeg([trade.notional], schedule, index, index.dayCounter(), ql.ModifiedFollowing,
                                 [index.fixingDays()], [], [spread])  # fmt: skip
                legs.append(ql.CashFlows.npv(leg, discount, False))
            expected = (legs[0] - legs[1]) * float(market.fx_spot(trade.currency))
            assert abs(ours - expected) < 1e-8 * trade.notional, trade.trade_id


def _schedule(start: ql.Date, end: ql.Date, tenor: str, calendar: ql.Calendar) -> ql.Schedule:
    roll = ql.ModifiedFollowing
    return ql.Schedule(start, end, ql.Period(tenor), calendar, roll, roll, ql.DateGeneration.Backward, False)


def test_sensitivities_to_every_quote_are_those_of_bumps(job: LoadedJob) -> None:
    """Central bumps of 0.01 bp with the same paths, the market built anew; every used quote moves something."""
    engine = Exposure(job).engine
    exact = sensitivities(engine)
    quotes = [str(q) for q in engine.quotes.ids if q not in job.unused]
    bumped = labelled(engine, bump_samples(Revaluer(engine), quotes), quotes)
    own = exact["total_sensitivity"].sel(quote=quotes)
    largest = np.abs(exact["total_sensitivity"]).max("quote")
    error = np.abs(own - bumped["total_sensitivity"]) / largest
    assert float(error.max()) < 1e-4, error.to_series().idxmax()
    moved = np.abs(own).max("measure").to_series()
    assert not list(moved[moved == 0.0].index)
