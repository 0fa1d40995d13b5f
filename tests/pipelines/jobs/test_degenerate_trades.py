"""Trades whose start and end roll to one day are named, with file and row, for every type that makes a schedule."""

from __future__ import annotations

import pytest

from pipelines.jobs.inputs import load_job
from tests.support.flat_job import write_flat_job
from xva.errors import InputErrors

SATURDAY, SUNDAY = "2026-02-14", "2026-02-15"
EUR = {"trade_id": "BAD", "netting_set": "A", "currency": "EUR", "notional": 1e6}
TERM = {"start_date": SATURDAY, "maturity_date": SUNDAY}
IBOR = {"index": "EUR-EURIBOR-6M"}
TABLES = {
    "swaps": {**EUR, **TERM, **IBOR, "side": "payer", "fixed_rate": 0.03},
    "fras": {**EUR, **TERM, **IBOR, "side": "buyer", "rate": 0.03},
    "caps_floors": {**EUR, **TERM, **IBOR, "side": "long", "cap_floor": "cap", "strike": 0.03},
    "swaptions": {
        **EUR, **IBOR, "side": "long", "swap_side": "payer", "strike": 0.03, "expiry_date": "2026-01-28",
        "maturity_date": "2026-01-31", "settlement": "cash",
    },
    "basis_swaps": {**EUR, **TERM, "pay_index": "EUR-EURIBOR-3M", "receive_index": "EUR-EURIBOR-6M"},
    "cross_currency_swaps": {
        "trade_id": "BAD", "netting_set": "A", **TERM, "pay_currency": "EUR", "pay_notional": 1e6, "pay_index": "EUR-ESTR",
        "receive_currency": "USD", "receive_notional": 1.1e6, "receive_index": "USD-SOFR",
    },
}  # fmt: skip
DOCUMENTS = {
    "bermudan_swaptions": {
        **EUR, **TERM, **IBOR, "side": "long", "swap_side": "payer", "strike": 0.03, "first_exercise_date": "2026-02-11",
        "settlement": "cash",
    },
    "american_options": {
        "trade_id": "BAD", "netting_set": "A", "underlying": "EQ/AA", "currency": "EUR", "option_type": "put", "side": "long",
        "quantity": 1e4, "strike": 100.0, "first_date": SATURDAY, "expiry_date": SUNDAY, "frequency": "1M",
    },
}  # fmt: skip
GOOD = {
    "trade_id": "GOOD", "netting_set": "A", "buy_currency": "USD", "buy_amount": 1.2e6, "sell_currency": "EUR",
    "sell_amount": 1e6, "settlement_date": "2027-01-21",
}  # fmt: skip


def problem(folder, tables, documents=None):
    with pytest.raises(InputErrors) as caught:
        load_job(write_flat_job(folder / "job", {"fx_forwards": [GOOD], **tables}, documents=documents))
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


@pytest.mark.parametrize("kind", TABLES)
def test_a_row_of_a_table(kind, tmp_path):
    told = problem(tmp_path, {kind: [TABLES[kind]]})
    assert told.where == f"trades/{kind}.csv, row 2, trade BAD"
    assert "a start and an end on two business days" in told.expected
    assert "both roll to 2026-" in told.got
    assert told.fix == "take it out, or give it another start or end"


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_an_entry_of_a_document(kind, tmp_path):
    told = problem(tmp_path, {}, {kind: [DOCUMENTS[kind]]})
    assert told.where == f"trades/{kind}.json, entry 1, trade BAD"
    assert "both roll to 2026-" in told.got


def test_dates_that_coincide(tmp_path):
    note = {
        "trade_id": "BAD", "netting_set": "A", "underlyings": ["EQ/AA", "FX/EUR/USD"],
        "underlying_currencies": ["EUR", "USD"], "initial_prices": [100.0, 1.1], "currency": "EUR", "side": "long",
        "notional": 1e6, "valuation_dates": ["2026-07-15", "2026-07-15", "2027-07-15"], "call_levels": [1.0, 1.0],
        "coupon_rate": 0.05, "coupon_barrier": 0.8, "knock_in": 0.6,
    }  # fmt: skip
    told = problem(tmp_path, {}, {"autocallables": [note]})
    assert told.where == "trades/autocallables.json, entry 1, trade BAD, field valuation_dates"
    assert "increasing order" in told.expected
