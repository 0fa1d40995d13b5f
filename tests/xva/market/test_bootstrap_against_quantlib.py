"""Curves against QuantLib's own bootstrap of the same instruments, and quotes repriced by its instruments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import QuantLib as ql

from xva.market.curves import DiscountCurve
from xva.market.market import Market
from xva.market.quotes import QuoteSet

DAYS = np.arange(1, 31 * 365, 53)
A365 = ql.Actual365Fixed()
US = ql.UnitedStates(ql.UnitedStates.SOFR)
OVERNIGHT = {
    "EUR": ("EUR-ESTR", ql.Estr, 2, 1),
    "USD": ("USD-SOFR", ql.Sofr, 2, 2),
    "GBP": ("GBP-SONIA", ql.Sonia, 0, 0),
    "JPY": (
        "JPY-TONA",
        lambda *h: ql.OvernightIndex("TONA", 2, ql.JPYCurrency(), ql.Japan(), A365, *h),
        2,
        2,
    ),
}
DAY_COUNTS = {"EUR": ql.Actual360(), "USD": ql.Actual360(), "GBP": A365, "JPY": A365}
IBORS = {"3M": ql.Euribor3M, "6M": ql.Euribor6M}
# unknown currency: base and quote currency of the helper (base is the known one), its calendar
BASIS = {
    "USD": ("EUR", "USD/1D/EUR", True, ql.JointCalendar(ql.TARGET(), US)),
    "GBP": ("USD", "USD/1D/GBP", False, ql.JointCalendar(ql.UnitedKingdom(), US)),
    "JPY": ("USD", "USD/1D/JPY", False, ql.JointCalendar(ql.Japan(), US)),
}


def named(quotes: QuoteSet, prefix: str) -> list[tuple[str, float]]:
    """(last part of the id, value) of the quotes that start so."""
    found = [(i, float(quotes[i])) for i in quotes.ids if i.startswith(prefix)]
    return [(i.split("/")[-1], value) for i, value in found]


def handle(value: float) -> ql.QuoteHandle:
    return ql.QuoteHandle(ql.SimpleQuote(value))


def ql_copy(curve: DiscountCurve, today: ql.Date) -> ql.YieldTermStructureHandle:
    """Our nodes in a QuantLib curve with the same interpolation."""
    nodes = [today, *(today + round(float(t) * 365) for t in curve.times)]
    values = [1.0, *curve.discount(curve.times).tolist()]
    copy = ql.DiscountCurve(nodes, values, A365)
    copy.enableExtrapolation()
    return ql.YieldTermStructureHandle(copy)


def ois_helpers(quotes: QuoteSet, currency: str) -> list[ql.RateHelper]:
    _, index, lag, payment_lag = OVERNIGHT[currency]
    return [
        ql.OISRateHelper(
            lag,
            ql.Period(tenor),
            handle(rate),
            index(),
            ql.YieldTermStructureHandle(),
            True,
            payment_lag,
            ql.Following,
            ql.Annual,
        )
        for tenor, rate in named(quotes, f"IR_SWAP/RATE/{currency}/{lag}D/1D/")
    ]


def ibor_helpers(quotes: QuoteSet, tenor: str, discount: ql.YieldTermStructureHandle) -> list[ql.RateHelper]:
    index = IBORS[tenor]()
    fixed = (ql.TARGET(), ql.Annual, ql.ModifiedFollowing, ql.Thirty360(ql.Thirty360.BondBasis))
    swaps = [
        ql.SwapRateHelper(
            handle(rate), ql.Period(end), *fixed, index, ql.QuoteHandle(), ql.Period(0, ql.Days), discount
        )
        for end, rate in named(quotes, f"IR_SWAP/RATE/EUR/2D/{tenor}/")
    ]
    return [ql.DepositRateHelper(float(quotes[f"MM/RATE/EUR/2D/{tenor}"]), index), *swaps]


def basis_helpers(
    quotes: QuoteSet,
    currency: str,
    known: ql.YieldTermStructureHandle,
    overnight: Callable[[str], ql.YieldTermStructureHandle],
) -> list[ql.RateHelper]:
    other, pair, on_known, calendar = BASIS[currency]
    base, quoted = (OVERNIGHT[c][1](overnight(c)) for c in (other, currency))
    return [
        ql.ConstNotionalCrossCurrencyBasisSwapRateHelper(
            handle(spread),
            ql.Period(tenor),
            2,
            calendar,
            ql.ModifiedFollowing,
            False,
            base,
            quoted,
            known,
            True,
            on_known,
            ql.Quarterly,
        )
        for tenor, spread in named(quotes, f"CC_BASIS_SWAP/BASIS_SPREAD/{pair}/1D/")
    ]


def cds_helpers(
    quotes: QuoteSet, name: str, discount: ql.YieldTermStructureHandle
) -> list[ql.SpreadCdsHelper]:
    recovery = float(quotes[f"RECOVERY_RATE/RATE/{name}/SR/EUR"])
    return [
        ql.SpreadCdsHelper(
            spread,
            ql.Period(tenor),
            0,
            ql.WeekendsOnly(),
            ql.Quarterly,
            ql.Following,
            ql.DateGeneration.CDS2015,
            ql.Actual360(),
            recovery,
            discount,
            True,
            True,
            ql.Date(),
            ql.Actual360(True),
            True,
        )
        for tenor, spread in named(quotes, f"CDS/CREDIT_SPREAD/{name}/SR/EUR/")
    ]


def check(ours: DiscountCurve, helpers: list[ql.RateHelper], today: ql.Date) -> None:
    """Discount factors agree at every date."""
    theirs = ql.PiecewiseLogLinearDiscount(today, helpers, A365, ql.IterativeBootstrap(1e-14))
    theirs.enableExtrapolation()
    expected = [theirs.discount(today + int(d)) for d in DAYS]
    np.testing.assert_allclose(ours.discount(DAYS / 365).numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("currency", OVERNIGHT)
def test_overnight_curves(market: Market, quotes: QuoteSet, today: ql.Date, currency: str) -> None:
    name, index, lag, payment_lag = OVERNIGHT[currency]
    curve = market.projection_curve(name)
    check(curve, ois_helpers(quotes, currency), today)
    copy = ql_copy(curve, today)
    for tenor, rate in named(quotes, f"IR_SWAP/RATE/{currency}/{lag}D/1D/"):
        swap = ql.MakeOIS(
            ql.Period(tenor),
            index(copy),
            0.0,
            settlementDays=lag,
            paymentLag=payment_lag,
            discountingTermStructure=copy,
        )
        assert abs(swap.fairRate() - rate) < 1e-12


@pytest.mark.parametrize("tenor", IBORS)
def test_euribor_curves_under_ois_discounting(
    market: Market, quotes: QuoteSet, today: ql.Date, tenor: str
) -> None:
    discount = ql_copy(market.discount_curve("EUR"), today)
    curve = market.projection_curve(f"EUR-EURIBOR-{tenor}")
    check(curve, ibor_helpers(quotes, tenor, discount), today)
    index = IBORS[tenor](ql_copy(curve, today))
    assert abs(index.fixing(today) - float(quotes[f"MM/RATE/EUR/2D/{tenor}"])) < 1e-12
    for end, rate in named(quotes, f"IR_SWAP/RATE/EUR/2D/{tenor}/"):
        swap = ql.MakeVanillaSwap(
            ql.Period(end),
            index,
            0.0,
            ql.Period(0, ql.Days),
            discountingTermStructure=discount,
            fixedLegTenor=ql.Period("1Y"),
            fixedLegDayCount=ql.Thirty360(ql.Thirty360.BondBasis),
        )
        assert abs(swap.fairRate() - rate) < 1e-12


@pytest.mark.parametrize("currency", BASIS)
def test_foreign_discount_curves(market: Market, quotes: QuoteSet, today: ql.Date, currency: str) -> None:
    other, pair, on_known, calendar = BASIS[currency]
    known = ql_copy(market.discount_curve(other), today)
    overnight = {c: ql_copy(market.projection_curve(o[0]), today) for c, o in OVERNIGHT.items()}
    check(
        market.discount_curve(currency), basis_helpers(quotes, currency, known, overnight.__getitem__), today
    )
    own = ql_copy(market.discount_curve(currency), today)
    for tenor, spread in named(quotes, f"CC_BASIS_SWAP/BASIS_SPREAD/{pair}/1D/"):
        spot = calendar.advance(today, 2, ql.Days)
        periods = ql.MakeSchedule(
            spot, spot + ql.Period(tenor), ql.Period("3M"), calendar=calendar, convention=ql.ModifiedFollowing
        )
        value, annuity = 0.0, 0.0
        legs = ((other, known, -1.0, on_known), (currency, own, 1.0, not on_known))
        for leg_currency, discount, sign, with_spread in legs:
            leg, accruals = leg_value(
                list(periods), overnight[leg_currency], discount, DAY_COUNTS[leg_currency]
            )
            value += sign * leg
            annuity += sign * accruals * with_spread
        assert abs(-value / annuity - spread) < 1e-12


def leg_value(
    dates: list[ql.Date],
    projection: ql.YieldTermStructureHandle,
    discount: ql.YieldTermStructureHandle,
    day_count: ql.DayCounter,
) -> tuple[float, float]:
    """A compounded leg with both exchanges, and the value of 1 of spread."""
    value = discount.discount(dates[-1]) - discount.discount(dates[0])
    annuity = 0.0
    for start, end in pairwise(dates):
        value += (projection.discount(start) / projection.discount(end) - 1.0) * discount.discount(end)
        annuity += day_count.yearFraction(start, end) * discount.discount(end)
    return value, annuity


def test_survival_curves(market: Market, quotes: QuoteSet, today: ql.Date) -> None:
    discount = ql_copy(market.discount_curve("EUR"), today)
    assert len(market.survivals) >= 12
    for name, curve in market.survivals.items():
        theirs = ql.PiecewiseFlatHazardRate(today, cds_helpers(quotes, name, discount), A365)
        theirs.enableExtrapolation()
        days = DAYS[DAYS < 15 * 365]
        expected = [theirs.survivalProbability(today + int(d)) for d in days]
        np.testing.assert_allclose(curve.survival(days / 365).numpy(), expected, rtol=0, atol=1e-10)
        nodes = [today, *(today + round(float(t) * 365) for t in curve.times)]
        copy = ql.HazardRateCurve(nodes, [float(curve.hazards[0]), *curve.hazards.tolist()], A365)
        engine = ql.MidPointCdsEngine(
            ql.DefaultProbabilityTermStructureHandle(copy), float(market.recovery(name)), discount
        )
        for tenor, spread in named(quotes, f"CDS/CREDIT_SPREAD/{name}/SR/EUR/"):
            contract = standard_cds(today, tenor)
            contract.setPricingEngine(engine)
            assert abs(contract.fairSpread() - spread) < 1e-12


def standard_cds(today: ql.Date, tenor: str) -> ql.CreditDefaultSwap:
    rule = ql.DateGeneration.CDS2015
    end = ql.cdsMaturity(today, ql.Period(tenor), rule)
    schedule = ql.Schedule(
        today, end, ql.Period(ql.Quarterly), ql.WeekendsOnly(), ql.Following, ql.Unadjusted, rule, False
    )
    return ql.CreditDefaultSwap(
        ql.Protection.Buyer,
        1.0,
        0.01,
        schedule,
        ql.Following,
        ql.Actual360(),
        True,
        True,
        today,
        ql.FaceValueClaim(),
        ql.Actual360(True),
        True,
        today,
    )
