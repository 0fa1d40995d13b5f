"""One path-dependent trade of every kind, on the market of `path_world`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xva.trades import (
    AmericanOption,
    AsianOption,
    Autocallable,
    BarrierOption,
    BasketOption,
    Himalayan,
    TargetRedemptionForward,
    WorstOfOption,
)

D = np.datetime64
AMERICAN_PUT = AmericanOption(
    trade_id="A1",
    netting_set="N",
    underlying="EQ/ACME",
    currency="USD",
    side="long",
    option_type="put",
    quantity=10.0,
    strike=100.0,
    expiry_date=D("2027-01-15"),
    exercise=(D("2026-05-15"), D("2026-09-15"), D("2027-01-15")),
    settlement_lag="2D",
    calendar="TARGET",
)


EXPIRY = D("2026-07-15")


BARRIER = BarrierOption(
    trade_id="B1",
    netting_set="N",
    underlying="EQ/ACME",
    currency="USD",
    side="long",
    option_type="call",
    quantity=10.0,
    strike=100.0,
    barrier=90.0,
    barrier_type="down-and-out",
    expiry_date=EXPIRY,
    monitoring_dates=(D("2026-03-16"), D("2026-05-15"), EXPIRY),
    rebate=3.0,
    pay_date=D("2026-07-17"),
)


CONTINUOUS_BARRIER = replace(BARRIER, monitoring_dates=(), pay_date=None)


BARRIER_KINDS = [
    (f"{way}-and-{end}", kind) for way in ("up", "down") for end in ("in", "out") for kind in ("call", "put")
]


REDEMPTION = TargetRedemptionForward(
    trade_id="T1",
    netting_set="N",
    side="long",
    direction="buy",
    base_currency="EUR",
    quote_currency="USD",
    notional=1000.0,
    strike=1.25,
    target=0.375,
    last_payment="full",
    fixing_dates=(D("2026-02-16"), D("2026-03-16"), D("2026-04-15"), D("2026-05-15")),
    leverage=2.0,
)


WORST_PUT = WorstOfOption(
    trade_id="W1",
    netting_set="N",
    underlyings=("EQ/A", "EQ/B", "EQ/C"),
    currency="USD",
    side="long",
    initial_prices=(100.0, 50.0, 20.0),
    measure="worst",
    option_type="put",
    notional=1000.0,
    strike=1.0,
    expiry_date=D("2026-07-15"),
)


ASIAN_CALL = AsianOption(
    trade_id="A1",
    netting_set="N",
    underlying="EQ/ACME",
    currency="USD",
    side="long",
    option_type="call",
    quantity=10.0,
    strike=100.0,
    averaging_dates=(D("2026-02-16"), D("2026-03-16"), D("2026-04-15"), D("2026-05-15")),
    pay_date=D("2026-05-19"),
)


ASIAN_FX_PUT = replace(
    ASIAN_CALL,
    underlying="FX/EUR/USD",
    option_type="put",
    strike=1.2,
    side="short",
    weights=(0.5, 0.125, 0.25, 0.125),
    pay_date=None,
)


NOTE = Autocallable(
    trade_id="A1",
    netting_set="N",
    underlyings=("EQ/A", "EQ/B"),
    currency="USD",
    side="long",
    initial_prices=(100.0, 50.0),
    notional=1000.0,
    valuation_dates=(D("2026-04-15"), D("2026-07-15"), D("2026-10-15"), D("2027-01-15")),
    call_levels=(1.0, 0.98, 0.95),
    coupon_rate=0.02,
    coupon_barrier=0.8,
    knock_in=0.7,
    knock_in_watch="valuation",
    pay_dates=(D("2026-04-17"), D("2026-07-17"), D("2026-10-19"), D("2027-01-19")),
)


BASKET_CALL = BasketOption(
    trade_id="B1",
    netting_set="N",
    underlyings=("EQ/A", "EQ/B", "FX/EUR/USD"),
    currency="USD",
    side="long",
    weights=(0.5, 0.25, 20.0),
    option_type="call",
    quantity=10.0,
    strike=100.0,
    expiry_date=D("2026-07-15"),
    pay_date=D("2026-07-17"),
)


HIMALAYAN = Himalayan(
    trade_id="H1",
    netting_set="N",
    underlyings=("EQ/A", "EQ/B", "EQ/C"),
    currency="USD",
    side="long",
    initial_prices=(100.0, 50.0, 20.0),
    notional=1000.0,
    strike=1.0,
    option_type="call",
    measurement_dates=(D("2026-04-15"), D("2026-07-15"), D("2026-10-15")),
)
