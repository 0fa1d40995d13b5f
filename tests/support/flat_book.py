"""Small books on the flat market of `flat_world`: every product once, in the netting set N."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.support.flat_world import FlatWorld, two_currencies
from xva.trades import (
    BasisSwap,
    CapFloor,
    CrossCurrencySwap,
    EquityForward,
    EquityOption,
    FxForward,
    FxOption,
    InterestRateSwap,
    Swaption,
    Trade,
)
from xva.trades.claims import CompoundedFlow, EquityFlow, FixedFlow, IborFlow, ResetPeriod

FX_FIXING = {("FX/USD/EUR", "2025-01-15"): 1.0 / 1.10}


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


def world(**changes: Any) -> FlatWorld:
    terms: dict[str, Any] = {
        "equities": {"EQ1": (100.0, 0.25, 0.02)},
        "correlations": {
            ("IR:EUR", "IR:USD"): 0.3,
            ("IR:EUR", "FX:USD"): -0.25,
            ("IR:USD", "FX:USD"): 0.2,
            ("FX:USD", "EQ:EQ1"): 0.3,
        },
    }
    return two_currencies(**(terms | changes))


def swap(name: str, side: str, rate: float, notional: float = 1e6, **terms: Any) -> InterestRateSwap:
    fixed: dict[str, Any] = {
        "currency": "EUR",
        "index": "EUR-FLAT-6M",
        "start_date": day("2025-01-15"),
        "maturity_date": day("2031-01-15"),
        "fixed_day_count": "A365",
        "netting_set": "N",
    }
    return InterestRateSwap(trade_id=name, side=side, fixed_rate=rate, notional=notional, **(fixed | terms))


def cross_currency(name: str, resetting: str, frequency: str = "3M") -> CrossCurrencySwap:
    return CrossCurrencySwap(
        trade_id=name,
        netting_set="N",
        receive_currency="EUR",
        receive_notional=1e6,
        receive_index="EUR-FLAT-ON",
        pay_currency="USD",
        pay_notional=1.1e6,
        pay_index="USD-FLAT-ON",
        start_date=day("2025-01-15"),
        maturity_date=day("2029-01-15"),
        frequency=frequency,
        resetting=resetting,
    )


def linear_trades() -> list[Trade]:
    """Every linear product, ibor and overnight, with dates inside accrual periods."""
    return [
        swap("PAYER", "payer", 0.032),
        swap("USD_OIS", "receiver", 0.039, currency="USD", index="USD-FLAT-ON", amortisation="linear"),
        BasisSwap(
            trade_id="BASIS",
            netting_set="N",
            currency="EUR",
            notional=1e6,
            pay_index="EUR-FLAT-3M",
            pay_spread=0.001,
            receive_index="EUR-FLAT-ON",
            receive_spread=0.0,
            start_date=day("2025-01-15"),
            maturity_date=day("2029-01-15"),
        ),
        cross_currency("CCS", "none"),
        cross_currency("RESETTING", "pay", "6M"),
        cross_currency("RESETTING_EUR", "receive"),
        FxForward(
            trade_id="FORWARD",
            netting_set="N",
            buy_currency="USD",
            buy_amount=5e5,
            sell_currency="EUR",
            sell_amount=4.4e5,
            settlement_date=day("2028-05-05"),
        ),
        EquityForward(
            trade_id="SHARES",
            netting_set="N",
            equity="EQ1",
            currency="EUR",
            side="short",
            quantity=2e3,
            strike=104.0,
            maturity_date=day("2027-03-31"),
        ),
    ]


def physical(side: str = "long", **terms: Any) -> Swaption:
    return Swaption(
        trade_id="SWAPTION",
        netting_set="N",
        currency="EUR",
        side=side,
        swap_side="payer",
        notional=1e6,
        strike=0.032,
        index="EUR-FLAT-6M",
        expiry_date=day("2027-01-15"),
        maturity_date=day("2032-01-15"),
        settlement="physical",
        fixed_day_count="A365",
        **terms,
    )


def option_trades() -> tuple[FxOption, EquityOption, CapFloor]:
    """Bought: an FX call, an equity call and a cap."""
    option = {"expiry_date": day("2028-01-15"), "side": "long", "option_type": "call"}
    fx = FxOption(
        trade_id="FX",
        netting_set="N",
        base_currency="USD",
        quote_currency="EUR",
        notional=1e5,
        strike=0.9,
        **option,  # type: ignore[arg-type]
    )
    equity = EquityOption(
        trade_id="EQ",
        netting_set="N",
        equity="EQ1",
        currency="EUR",
        quantity=1e3,
        strike=100.0,
        **option,  # type: ignore[arg-type]
    )
    cap = CapFloor(
        trade_id="CAP",
        netting_set="N",
        currency="EUR",
        side="long",
        cap_floor="cap",
        notional=1e6,
        strike=0.03,
        index="EUR-FLAT-3M",
        start_date=day("2025-04-15"),
        maturity_date=day("2029-04-15"),
    )
    return fx, equity, cap


RATES = {"EUR": 0.03, "USD": 0.04}


def present_value(trade: Trade, w: FlatWorld, after: float) -> float:
    """Today's value in EUR of the flows paid after a time, from the claims on flat curves."""
    spot = {"EUR": 1.0, "USD": 1.0 / 1.10}

    def discount(currency: str, t: float) -> float:
        return math.exp(-RATES[currency] * t)

    total = 0.0
    for claim in trade.claims(w.context(FX_FIXING)):
        if claim.pay <= after + 1e-9:  # type: ignore[union-attr]
            continue
        match claim:
            case FixedFlow():
                value = claim.amount * discount(claim.currency, claim.pay) * spot[claim.currency]
            case IborFlow():
                growth = math.exp(RATES[claim.currency] * (claim.end - claim.start))
                value = claim.amount * (growth - 1.0) / claim.accrual
                value *= discount(claim.currency, claim.pay) * spot[claim.currency]
            case CompoundedFlow():
                growth = claim.accrued * math.exp(RATES[claim.currency] * (claim.end - claim.start))
                value = (
                    claim.amount * (growth - 1.0) * discount(claim.currency, claim.pay) * spot[claim.currency]
                )
            case EquityFlow():
                value = claim.quantity * 100.0 * math.exp(-0.02 * claim.pay)
            case ResetPeriod():  # lent at the index: worth its notional at the start, which is exchanged there
                assert claim.spread == 0.0
                running = claim.start <= after + 1e-9
                notional = claim.base_amount * discount(claim.base_currency, claim.start)
                value = notional * spot[claim.base_currency] if running else 0.0
            case _:
                raise AssertionError(claim)
        total += value
    return total
