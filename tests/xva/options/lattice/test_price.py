"""Tree values against QuantLib's trees, a plain tree, closed forms and independent values."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.oracles.quantlib_trees import (
    Terms,
    centred,
    expires_well,
    integral_equation,
    options,
    rates_seen,
    tree_value,
)
from xva.options.lattice.greeks import greeks
from xva.options.lattice.options import LatticeOptions
from xva.options.lattice.parameters import Scheme, build_tree
from xva.options.lattice.price import price
from xva.pricing.closed_form.black_scholes import black_scholes

LONGSTAFF = Terms(36.0, 40.0, 0.06, 0.0, 0.2, 365, -1, True)
TREES: list[tuple[Scheme, str, int]] = [
    ("crr", "crr", 101),
    ("crr", "crr", 200),
    ("leisen_reimer", "lr", 201),
]

terms = st.builds(
    Terms,
    spot=st.floats(50.0, 200.0),
    strike=st.just(100.0),
    rate=st.floats(-0.02, 0.1),
    dividend=st.floats(-0.02, 0.1),
    vol=st.floats(0.08, 0.7),
    days=st.integers(10, 1500),
    sign=st.sampled_from([1, -1]),
    american=st.booleans(),
)


def plain_american(t: Terms, steps: int) -> float:
    """The whole tree, CRR with QuantLib's probability, nothing cut."""
    dt = t.expiry / steps
    move = t.vol * math.sqrt(dt)
    p = 0.5 + 0.5 * (t.rate - t.dividend - 0.5 * t.vol**2) * dt / move
    values = np.zeros(0)
    for i in range(steps, -1, -1):
        intrinsic = t.sign * (t.spot * np.exp(move * np.arange(-i, i + 1, 2)) - t.strike)
        held = math.exp(-t.rate * dt) * (p * values[1:] + (1.0 - p) * values[:-1]) if i < steps else 0.0
        values = np.maximum(held, intrinsic)
    return float(values[0])


def test_numbers_md() -> None:
    value = float(price(options(LONGSTAFF), 1000))
    assert value == pytest.approx(4.486850438, abs=5e-10)
    assert value == pytest.approx(tree_value(LONGSTAFF, 1000), abs=1e-10)
    textbook = float(price(options(LONGSTAFF), 1000, "crr_textbook"))
    assert abs(textbook - value) == pytest.approx(1.3e-5, rel=0.05)


def test_leisen_reimer_of_numbers_md() -> None:
    assert float(price(options(LONGSTAFF), 1001, "leisen_reimer")) == pytest.approx(
        tree_value(LONGSTAFF, 1001, "lr"), abs=1e-10
    )


@settings(deadline=None, derandomize=True, max_examples=300)
@given(terms, st.sampled_from(TREES))
def test_any_option_is_quantlibs(t: Terms, tree: tuple[Scheme, str, int]) -> None:
    scheme, name, steps = tree
    assume(expires_well(t.days, steps) and not (name == "lr" and centred(t)))
    assert float(price(options(rates_seen(t)), steps, scheme)) == pytest.approx(
        tree_value(t, steps, name), abs=1e-10
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_cutting_the_tree_costs_nothing(sign: int) -> None:
    far = [
        Terms(spot, 100.0, rate, dividend, vol, days, sign, True)
        for spot in (2.0, 40.0, 90.0, 100.0, 130.0, 5000.0)
        for rate, dividend in ((0.05, 0.0), (0.0, 0.05), (0.08, 0.08), (-0.02, 0.01), (0.01, -0.03))
        for vol, days in ((0.1, 1000), (0.3, 20), (1.5, 1500))
    ]
    found = price(options(*far), 600)
    plain = torch.tensor([plain_american(t, 600) for t in far], dtype=torch.float64)
    assert float(((found - plain).abs() / plain.clamp(min=100.0)).max()) < 2e-13


def whole_tree(batch: LatticeOptions, steps: int, scheme: Scheme) -> torch.Tensor:
    """American values on every node of the tree, nothing cut."""
    tree = build_tree(batch, steps, scheme)
    up, down, p, discount = (
        x.numpy()[:, None] for x in (tree.log_up, tree.log_down, tree.probability, tree.log_discount)
    )
    spot, strike, sign = (x.numpy()[:, None] for x in (batch.spot, batch.strike, batch.sign))
    moves = np.exp(np.arange(steps + 1) * (up - down))
    values = np.maximum(sign * (spot * np.exp(steps * down) * moves - strike), 0.0)
    for i in range(steps - 1, -1, -1):
        held = np.exp(discount) * (p * values[:, 1:] + (1.0 - p) * values[:, :-1])
        values = np.maximum(held, sign * (spot * np.exp(i * down) * moves[:, : i + 1] - strike))
    return torch.from_numpy(values[:, 0])


GRID = list(
    itertools.product(
        (32.0, 40.0, 50.0), (0.25, 5.0), (-0.02, 0.03, 0.08), (-0.01, 0.0, 0.06), (0.1, 0.4), (1.0, -1.0)
    )
)


@pytest.mark.parametrize(
    ("scheme", "steps"),
    [
        pytest.param("leisen_reimer", 501, marks=pytest.mark.slow),
        ("leisen_reimer", 101),
        ("crr", 100),
        pytest.param("crr", 300, marks=pytest.mark.slow),
        pytest.param("crr_textbook", 300, marks=pytest.mark.slow),
    ],
)
def test_one_by_one_options_are_those_of_the_whole_tree(scheme: Scheme, steps: int) -> None:
    """Alone in its batch an option's band is narrowest; Leisen-Reimer's drifting nodes are cut where they never are held."""
    spot, expiry, rate, dividend, vol, sign = (torch.tensor(x, dtype=torch.float64) for x in zip(*GRID))
    batch = LatticeOptions.of(
        spot=spot, strike=40.0, expiry=expiry, rate=rate, dividend=dividend, vol=vol, sign=sign, american=True
    )
    whole = whole_tree(batch, steps, scheme)
    alone = torch.cat([price(batch.take(torch.tensor([k])), steps, scheme) for k in range(len(batch))])
    torch.testing.assert_close(alone, whole, rtol=0, atol=3e-12)
    torch.testing.assert_close(price(batch, steps, scheme), whole, rtol=0, atol=3e-12)


def test_an_american_call_on_a_leisen_reimer_tree_converges() -> None:
    """Cut where it was still held it was 6.22563 with 1,001 steps and worse with more."""
    call = Terms(32.0, 40.0, 0.03, 0.06, 0.4, 1825, 1, True)
    assert float(price(options(call), 1001, "leisen_reimer")) == pytest.approx(6.22474, abs=5e-6)
    assert float(greeks(options(call), 1001, "leisen_reimer").value) == pytest.approx(6.22474, abs=5e-6)
    assert float(price(options(call), 2001, "leisen_reimer")) == pytest.approx(6.22498, abs=5e-6)
    assert integral_equation(call) == pytest.approx(6.22522, abs=5e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_leisen_reimer_against_the_integral_equation_of_the_boundary(sign: int) -> None:
    """What is left is the tree's own distance, of order 1/steps."""
    grid = itertools.product((32.0, 50.0), (0.03, 0.08), (0.0, 0.06), (0.2, 0.4), (365, 1825))
    every = [Terms(spot, 40.0, *market, days, sign, True) for spot, *market, days in grid]
    found = torch.cat([price(options(t), 801, "leisen_reimer") for t in every])
    exact = torch.tensor([integral_equation(t) for t in every], dtype=torch.float64)
    torch.testing.assert_close(found, exact, rtol=0, atol=4e-3)


def test_european_leisen_reimer_converges_to_the_closed_form_at_second_order() -> None:
    spots = torch.linspace(70.0, 140.0, 15, dtype=torch.float64)
    batch = LatticeOptions.of(
        spot=spots, strike=100, expiry=1.5, rate=0.03, dividend=0.01, vol=0.25, sign=-1, american=False
    )
    exact = black_scholes(spots, batch.strike, batch.expiry, batch.rate, batch.vol, batch.dividend, -1)
    errors = [float((price(batch, n, "leisen_reimer") - exact).abs().max()) for n in (101, 201, 401)]
    assert errors[-1] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("scheme", ["crr", "leisen_reimer"])
def test_an_american_call_without_dividends_is_european(scheme: Scheme) -> None:
    both = LatticeOptions.of(
        spot=100, strike=90, expiry=2, rate=0.04, vol=0.3, sign=1, american=torch.tensor([True, False])
    )
    early, late = price(both, 301, scheme).tolist()
    assert early == pytest.approx(late, rel=1e-12)


def test_a_mixed_batch_is_its_options_one_by_one() -> None:
    mixed = [
        Terms(80.0 + k, 100.0, 0.05, 0.03, 0.15 + 0.01 * k, 200 + 30 * k, (-1) ** k, k % 3 > 0)
        for k in range(40)
    ]
    together = price(options(*mixed), 150)
    alone = torch.cat([price(options(t), 150) for t in mixed])
    assert torch.allclose(together, alone, rtol=0.0, atol=1e-12)


def test_float32_keeps_its_dtype_and_five_digits() -> None:
    batch = [LONGSTAFF.moved(spot=s, american=a) for s in (32.0, 36.0, 40.0, 44.0) for a in (0, 1)]
    exact, single = price(options(*batch), 1000), price(options(*batch, dtype=torch.float32), 1000)
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, rtol=5e-5, atol=0.0)


def test_more_rights_are_worth_more() -> None:
    spots = torch.linspace(60.0, 140.0, 30, dtype=torch.float64)
    common = {
        "spot": spots,
        "strike": 100,
        "expiry": 1,
        "rate": 0.06,
        "dividend": 0.02,
        "vol": 0.2,
        "sign": -1,
    }
    early = price(LatticeOptions.of(**common, american=True), 200)
    late = price(LatticeOptions.of(**common, american=False), 200)
    assert bool((early >= late - 1e-12).all())
    assert bool((early >= 100.0 - spots).all())
