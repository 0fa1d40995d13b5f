"""Rates in per cent, spreads in basis points and levels in per cent of a price are refused, in every trade type."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tests.support.samples import SAMPLES
from xva.trades import (
    Autocallable,
    BermudanSwaption,
    CallableSwap,
    Himalayan,
    TermsError,
    Trade,
    WorstOfOption,
    registry,
)

DAY = np.datetime64
DAYS = (DAY("2027-01-15"), DAY("2028-01-17"))
BASE: dict[str, Any] = {
    "trade_id": "T",
    "netting_set": "N",
    "currency": "EUR",
    "side": "long",
    "notional": 1e6,
}
SHARES = {"underlyings": ("EQ/A", "EQ/B"), "initial_prices": (48.0, 21.0)}
SWAP = {"index": "EUR-EURIBOR-6M", "start_date": DAY("2026-01-19"), "maturity_date": DAY("2036-01-19")}
EXOTICS: dict[str, Trade] = {
    "bermudan": BermudanSwaption(
        **BASE, **SWAP, swap_side="payer", strike=0.02, first_exercise_date=DAYS[0], settlement="cash"
    ),
    "callable": CallableSwap(
        **(BASE | SWAP | {"side": "payer"}), fixed_rate=0.02, called_by="us", first_call_date=DAYS[0]
    ),
    "autocallable": Autocallable(
        **BASE,
        **SHARES,
        valuation_dates=DAYS,
        call_levels=(1.0,),
        coupon_rate=0.07,
        coupon_barrier=0.7,
        knock_in=0.6,
    ),
    "worst_of": WorstOfOption(
        **BASE, **SHARES, measure="worst", option_type="put", strike=1.0, expiry_date=DAYS[0]
    ),
    "himalayan": Himalayan(**BASE, **SHARES, option_type="call", strike=1.0, measurement_dates=DAYS),
}
ALL = SAMPLES | EXOTICS
RATES = {
    "fixed_rate",
    "rate",
    "spread",
    "pay_spread",
    "receive_spread",
    "pay_fixed_rate",
    "receive_fixed_rate",
    "coupon_rate",
}
LEVELS = {"coupon_barrier", "knock_in", "put_strike"}
RATE_STRIKES = {"caps_floors", "swaptions", "bermudan_swaptions"}
LEVEL_STRIKES = {"worst_of_options", "himalayans"}
PRICES = {"initial_prices", "barrier", "strike", "rebate"}


def cases() -> list[tuple[str, str, float, str]]:
    found = []
    for name, trade in ALL.items():
        for f in fields(trade):
            rate = f.name in RATES or (f.name == "strike" and trade.kind in RATE_STRIKES)
            level = f.name in LEVELS or (f.name == "strike" and trade.kind in LEVEL_STRIKES)
            if rate and getattr(trade, f.name) is not None:
                found += [(name, f.name, 2.5, "0.025 is 2.5 %"), (name, f.name, 25.0, "0.0025 is 25 bp")]
            if level:
                found.append((name, f.name, 70.0, "0.7 is 70 %"))
    return found


@pytest.mark.parametrize(("name", "field", "value", "told"), cases())
def test_numbers_a_hundred_times_too_large_are_refused(
    name: str, field: str, value: float, told: str
) -> None:
    with pytest.raises(TermsError, match=f"field {field}: expected .*{told}.* got {value}"):
        replace(ALL[name], **{field: value})


def test_call_levels_in_per_cent_are_refused() -> None:
    with pytest.raises(TermsError, match=r"call_levels: expected of each a share .* got \(100.0,\)"):
        replace(EXOTICS["autocallable"], call_levels=(100.0,))


def test_rates_that_happen_are_taken() -> None:
    for rate in (-0.05, 0.0, 0.5, 1.0):
        assert replace(SAMPLES["ibor_swap"], fixed_rate=rate).fixed_rate == rate  # type: ignore[attr-defined]


def test_no_field_of_a_trade_type_that_may_be_a_rate_is_forgotten() -> None:
    """Every field of every type whose name says rate, spread, coupon, strike or level is in one of the lists above."""
    words = ("rate", "spread", "coupon", "strike", "barrier", "knock_in", "vol")
    for kind, product in registry.items():
        names = {
            f.name for f in fields(product) if any(w in f.name for w in words) and "float" in str(f.type)
        }
        assert names <= RATES | LEVELS | PRICES, kind
