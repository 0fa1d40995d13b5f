"""FX, cross-currency and equity trades against QuantLib on the same curves: 1e-8 of notional."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import QuantLib as ql

from tests.support.bench_market import (
    QL_CURRENCY,
    SPOT,
    fixings,
    market,
    ql_curve,
    ql_date,
    ql_index,
    ql_schedule,
    quantlib_on,
)
from xva.market.conventions import STANDARD_INDICES
from xva.pricing.deterministic import linear_value
from xva.trades import CrossCurrencySwap, EquityForward, FxForward, TradeContext
from xva.trades.claims import ResetPeriod

D = np.datetime64
AS_OF = D("2026-01-15")
EUR, USD = 1e7, 1.17e7
TOLERANCE = 1e-8 * EUR
FIXINGS = {key: rate for key, rate in fixings().items() if key[1] < str(AS_OF)}
CONTEXT = TradeContext(AS_OF, STANDARD_INDICES, FIXINGS)
JOINT = "TARGET+US"
FORWARD, SEASONED = ("2026-03-31", "2036-03-31"), ("2024-02-27", "2031-02-27")
RATIO = SPOT["EUR"] / SPOT["USD"]


def value(trade: Any) -> float:
    return float(linear_value(trade.claims(CONTEXT), market()))


def swap(span: tuple[str, str], **terms: Any) -> CrossCurrencySwap:
    base: dict[str, Any] = {
        "trade_id": "X",
        "netting_set": "N",
        "pay_currency": "EUR",
        "pay_notional": EUR,
        "pay_index": "EUR-ESTR",
        "pay_spread": -0.0011,
        "receive_currency": "USD",
        "receive_notional": USD,
        "receive_index": "USD-SOFR",
        "receive_spread": 0.0003,
        "start_date": D(span[0]),
        "maturity_date": D(span[1]),
    }
    return CrossCurrencySwap(**({"frequency": "3M", "fixed_day_count": "30/360"} | base | terms))


def engine(kind: str = "Const") -> Any:
    """Domestic is EUR; QuantLib's spot is the EUR price of one USD."""
    make = {
        "Const": ql.DiscountingConstNotionalCrossCurrencySwapEngine,
        "MtM": ql.DiscountingMtMCrossCurrencyBasisSwapEngine,
    }[kind]
    spot = ql.QuoteHandle(ql.SimpleQuote(SPOT["USD"]))
    return make(QL_CURRENCY["EUR"], ql_curve(AS_OF, "EUR"), QL_CURRENCY["USD"], ql_curve(AS_OF, "USD"), spot)


def schedule(span: tuple[str, str], tenor: str = "3M") -> Any:
    return ql_schedule(D(span[0]), D(span[1]), tenor, JOINT)


def lag(index: str) -> int:
    return STANDARD_INDICES[index].payment_lag


@pytest.mark.parametrize("span", [FORWARD, SEASONED])
@pytest.mark.parametrize(("pay_index", "pay_tenor"), [("EUR-ESTR", "3M"), ("EUR-EURIBOR-6M", "6M")])
def test_constant_notionals(span: tuple[str, str], pay_index: str, pay_tenor: str) -> None:
    with quantlib_on(AS_OF):
        oracle = ql.ConstNotionalCrossCurrencyBasisSwap(
            EUR,
            QL_CURRENCY["EUR"],
            schedule(span, pay_tenor),
            ql_index(AS_OF, pay_index),
            -0.0011,
            1.0,
            USD,
            QL_CURRENCY["USD"],
            schedule(span),
            ql_index(AS_OF, "USD-SOFR"),
            0.0003,
            1.0,
            lag(pay_index),
            lag("USD-SOFR"),
        )
        oracle.setPricingEngine(engine())
        expected = oracle.NPV()
    assert value(swap(span, pay_index=pay_index)) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("exchange", ["none", "final", "both"])
@pytest.mark.parametrize("span", [FORWARD, SEASONED])
def test_fixed_leg_and_exchange_of_notionals(exchange: str, span: tuple[str, str]) -> None:
    trade = swap(
        span,
        exchange=exchange,
        pay_index="",
        pay_spread=0.0,
        pay_fixed_rate=0.031,
        frequency="6M",
        receive_spread=0.0,
    )
    with quantlib_on(AS_OF):
        fixed = ql.FixedRateLeg(
            schedule(span, "6M"), ql.Thirty360(ql.Thirty360.BondBasis), [EUR], [0.031], ql.ModifiedFollowing
        )
        floating = ql.OvernightLeg(
            [USD], schedule(span, "6M"), ql_index(AS_OF, "USD-SOFR"), paymentLag=lag("USD-SOFR")
        )
        legs = []
        for leg, notional in ((list(fixed), EUR), (list(floating), USD)):
            days = list(schedule(span, "6M"))
            first = [ql.SimpleCashFlow(-notional, days[0])] if exchange == "both" else []
            last = [ql.SimpleCashFlow(notional, days[-1])] if exchange != "none" else []
            legs.append(ql.Leg([*leg, *first, *last]))
        oracle = ql.ConstNotionalCrossCurrencySwap(
            legs, [True, False], [QL_CURRENCY["EUR"], QL_CURRENCY["USD"]]
        )
        oracle.setPricingEngine(engine())
        expected = oracle.NPV()
    assert value(trade) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("resetting", ["pay", "receive"])
def test_resetting_notional_from_its_start(resetting: str) -> None:
    span = FORWARD
    with quantlib_on(AS_OF):
        oracle = ql.MtMCrossCurrencyBasisSwap(
            ql.MtMCrossCurrencyBasisSwap.PayFxBaseCurrency,
            EUR,
            QL_CURRENCY["EUR"],
            schedule(span),
            ql_index(AS_OF, "EUR-ESTR"),
            -0.0011,
            1.0,
            USD,
            QL_CURRENCY["USD"],
            schedule(span),
            ql_index(AS_OF, "USD-SOFR"),
            0.0003,
            1.0,
            resetting == "pay",
            fxBasePaymentLag=0 if resetting == "pay" else lag("EUR-ESTR"),
            fxQuotePaymentLag=0 if resetting == "receive" else lag("USD-SOFR"),
        )
        oracle.setPricingEngine(engine("MtM"))
        expected = oracle.NPV()
    assert value(swap(span, resetting=resetting)) == pytest.approx(expected, abs=TOLERANCE)
    assert abs(expected) > 1e3


@pytest.mark.parametrize(
    ("span", "index", "tenor"),
    [
        (SEASONED, "USD-SOFR", "3M"),
        (SEASONED, "EUR-EURIBOR-6M", "6M"),
        (("2025-07-16", "2029-07-16"), "EUR-EURIBOR-6M", "6M"),
    ],
)
def test_seasoned_resetting_leg_flow_by_flow(span: tuple[str, str], index: str, tenor: str) -> None:
    """QuantLib's coupons on our own list of notionals: fixed ones of the past, forward ones to come.

    In the last case the next period's ibor is fixed already but its notional is not.
    """
    own = index[:3]
    resets = "receive" if own == "USD" else "pay"
    other, base = ("EUR", EUR) if own == "USD" else ("USD", USD)
    constant = {"EUR": "EUR-ESTR", "USD": "USD-SOFR"}[other]
    calendar_index = {"EUR": {"pay_index": index}, "USD": {"receive_index": index}}[own]
    trade = swap(span, resetting=resets, pay_spread=0.0005, receive_spread=0.0005, **calendar_index)
    sign = 1.0 if resets == "receive" else -1.0
    periods = schedule(span, tenor)
    days = [D(day.ISO()) for day in periods]
    with quantlib_on(AS_OF):
        curves = {ccy: ql_curve(AS_OF, ccy) for ccy in (own, other)}

        def rate(day: np.datetime64) -> float:
            if day < AS_OF:
                quoted = FIXINGS["FX/EUR/USD", str(day)]
                return quoted if own == "USD" else 1.0 / quoted
            when = ql_date(day)
            return SPOT[other] / SPOT[own] * curves[other].discount(when) / curves[own].discount(when)

        notionals = [base * rate(day) for day in days[:-1]]
        make = ql.OvernightLeg if index == "USD-SOFR" else ql.IborLeg
        leg = list(make(notionals, periods, ql_index(AS_OF, index), spreads=[0.0005] * len(notionals)))
        for notional, start, end in zip(notionals, days[:-1], days[1:]):
            leg += [ql.SimpleCashFlow(-notional, ql_date(start)), ql.SimpleCashFlow(notional, ql_date(end))]
        resetting = ql.CashFlows.npv(ql.Leg(leg), curves[own], False) * SPOT[own]
        fixed_side = list(
            ql.OvernightLeg(
                [base],
                schedule(span),
                ql_index(AS_OF, constant),
                spreads=[0.0005],
                paymentLag=lag(constant),
            )
        )
        fixed_side += [ql.SimpleCashFlow(-base, periods[0]), ql.SimpleCashFlow(base, periods[-1])]
        constant_value = ql.CashFlows.npv(ql.Leg(fixed_side), curves[other], False) * SPOT[other]
    expected = sign * (resetting - constant_value)
    assert value(trade) == pytest.approx(expected, abs=TOLERANCE)
    claims = [c for c in trade.claims(CONTEXT) if isinstance(c, ResetPeriod)]
    assert all(claim.start > 0.0 for claim in claims)
    assert sum(claim.index == "" for claim in claims) == (1 if span[0] == "2025-07-16" else 0)


def test_fx_forward() -> None:
    trade = FxForward(
        trade_id="F",
        netting_set="N",
        buy_currency="EUR",
        buy_amount=EUR,
        sell_currency="USD",
        sell_amount=1.21e7,
        settlement_date=D("2028-03-17"),
    )
    with quantlib_on(AS_OF):
        oracle = ql.FxForward(
            EUR, QL_CURRENCY["EUR"], 1.21e7, QL_CURRENCY["USD"], ql_date(trade.settlement_date), False, 0
        )
        spot = ql.QuoteHandle(ql.SimpleQuote(RATIO))
        curves = (ql_curve(AS_OF, "EUR"), ql_curve(AS_OF, "USD"))
        oracle.setPricingEngine(ql.DiscountingFxForwardEngine(*curves, spot))
        expected = oracle.NPV()
    assert value(trade) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("side", ["long", "short"])
def test_equity_forward_is_call_minus_put(side: str) -> None:
    quantity, strike, expiry = 1e5, 91.0, D("2029-01-15")
    trade = EquityForward(
        trade_id="E",
        netting_set="N",
        equity="ACME",
        currency="USD",
        side=side,
        quantity=quantity,
        strike=strike,
        maturity_date=expiry,
    )
    with quantlib_on(AS_OF):
        today, day_count = ql_date(AS_OF), ql.Actual365Fixed()
        process = ql.BlackScholesMertonProcess(
            ql.QuoteHandle(ql.SimpleQuote(87.5)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, 0.017, day_count)),
            ql_curve(AS_OF, "USD"),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), 0.2, day_count)),
        )
        values = []
        for kind in (ql.Option.Call, ql.Option.Put):
            option = ql.VanillaOption(
                ql.PlainVanillaPayoff(kind, strike), ql.EuropeanExercise(ql_date(expiry))
            )
            option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
            values.append(option.NPV())
        expected = (values[0] - values[1]) * quantity * SPOT["USD"]
    assert value(trade) * (1 if side == "long" else -1) == pytest.approx(expected, abs=1e-8 * quantity * 87.5)


def test_resetting_leg_of_fixed_rate() -> None:
    trade = swap(
        SEASONED,
        resetting="receive",
        frequency="6M",
        receive_index="",
        receive_spread=0.0,
        receive_fixed_rate=0.034,
    )
    plan = schedule(SEASONED, "6M")
    days = [D(day.ISO()) for day in plan]
    with quantlib_on(AS_OF):
        eur, usd = ql_curve(AS_OF, "EUR"), ql_curve(AS_OF, "USD")
        forwards = [
            FIXINGS["FX/EUR/USD", str(day)]
            if day < AS_OF
            else RATIO * eur.discount(ql_date(day)) / usd.discount(ql_date(day))
            for day in days[:-1]
        ]
        notionals = [EUR * rate for rate in forwards]
        leg = list(
            ql.FixedRateLeg(
                plan, ql.Thirty360(ql.Thirty360.BondBasis), notionals, [0.034], ql.ModifiedFollowing
            )
        )
        for notional, start, end in zip(notionals, list(plan)[:-1], list(plan)[1:]):
            leg += [ql.SimpleCashFlow(-notional, start), ql.SimpleCashFlow(notional, end)]
        expected = ql.CashFlows.npv(ql.Leg(leg), usd, False) * SPOT["USD"]
    received = [claim for claim in trade.claims(CONTEXT) if claim.currency == "USD"]
    assert float(linear_value(received, market())) == pytest.approx(expected, abs=TOLERANCE)
