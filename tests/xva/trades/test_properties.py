"""Random trades of every product: the other side negates, sizes scale, time only removes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.trade import assert_same_claims, flatten, scaled
from tests.support.bench_market import BenchMarket, market
from tests.support.strategies import CONTEXT, PRODUCTS, SIZES, mirror
from xva.pricing.deterministic import linear_value, linear_values
from xva.trades import CapFloor, EquityOption, FxOption, Swaption, Trade

LINEAR = [p for p in PRODUCTS if p not in (FxOption, EquityOption, CapFloor, Swaption)]
every_product = pytest.mark.parametrize("product", list(PRODUCTS), ids=lambda p: p.__name__)
steady = settings(deadline=None, derandomize=True, max_examples=40)


@every_product
@given(data=st.data())
@steady
def test_the_other_side_negates_claims(product: type[Trade], data: Any) -> None:
    trade = data.draw(PRODUCTS[product])
    opposite = [scaled(claim, -1.0) for claim in trade.claims(CONTEXT)]
    assert_same_claims(mirror(trade).claims(CONTEXT), opposite, 0.0)


@every_product
@given(data=st.data(), factor=st.sampled_from([0.5, 4.0, 16.0]))
@steady
def test_claims_are_linear_in_size(product: type[Trade], data: Any, factor: float) -> None:
    trade = data.draw(PRODUCTS[product])
    names = SIZES.get(product, ("notional",))
    larger = replace(trade, **{name: factor * getattr(trade, name) for name in names})
    expected = [scaled(claim, factor) for claim in trade.claims(CONTEXT)]
    assert_same_claims(larger.claims(CONTEXT), expected)


@every_product
@given(data=st.data())
@steady
def test_claims_are_to_come_and_end_at_maturity(product: type[Trade], data: Any) -> None:
    trade = data.draw(PRODUCTS[product])
    claims = trade.claims(CONTEXT)
    times = [claim.expiry if hasattr(claim, "expiry") else claim.pay for claim in claims]
    assert min(times) > 0.0
    assert max(times) <= CONTEXT.time(trade.maturity)
    assert all(np.isfinite(v) for claim in claims for v in flatten(claim) if not isinstance(v, str))


@pytest.mark.parametrize("product", LINEAR, ids=lambda p: p.__name__)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=15)
def test_values_add_up_and_cancel(product: type[Trade], data: Any) -> None:
    first, second = (data.draw(PRODUCTS[product]) for _ in range(2))
    book = [t.claims(CONTEXT) for t in (first, second, mirror(first))] + [()]
    values = linear_values(book, market()).tolist()
    both = float(linear_value((*book[0], *book[1]), market()))
    size = abs(values[0]) + abs(values[1]) + 1e-6
    assert both == pytest.approx(values[0] + values[1], abs=1e-9 * size)
    assert values[2] == pytest.approx(-values[0], abs=1e-9 * size)
    assert values[3] == 0.0


@pytest.mark.parametrize("product", LINEAR, ids=lambda p: p.__name__)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=10)
def test_value_is_differentiable_in_the_curves(product: type[Trade], data: Any) -> None:
    """The adjoint of a parallel shift of all curves against a central bump of 0.1 bp."""
    claims = data.draw(PRODUCTS[product]).claims(CONTEXT)
    level = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = linear_value(claims, BenchMarket(level))
    up, down = (
        float(linear_value(claims, BenchMarket(torch.tensor(bump, dtype=torch.float64))))
        for bump in (1e-5, -1e-5)
    )
    slope = 0.0
    if value.requires_grad:  # an equity alone, or nothing but spot, hangs on no curve
        (gradient,) = torch.autograd.grad(value, level)
        slope = float(gradient)
    size = sum(abs(v) for claim in claims for v in flatten(claim) if not isinstance(v, str))
    assert slope == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9 * size)
