"""Bad terms: every problem of a trade at once, with trade id, field, expected and got."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.samples import SAMPLES
from tests.support.strategies import CONTEXT
from xva.errors import TradeError
from xva.trades import TermsError, TradeContext

D = np.datetime64

BAD: list[tuple[str, dict[str, Any], str]] = [
    (
        "ibor_swap",
        {"currency": "eur"},
        "field currency: expected a currency of three capital letters, got 'eur'",
    ),
    ("ibor_swap", {"side": "pay"}, "field side: expected payer or receiver, got 'pay'"),
    ("ibor_swap", {"fixed_rate": float("nan")}, "field fixed_rate: expected a finite number, got nan"),
    ("ibor_swap", {"spread": None}, "field spread: expected a finite number, got None"),
    ("ibor_swap", {"index": ""}, "field index: expected a non-empty text, got ''"),
    (
        "ibor_swap",
        {"maturity_date": D("2023-03-30")},
        "field maturity_date: expected a date after the start_date 2023-03-31, got 2023-03-30",
    ),
    ("ibor_swap", {"fixed_frequency": "12"}, "field fixed_frequency: expected a tenor"),
    ("ibor_swap", {"fixed_frequency": "0M"}, "field fixed_frequency: expected a tenor"),
    ("ibor_swap", {"fixed_day_count": "30/361"}, "field fixed_day_count: expected a day count"),
    ("ibor_swap", {"amortisation": "bullet"}, "field amortisation: expected none or linear, got 'bullet'"),
    ("basis_swap", {"pay_index": ""}, "field pay_index: expected a non-empty text"),
    ("basis_swap", {"frequency": "3"}, "field frequency: expected a tenor"),
    ("fra", {"side": "long"}, "field side: expected buyer or seller, got 'long'"),
    ("fra", {"rate": float("inf")}, "field rate: expected a finite number, got inf"),
    ("cross_currency_swap", {"receive_currency": "EUR"}, "expected something other than the pay_currency"),
    (
        "cross_currency_swap",
        {"pay_index": ""},
        "field pay_index: expected an index, or a pay_fixed_rate instead",
    ),
    ("cross_currency_swap", {"pay_index": None}, "field pay_index: expected the name of an index, or empty"),
    (
        "cross_currency_swap",
        {"receive_fixed_rate": 0.02},
        "field receive_fixed_rate: expected none, because the leg has the receive_index USD-SOFR, got 0.02",
    ),
    ("cross_currency_swap", {"exchange": "initial"}, "field exchange: expected none or both or final"),
    ("cross_currency_swap", {"resetting": "both"}, "field resetting: expected none or pay or receive"),
    (
        "cross_currency_swap",
        {"resetting": "pay", "exchange": "final"},
        "field exchange: expected both, because a leg resets, got 'final'",
    ),
    ("fx_forward", {"sell_currency": "USD"}, "field sell_currency: expected something other than"),
    ("fx_option", {"option_type": "CALL"}, "field option_type: expected call or put, got 'CALL'"),
    ("fx_option", {"strike": 0.0}, "field strike: expected a positive number, got 0.0"),
    ("fx_option", {"quote_currency": "EUR"}, "expected something other than the base_currency"),
    ("equity_forward", {"strike": -1.0}, "field strike: expected zero or a positive number, got -1.0"),
    ("equity_forward", {"equity": ""}, "field equity: expected a non-empty text"),
    ("equity_option", {"side": "buyer"}, "field side: expected long or short"),
    ("cap_floor", {"cap_floor": "collar"}, "field cap_floor: expected cap or floor"),
    ("swaption", {"settlement": "Cash"}, "field settlement: expected cash or cash_par_yield or physical"),
    (
        "swaption",
        {"maturity_date": D("2028-01-15")},
        "field maturity_date: expected a date after the expiry_date",
    ),
]


@pytest.mark.parametrize(("sample", "changes", "message"), BAD)
def test_refuses(sample: str, changes: dict[str, Any], message: str) -> None:
    trade = SAMPLES[sample]
    with pytest.raises(TradeError) as caught:
        replace(trade, **changes)
    assert str(caught.value).startswith(f"trade {trade.trade_id}, field ")
    assert message in str(caught.value)


def test_tells_all_problems_at_once_and_survives_pickling() -> None:
    with pytest.raises(TermsError) as caught:
        replace(SAMPLES["ibor_swap"], notional=-5.0, side="x", index="")
    error = pickle.loads(pickle.dumps(caught.value))
    assert [p.where for p in error.problems] == [
        f"trade S1, field {f}" for f in ("notional", "side", "index")
    ]
    assert error.ids == ("S1",)
    assert str(error) == str(caught.value)
    assert str(error).splitlines()[0].endswith("got -5.0 -> the direction belongs into the side")


BAD_CONTEXT: list[tuple[str, dict[str, Any], str]] = [
    ("ibor_swap", {"index": "EUR-EURIBOR-9M"}, "trade S1, index: expected one of EUR-ESTR, "),
    ("ibor_swap", {"currency": "USD"}, "expected one in USD, got EUR-EURIBOR-6M in EUR"),
    (
        "cap_floor",
        {"index": "EUR-ESTR"},
        "trade C1, index: expected a term index such as 6M, got the overnight",
    ),
    ("fra", {"index": "EUR-ESTR"}, "trade F1, index: expected a term index"),
    (
        "swaption",
        {"maturity_date": D("2028-01-18")},
        "trade W1, field maturity_date: expected a date after the underlying's start 2028-01-18",
    ),
]


@pytest.mark.parametrize(("sample", "changes", "message"), BAD_CONTEXT)
def test_refuses_what_the_indices_do_not_allow(sample: str, changes: dict[str, Any], message: str) -> None:
    trade = replace(SAMPLES[sample], **changes)
    with pytest.raises(TradeError) as caught:
        trade.claims(CONTEXT)
    assert message in str(caught.value)
    assert caught.value.ids[0] == trade.trade_id


@pytest.mark.parametrize(
    ("sample", "resetting", "message"),
    [
        (
            "ibor_swap",
            "",
            "trade S1, fixing of EUR-EURIBOR-6M: expected a past fixing on 2025-09-26, got none",
        ),
        (
            "overnight_swap",
            "",
            "fixing of USD-SOFR: expected a past fixing on 219 dates from 2025-02-28 to 2026-01-14",
        ),
        ("cross_currency_swap", "receive", "fixing of FX/EUR/USD: expected a past fixing on 2025-11-03"),
    ],
)
def test_a_missing_fixing_is_named(sample: str, resetting: str, message: str) -> None:
    trade = SAMPLES[sample]
    known: dict[tuple[str, str], float] = {}
    if resetting:
        trade = replace(trade, resetting=resetting)
        known = {key: rate for key, rate in CONTEXT.fixings.items() if not key[0].startswith("FX/")}
    with pytest.raises(TradeError) as caught:
        trade.claims(TradeContext(CONTEXT.as_of, fixings=known))
    assert message in str(caught.value)
    assert str(caught.value).endswith("-> add it to the fixings")


def test_a_fixing_that_is_not_a_number_is_named() -> None:
    context = TradeContext(CONTEXT.as_of, fixings={("EUR-EURIBOR-6M", "2025-09-26"): float("nan")})
    with pytest.raises(TradeError, match=r"fixing of EUR-EURIBOR-6M on 2025-09-26: expected a finite number"):
        SAMPLES["ibor_swap"].claims(context)
