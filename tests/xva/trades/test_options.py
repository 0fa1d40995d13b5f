"""Terms of options: what they exchange, which optionlets are fixed, when the underlying starts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import QuantLib as ql
from scipy.stats import norm

from tests.contracts.trade import assert_assets
from tests.support.bench_market import market, ql_curve, ql_index, ql_schedule, quantlib_on
from tests.support.samples import SAMPLES
from tests.support.strategies import AS_OF, CONTEXT
from xva.errors import DomainError
from xva.pricing.deterministic import linear_value
from xva.trades.claims import Asset, Caplet, FixedFlow, IborFlow, SwaptionClaim

D = np.datetime64
VOL = 0.0085


def bachelier(caplet: Caplet) -> float:
    """QuantLib's clock is Actual/365 as ours: sd = vol sqrt(fixing)."""
    curve = market().projection_curve(caplet.index)
    forward = float(curve.discount(caplet.start) / curve.discount(caplet.end) - 1.0) / caplet.accrual
    sd, gap = VOL * math.sqrt(caplet.fixing), caplet.sign * (forward - caplet.strike)
    undiscounted = gap * norm.cdf(gap / sd) + sd * norm.pdf(gap / sd) if sd > 0.0 else max(gap, 0.0)
    return caplet.amount * float(undiscounted) * float(market().discount_curve("EUR").discount(caplet.pay))


@pytest.mark.parametrize("kind", ["cap", "floor"])
@pytest.mark.parametrize(
    ("start", "end"),
    [("2025-12-01", "2029-12-01"), ("2027-03-31", "2033-05-31"), ("2022-10-30", "2026-04-30")],
)
def test_cap_and_floor_against_quantlib(kind: str, start: str, end: str) -> None:
    trade = replace(
        SAMPLES["cap_floor"], cap_floor=kind, strike=0.0216, start_date=D(start), maturity_date=D(end)
    )
    claims = trade.claims(CONTEXT)
    ours = sum(bachelier(c) if isinstance(c, Caplet) else float(linear_value([c], market())) for c in claims)
    with quantlib_on(AS_OF):
        leg = ql.IborLeg(
            [1e7], ql_schedule(D(start), D(end), "3M", "TARGET"), ql_index(AS_OF, "EUR-EURIBOR-3M")
        )
        oracle = (ql.Cap if kind == "cap" else ql.Floor)(leg, [0.0216])
        vol = ql.QuoteHandle(ql.SimpleQuote(VOL))
        oracle.setPricingEngine(ql.BachelierCapFloorEngine(ql_curve(AS_OF, "EUR"), vol))
        expected = oracle.NPV()
    assert ours == pytest.approx(expected, abs=1e-8 * 1e7)
    fixed = [c for c in claims if isinstance(c, FixedFlow)]
    assert len(fixed) == (0 if start > "2026" else len(fixed) > 0)


def test_options_have_no_value_without_a_model() -> None:
    for sample in ("fx_option", "equity_option", "cap_floor", "swaption"):
        with pytest.raises(DomainError, match="expected linear claims only"):
            linear_value(SAMPLES[sample].claims(CONTEXT), market())


@pytest.mark.parametrize(("option_type", "side"), [("call", "long"), ("put", "short")])
def test_fx_option_exchanges_base_for_quote(option_type: str, side: str) -> None:
    trade: Any = replace(SAMPLES["fx_option"], option_type=option_type, side=side, strike=1.25)
    (claim,) = trade.claims(CONTEXT)
    base, quote = Asset("FX", "EUR", 1e7), Asset("FX", "USD", 1.25e7)
    receive, deliver = (base, quote) if option_type == "call" else (quote, base)
    assert_assets(claim, receive, deliver, 1 if side == "long" else -1)
    assert claim.expiry == pytest.approx((trade.expiry_date - AS_OF).astype(int) / 365.0)


@pytest.mark.parametrize(("option_type", "side"), [("call", "short"), ("put", "long")])
def test_equity_option_exchanges_shares_for_money(option_type: str, side: str) -> None:
    trade = replace(SAMPLES["equity_option"], option_type=option_type, side=side)
    (claim,) = trade.claims(CONTEXT)
    shares, money = Asset("EQ", "ACME", 1e5), Asset("FX", "USD", 9e6)
    receive, deliver = (shares, money) if option_type == "call" else (money, shares)
    assert_assets(claim, receive, deliver, 1 if side == "long" else -1)


@pytest.mark.parametrize("expiry", ["2028-01-14", "2028-01-15", "2028-04-14"])
def test_swaption_is_exercised_no_later_than_its_first_fixing(expiry: str) -> None:
    """Also with an expiry on a Saturday or on Good Friday."""
    trade = replace(SAMPLES["swaption"], expiry_date=D(expiry))
    (claim,) = trade.claims(CONTEXT)
    assert isinstance(claim, SwaptionClaim)
    fixings = [flow.fixing for flow in claim.flows if isinstance(flow, IborFlow)]
    assert min(fixings) == claim.expiry
    assert all(flow.pay > claim.expiry for flow in claim.flows)


@pytest.mark.parametrize("sample", ["fx_option", "equity_option", "swaption"])
def test_expired_options_are_gone(sample: str) -> None:
    trade: Any = SAMPLES[sample]
    assert trade.claims(replace(CONTEXT, as_of=trade.expiry_date)) == ()
