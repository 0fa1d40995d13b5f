"""Single-currency linear trades against QuantLib on the same curves: 1e-8 of notional."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import QuantLib as ql

from tests.support.bench_market import (
    SPOT,
    BenchMarket,
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
from xva.trades import BasisSwap, Fra, InterestRateSwap, Swaption, Trade, TradeContext
from xva.trades.claims import SwaptionClaim

D = np.datetime64
AS_OF = D("2026-01-15")
NOTIONAL = 1e7
TOLERANCE = 1e-8 * NOTIONAL
FIXINGS = fixings()

# start, end: spot, forward start, seasoned, with a stub, on weekends and month ends
SPANS = [
    ("2026-01-19", "2036-01-19"),
    ("2027-05-01", "2041-08-16"),
    ("2023-03-31", "2033-03-31"),
    ("2021-09-11", "2028-02-29"),
    ("2025-12-31", "2026-03-31"),
    ("2019-06-03", "2026-01-15"),
]


def context(as_of: np.datetime64 = AS_OF, **indices: Any) -> TradeContext:
    known = {key: rate for key, rate in FIXINGS.items() if key[1] < str(as_of)}
    return TradeContext(as_of, {**STANDARD_INDICES, **indices}, known)


def value(trade: Trade, ctx: TradeContext) -> float:
    return float(linear_value(trade.claims(ctx), market()))


def ql_npv(instrument: Any, as_of: np.datetime64, currency: str) -> float:
    instrument.setPricingEngine(ql.DiscountingSwapEngine(ql_curve(as_of, currency)))
    return SPOT[currency] * instrument.NPV()


def swap(**terms: Any) -> InterestRateSwap:
    base: dict[str, Any] = {
        "trade_id": "S",
        "netting_set": "N",
        "currency": "EUR",
        "notional": NOTIONAL,
        "side": "payer",
        "fixed_rate": 0.0265,
        "index": "EUR-EURIBOR-6M",
        "start_date": D("2026-01-19"),
        "maturity_date": D("2036-01-19"),
    }
    return InterestRateSwap(**({"fixed_day_count": "30E/360"} | base | terms))


@pytest.mark.parametrize(("start", "end"), SPANS)
@pytest.mark.parametrize(
    ("index", "tenor", "spread", "side", "frequency"),
    [
        ("EUR-EURIBOR-6M", "6M", 0.0, "payer", "1Y"),
        ("EUR-EURIBOR-3M", "3M", 0.0017, "receiver", "6M"),
    ],
)
def test_ibor_swap(
    start: str, end: str, index: str, tenor: str, spread: float, side: str, frequency: str
) -> None:
    trade = swap(
        index=index,
        spread=spread,
        side=side,
        fixed_frequency=frequency,
        start_date=D(start),
        maturity_date=D(end),
    )
    with quantlib_on(AS_OF):
        oracle = ql.VanillaSwap(
            ql.Swap.Payer if side == "payer" else ql.Swap.Receiver,
            NOTIONAL,
            ql_schedule(D(start), D(end), frequency, "TARGET"),
            trade.fixed_rate,
            ql.Thirty360(ql.Thirty360.European),
            ql_schedule(D(start), D(end), tenor, "TARGET"),
            ql_index(AS_OF, index),
            spread,
            ql.Actual360(),
        )
        expected = ql_npv(oracle, AS_OF, "EUR")
    assert value(trade, context()) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("start", "end"), SPANS)
@pytest.mark.parametrize(
    ("index", "calendar", "lag", "day_count", "frequency"),
    [
        ("EUR-ESTR", "TARGET", 1, "A360", "1Y"),
        ("USD-SOFR", "US", 2, "A360", "1Y"),
        ("GBP-SONIA", "UK", 0, "A365", "6M"),
        ("JPY-TONA", "JP", 2, "A365", "3M"),
    ],
)
def test_overnight_swap(
    start: str, end: str, index: str, calendar: str, lag: int, day_count: str, frequency: str
) -> None:
    currency = index[:3]
    trade = swap(
        currency=currency,
        index=index,
        spread=0.0004,
        fixed_day_count=day_count,
        fixed_frequency=frequency,
        start_date=D(start),
        maturity_date=D(end),
    )
    lagged = replace(STANDARD_INDICES[index], payment_lag=lag)
    with quantlib_on(AS_OF):
        oracle = ql.OvernightIndexedSwap(
            ql.Swap.Payer,
            NOTIONAL,
            ql_schedule(D(start), D(end), frequency, calendar),
            trade.fixed_rate,
            ql.Actual360() if day_count == "A360" else ql.Actual365Fixed(),
            ql_index(AS_OF, index),
            trade.spread,
            lag,
        )
        expected = ql_npv(oracle, AS_OF, currency)
    assert value(trade, context(**{index: lagged})) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("as_of", ["2026-03-20", "2026-03-23", "2026-04-07", "2026-05-29"])
def test_running_overnight_coupon_over_weekends_and_holidays(as_of: str) -> None:
    """Valuation before and after a weekend, after Easter, and between the period's end and its payment."""
    start, end = D("2025-05-27"), D("2030-05-27")
    trade = swap(index="EUR-ESTR", fixed_day_count="A360", start_date=start, maturity_date=end)
    lagged = replace(STANDARD_INDICES["EUR-ESTR"], payment_lag=5)
    with quantlib_on(D(as_of)):
        oracle = ql.OvernightIndexedSwap(
            ql.Swap.Payer,
            NOTIONAL,
            ql_schedule(start, end, "1Y", "TARGET"),
            trade.fixed_rate,
            ql.Actual360(),
            ql_index(D(as_of), "EUR-ESTR"),
            0.0,
            5,
        )
        expected = ql_npv(oracle, D(as_of), "EUR")
    assert value(trade, context(D(as_of), **{"EUR-ESTR": lagged})) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("start", "end"), SPANS[:4])
@pytest.mark.parametrize("frequency", ["1Y", "6M", "3M"])
def test_amortising_swap(start: str, end: str, frequency: str) -> None:
    trade = swap(
        amortisation="linear",
        start_date=D(start),
        maturity_date=D(end),
        fixed_frequency=frequency,
        spread=0.001,
    )
    floating = ql_schedule(D(start), D(end), "6M", "TARGET")
    fixed = ql_schedule(D(start), D(end), frequency, "TARGET")
    floats, fixes = list(floating), list(fixed)
    count = len(floats) - 1
    notionals = [NOTIONAL * (count - k) / count for k in range(count)]
    by_start = [notionals[max(j for j in range(count) if floats[j] <= day)] for day in fixes[:-1]]
    with quantlib_on(AS_OF):
        index = ql_index(AS_OF, "EUR-EURIBOR-6M")
        receive = ql.IborLeg(
            notionals, floating, index, ql.Actual360(), ql.ModifiedFollowing, spreads=[0.001] * count
        )
        pay = ql.FixedRateLeg(
            fixed, ql.Thirty360(ql.Thirty360.European), by_start, [trade.fixed_rate], ql.ModifiedFollowing
        )
        expected = ql_npv(ql.Swap(pay, receive), AS_OF, "EUR")
    assert value(trade, context()) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(("start", "end"), SPANS)
@pytest.mark.parametrize("pay_index", ["EUR-EURIBOR-6M", "EUR-ESTR"])
def test_basis_swap(start: str, end: str, pay_index: str) -> None:
    trade = BasisSwap(
        trade_id="B",
        netting_set="N",
        currency="EUR",
        notional=NOTIONAL,
        pay_index=pay_index,
        pay_spread=0.0002,
        receive_index="EUR-EURIBOR-3M",
        receive_spread=0.0009,
        start_date=D(start),
        maturity_date=D(end),
    )
    with quantlib_on(AS_OF):
        index = ql_index(AS_OF, pay_index)
        if pay_index == "EUR-ESTR":
            schedule = ql_schedule(D(start), D(end), "3M", "TARGET")
            lag = STANDARD_INDICES[pay_index].payment_lag
            pays = ql.OvernightLeg([NOTIONAL], schedule, index, spreads=[0.0002], paymentLag=lag)
        else:
            pays = ql.IborLeg(
                [NOTIONAL], ql_schedule(D(start), D(end), "6M", "TARGET"), index, spreads=[0.0002]
            )
        receives = ql.IborLeg(
            [NOTIONAL],
            ql_schedule(D(start), D(end), "3M", "TARGET"),
            ql_index(AS_OF, "EUR-EURIBOR-3M"),
            spreads=[0.0009],
        )
        expected = ql_npv(ql.Swap(pays, receives), AS_OF, "EUR")
    assert value(trade, context()) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("side", ["buyer", "seller"])
@pytest.mark.parametrize(
    ("start", "end", "fixed"),
    [
        ("2026-04-20", "2026-10-20", False),
        ("2027-11-27", "2028-05-29", False),
        ("2026-01-16", "2026-07-16", True),
    ],
)
@pytest.mark.parametrize("discounting", ["EUR", "EUR-EURIBOR-6M"])
def test_fra_is_the_discounted_settlement(
    side: str, start: str, end: str, fixed: bool, discounting: str
) -> None:
    """QuantLib pays the settlement at start too, on any discount curve."""
    trade = Fra(
        trade_id="F",
        netting_set="N",
        currency="EUR",
        notional=NOTIONAL,
        side=side,
        rate=0.03,
        index="EUR-EURIBOR-6M",
        start_date=D(start),
        maturity_date=D(end),
    )
    first, last = (ql.TARGET().adjust(ql_date(D(day)), ql.ModifiedFollowing) for day in (start, end))
    # QuantLib looks at the fixing only if the period's end is the index's own.
    period = (first,) if fixed else (first, last)
    with quantlib_on(AS_OF):
        oracle = ql.ForwardRateAgreement(
            ql_index(AS_OF, "EUR-EURIBOR-6M"),
            *period,
            ql.Position.Long if side == "buyer" else ql.Position.Short,
            0.03,
            NOTIONAL,
            ql_curve(AS_OF, discounting),
        )
        expected = oracle.NPV()
    one_curve = BenchMarket(market().level, discounting=discounting)
    claims = trade.claims(context())
    assert float(linear_value(claims, one_curve)) == pytest.approx(expected, abs=TOLERANCE)
    assert abs(expected) > 1e3
    assert len(claims) == (1 if fixed else 2)
    assert trade.maturity == D(first.ISO())


def test_fra_is_gone_once_it_has_settled() -> None:
    trade = Fra(
        trade_id="F",
        netting_set="N",
        currency="EUR",
        notional=NOTIONAL,
        side="buyer",
        rate=0.03,
        index="EUR-EURIBOR-6M",
        start_date=AS_OF,
        maturity_date=D("2026-07-15"),
    )
    assert trade.claims(context()) == ()


def test_swaption_underlying_starts_after_the_fixing_lag() -> None:
    trade = Swaption(
        trade_id="W",
        netting_set="N",
        currency="EUR",
        side="short",
        swap_side="receiver",
        notional=NOTIONAL,
        strike=0.025,
        index="EUR-EURIBOR-6M",
        expiry_date=D("2028-12-22"),
        maturity_date=D("2038-12-27"),
        settlement="physical",
        fixed_day_count="30E/360",
    )
    (claim,) = trade.claims(context())
    assert isinstance(claim, SwaptionClaim)
    start = ql.TARGET().advance(ql_date(trade.expiry_date), 2, ql.Days)
    first = D(start.ISO())
    with quantlib_on(AS_OF):
        oracle = ql.VanillaSwap(
            ql.Swap.Receiver,
            NOTIONAL,
            ql_schedule(first, trade.maturity_date, "1Y", "TARGET"),
            0.025,
            ql.Thirty360(ql.Thirty360.European),
            ql_schedule(first, trade.maturity_date, "6M", "TARGET"),
            ql_index(AS_OF, "EUR-EURIBOR-6M"),
            0.0,
            ql.Actual360(),
        )
        expected = ql_npv(oracle, AS_OF, "EUR")
    assert float(linear_value(claim.flows, market())) == pytest.approx(expected, abs=TOLERANCE)
    assert (claim.position, claim.settlement) == (-1, "physical")
