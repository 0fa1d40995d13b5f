"""Options of every type beside what their put and call make together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xva.trades.cap_floor import CapFloor
from xva.trades.equity_forward import EquityForward
from xva.trades.equity_option import EquityOption
from xva.trades.fx_forward import FxForward
from xva.trades.fx_option import FxOption
from xva.trades.interest_rate_swap import InterestRateSwap
from xva.trades.swaption import Swaption
from xva.trades.trade import Trade

EXPIRY, END = np.datetime64("2027-01-15"), np.datetime64("2031-01-15")


N = {"netting_set": "N"}


def fx() -> list[Trade]:
    terms = {"base_currency": "USD", "quote_currency": "EUR", "notional": 1e6, "strike": 0.93}
    call = FxOption(trade_id="C", **N, side="long", option_type="call", **terms, expiry_date=EXPIRY)
    sold = {"buy_currency": "EUR", "buy_amount": 0.93e6, "sell_currency": "USD", "sell_amount": 1e6}
    hedge = FxForward(trade_id="F", **N, **sold, settlement_date=EXPIRY)
    return [call, replace(call, trade_id="P", side="short", option_type="put"), hedge]


def equity() -> list[Trade]:
    terms = {"equity": "SHARE", "currency": "EUR", "quantity": 1e4, "strike": 105.0}
    call = EquityOption(trade_id="C", **N, side="long", option_type="call", **terms, expiry_date=EXPIRY)
    hedge = EquityForward(trade_id="F", **N, side="short", **terms, maturity_date=EXPIRY)
    return [call, replace(call, trade_id="P", side="short", option_type="put"), hedge]


def caps(currency: str) -> list[Trade]:
    dates = {"start_date": np.datetime64("2025-03-10"), "maturity_date": END}
    terms = {"currency": currency, "notional": 1e6, "index": f"{currency}-FLAT-6M", **dates}
    cap = CapFloor(trade_id="C", **N, side="long", cap_floor="cap", strike=0.032, **terms)
    swap = InterestRateSwap(
        trade_id="F",
        **N,
        side="receiver",
        fixed_rate=0.032,
        fixed_frequency="6M",
        fixed_day_count="A365",
        **terms,
    )
    return [cap, replace(cap, trade_id="P", side="short", cap_floor="floor"), swap]


def swaptions(currency: str, index: str) -> list[Trade]:
    terms = {"currency": currency, "notional": 1e6, "index": f"{currency}-FLAT-{index}", "maturity_date": END}
    fixed = {"fixed_frequency": "1Y", "fixed_day_count": "A365"}
    payer = Swaption(
        trade_id="C", **N, side="long", swap_side="payer", strike=0.034, expiry_date=EXPIRY, settlement="cash",
        **terms, **fixed,
    )  # fmt: skip
    swap = InterestRateSwap(
        trade_id="F", **N, side="receiver", fixed_rate=0.034, start_date=EXPIRY, **terms, **fixed
    )
    return [payer, replace(payer, trade_id="R", side="short", swap_side="receiver"), swap]


CASES = {
    "fx": fx(), "equity": equity(), "cap EUR": caps("EUR"), "cap USD": caps("USD"),
    "swaption EUR": swaptions("EUR", "6M"), "swaption USD": swaptions("USD", "ON"),
}  # fmt: skip
