"""Random trades of every product, their mirror images and a context that has every fixing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.support.bench_market import INDICES, fixings
from xva.market.conventions import STANDARD_INDICES
from xva.trades import (
    BasisSwap,
    CapFloor,
    CrossCurrencySwap,
    EquityForward,
    EquityOption,
    Fra,
    FxForward,
    FxOption,
    InterestRateSwap,
    Swaption,
    Trade,
    TradeContext,
)

AS_OF = np.datetime64("2026-01-15")
CONTEXT = TradeContext(AS_OF, STANDARD_INDICES, {k: v for k, v in fixings().items() if k[1] < str(AS_OF)})
SIZES: dict[type[Trade], tuple[str, ...]] = {
    CrossCurrencySwap: ("pay_notional", "receive_notional"),
    FxForward: ("buy_amount", "sell_amount"),
    EquityForward: ("quantity",),
    EquityOption: ("quantity",),
}
_OTHER_SIDE = {
    "payer": "receiver",
    "receiver": "payer",
    "buyer": "seller",
    "seller": "buyer",
    "long": "short",
    "short": "long",
    "pay": "receive",
    "receive": "pay",
    "none": "none",
}
_SWAPPED = (("pay_", "receive_"), ("buy_", "sell_"))
_CURRENCIES = ("EUR", "USD", "GBP", "JPY")

sizes = st.floats(1e3, 1e8)
rates = st.floats(-0.01, 0.08)
spreads = st.sampled_from([0.0, 0.0012, -0.0005])
frequencies = st.sampled_from(["3M", "6M", "1Y"])
indices = st.sampled_from(sorted(INDICES))
ibors = st.sampled_from(["EUR-EURIBOR-3M", "EUR-EURIBOR-6M"])
day_counts = st.sampled_from(["A360", "A365", "30/360", "30E/360", "ACT/ACT"])


def days(first: int, last: int) -> st.SearchStrategy[np.datetime64]:
    """Dates that many days from the valuation date."""
    return st.integers(first, last).map(lambda n: AS_OF + n)


@st.composite
def spans(draw: Callable[..., Any]) -> dict[str, np.datetime64]:
    """Start and maturity, the latter in the future; some have started long ago."""
    start = draw(days(-2200, 1500))
    return {"start_date": start, "maturity_date": max(start, AS_OF) + draw(st.integers(30, 7000))}


def _ids(product: str) -> dict[str, Any]:
    return {"trade_id": st.just(f"T-{product}"), "netting_set": st.just("N")}


def _of_index(index: str) -> dict[str, str]:
    return {"currency": STANDARD_INDICES[index].currency, "index": index}


def _built(product: type[Trade], **terms: Any) -> st.SearchStrategy[Trade]:
    """A trade from strategies; those named ``*_terms`` draw several fields at once."""
    fixed = _ids(product.__name__) | terms
    return st.fixed_dictionaries(fixed).map(lambda drawn: product(**_flat(drawn)))


def _flat(drawn: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in drawn.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


@st.composite
def _cross_currency_terms(draw: Callable[..., Any]) -> dict[str, Any]:
    """Two legs of different currencies, one of them possibly fixed; resets have EUR on one side."""
    pays = draw(indices)
    receives = draw(indices.filter(lambda other: other[:3] != pays[:3]))
    terms: dict[str, Any] = {}
    for side, index in (("pay", pays), ("receive", receives)):
        terms |= {f"{side}_currency": index[:3], f"{side}_notional": draw(sizes)}
        if draw(st.integers(0, 3)):
            terms |= {f"{side}_index": index, f"{side}_spread": draw(spreads)}
        else:
            terms |= {f"{side}_fixed_rate": draw(rates)}
    modes = ["none", "pay", "receive"] if "EUR" in (pays[:3], receives[:3]) else ["none"]
    terms["resetting"] = draw(st.sampled_from(modes))
    free = ["none", "both", "final"] if terms["resetting"] == "none" else ["both"]
    return terms | {"exchange": draw(st.sampled_from(free))}


_pairs = st.permutations(_CURRENCIES).map(lambda order: order[:2])
_holder = st.sampled_from(["long", "short"])
_option_type = st.sampled_from(["call", "put"])

PRODUCTS: dict[type[Trade], st.SearchStrategy[Trade]] = {
    InterestRateSwap: _built(
        InterestRateSwap,
        index_terms=indices.map(_of_index),
        span_terms=spans(),
        notional=sizes,
        side=st.sampled_from(["payer", "receiver"]),
        fixed_rate=rates,
        spread=spreads,
        fixed_frequency=frequencies,
        fixed_day_count=day_counts,
        amortisation=st.sampled_from(["none", "linear"]),
    ),
    BasisSwap: _built(
        BasisSwap,
        index_terms=st.permutations(["EUR-ESTR", "EUR-EURIBOR-3M", "EUR-EURIBOR-6M"]).map(
            lambda order: {"currency": "EUR", "pay_index": order[0], "receive_index": order[1]}
        ),
        span_terms=spans(),
        notional=sizes,
        pay_spread=spreads,
        receive_spread=spreads,
        frequency=frequencies,
    ),
    Fra: _built(
        Fra,
        index_terms=ibors.map(_of_index),
        span_terms=days(3, 1000).map(lambda d: {"start_date": d, "maturity_date": d + 182}),
        notional=sizes,
        side=st.sampled_from(["buyer", "seller"]),
        rate=rates,
    ),
    CrossCurrencySwap: _built(
        CrossCurrencySwap,
        leg_terms=_cross_currency_terms(),
        span_terms=spans(),
        frequency=frequencies,
        fixed_day_count=day_counts,
    ),
    FxForward: _built(
        FxForward,
        pair_terms=_pairs.map(lambda p: {"buy_currency": p[0], "sell_currency": p[1]}),
        buy_amount=sizes,
        sell_amount=sizes,
        settlement_date=days(1, 4000),
    ),
    FxOption: _built(
        FxOption,
        pair_terms=_pairs.map(lambda p: {"base_currency": p[0], "quote_currency": p[1]}),
        side=_holder,
        option_type=_option_type,
        notional=sizes,
        strike=st.floats(0.01, 200.0),
        expiry_date=days(1, 4000),
    ),
    EquityForward: _built(
        EquityForward,
        equity=st.just("ACME"),
        currency=st.just("USD"),
        side=_holder,
        quantity=sizes,
        strike=st.floats(0.0, 500.0),
        maturity_date=days(1, 4000),
    ),
    EquityOption: _built(
        EquityOption,
        equity=st.just("ACME"),
        currency=st.just("USD"),
        side=_holder,
        option_type=_option_type,
        quantity=sizes,
        strike=st.floats(0.01, 500.0),
        expiry_date=days(1, 4000),
    ),
    CapFloor: _built(
        CapFloor,
        index_terms=ibors.map(_of_index),
        span_terms=spans(),
        side=_holder,
        cap_floor=st.sampled_from(["cap", "floor"]),
        notional=sizes,
        strike=rates,
    ),
    Swaption: _built(
        Swaption,
        index_terms=indices.map(_of_index),
        date_terms=st.tuples(days(1, 3000), st.integers(60, 7000)).map(
            lambda d: {"expiry_date": d[0], "maturity_date": d[0] + d[1]}
        ),
        side=_holder,
        swap_side=st.sampled_from(["payer", "receiver"]),
        notional=sizes,
        strike=rates,
        settlement=st.sampled_from(["cash", "physical"]),
        fixed_frequency=frequencies,
        fixed_day_count=day_counts,
    ),
}


def mirror(trade: Trade) -> Trade:
    """The same deal as the other party books it."""
    terms = {field.name: getattr(trade, field.name) for field in fields(trade)}
    for one, two in _SWAPPED:
        for name in [n for n in terms if n.startswith(one)]:
            twin = two + name.removeprefix(one)
            terms[name], terms[twin] = terms[twin], terms[name]
    for name in ("side", "resetting"):
        if name in terms:
            terms[name] = _OTHER_SIDE[terms[name]]
    return replace(trade, **terms)
