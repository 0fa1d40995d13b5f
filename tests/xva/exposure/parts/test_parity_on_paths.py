"""Put-call parity of every option type, in the engine's kernel, at t = 0 and on later dates' states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.flat_world import FlatWorld, two_currencies
from xva.exposure.parts.compile import compile_set
from xva.exposure.parts.date_context import date_context
from xva.exposure.parts.kernel import date_values
from xva.exposure.parts.netting_set import set_inputs
from xva.exposure.state.frame import make_frame
from xva.trades.cap_floor import CapFloor
from xva.trades.equity_forward import EquityForward
from xva.trades.equity_option import EquityOption
from xva.trades.fx_forward import FxForward
from xva.trades.fx_option import FxOption
from xva.trades.interest_rate_swap import InterestRateSwap
from xva.trades.netting import NettingSet
from xva.trades.swaption import Swaption
from xva.trades.trade import Trade

TIMES = np.array([0.0, 0.25, 0.9, 1.3, 1.75, 1.95])  # the options expire after 2 years, caplets throughout
EXPIRY, END = np.datetime64("2027-01-15"), np.datetime64("2031-01-15")
N = {"netting_set": "N"}


@pytest.fixture(scope="module")
def flat() -> FlatWorld:
    pairs = {("IR:EUR", "IR:USD"): 0.3, ("IR:EUR", "FX:USD"): -0.2, ("FX:USD", "EQ:SHARE"): 0.25}
    return two_currencies(equities={"SHARE": (100.0, 0.25, 0.02)}, correlations=pairs)


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


@pytest.mark.parametrize("case", CASES)
def test_parity(flat: FlatWorld, case: str) -> None:
    """Long call, short put, short forward are worth nothing on any path; the calls alone are worth something."""
    values = [_values(flat, trades) for trades in (CASES[case], CASES[case][:1])]
    largest = values[1].abs().amax()
    assert float(largest) > 1e3
    # both sides of half a year to expiry, where values per path take over from 48 Chebyshev nodes
    assert float(values[0].abs().amax()) < 1e-7 * float(largest)


def _values(flat: FlatWorld, trades: list[Trade]) -> torch.Tensor:
    """``(date, path)`` of a netting set on random states of the right law."""
    world = flat(flat.quotes())
    compiled = compile_set(NettingSet("N", "C", "EUR"), trades, flat.context())
    day_zero = int(flat.day.astype(np.int64))
    with torch.no_grad():
        frame, _ = make_frame(world.market, world.model, TIMES, (compiled,), (compiled,), day_zero)
        inputs = set_inputs(compiled, frame, 0.02)
        covariance = frame.table.at(TIMES)
        mean = world.model.initial_state() + world.model.drifts(covariance)
        generator = torch.Generator().manual_seed(7)
        found = []
        for t in range(len(TIMES)):
            draw = torch.randn(len(mean[t]), 200, generator=generator, dtype=torch.float64)
            root = torch.linalg.cholesky(covariance[t]) if t else torch.zeros_like(covariance[t])
            state = mean[t][:, None] + root @ draw
            degrees = [48] * len(frame.currencies)
            at = date_context(
                t,
                state,
                world.model.layout,
                frame.centre[t],
                frame.scale[t],
                state.new_zeros(0, 200),
                degrees,
            )
            found.append(date_values(inputs, at).hard[0])
    return torch.stack(found)
