"""Stress scenarios as data: which quotes move, by how much, in which order, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xva.errors import InputErrors
from xva.market.quotes import QuoteSet
from xva.market.shocks import Scenario, ScenarioSet, Selector, Shift, parallel, shifted, twist

AS_OF = np.datetime64("2026-01-15")
QUOTES = QuoteSet.from_mapping(
    {
        "IR_SWAP/RATE/EUR/2D/1D/6M": 0.02,
        "IR_SWAP/RATE/EUR/2D/1D/2Y": 0.022,
        "IR_SWAP/RATE/EUR/2D/6M/10Y": 0.025,
        "IR_SWAP/RATE/USD/2D/1D/30Y": 0.04,
        "FX/RATE/EUR/USD": 1.1,
        "FX/RATE/EUR/JPY": 160.0,
        "SWAPTION/RATE_NVOL/EUR/5Y/20Y/ATM": 0.008,
        "ZERO/YIELD_SPREAD/EUR/BORROW/A365/2028-01-15": 0.004,
        "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y": 0.01,
    }
)
RATES = Selector(families=("OIS", "IBOR swap"))


def moved(*shifts: Shift) -> dict[str, float]:
    """Changes of the quotes that changed."""
    found = shifted(QUOTES, Scenario("s", shifts), AS_OF)
    change = found.values - QUOTES.values
    return {i: float(c) for i, c in zip(QUOTES.ids, change) if c != 0.0}


def test_a_parallel_shift_adds_or_multiplies() -> None:
    assert moved(parallel(RATES, 0.01)) == pytest.approx(dict.fromkeys(QUOTES.ids[:4], 0.01), abs=1e-15)
    fx = moved(parallel(Selector(("FX/RATE/EUR/*",)), -0.1, "relative"))
    assert fx == pytest.approx({"FX/RATE/EUR/USD": -0.11, "FX/RATE/EUR/JPY": -16.0})


def test_a_selector_takes_what_fits_all_its_parts() -> None:
    assert list(moved(parallel(Selector(currencies=("EUR",), families=("OIS",)), 1.0))) == list(
        QUOTES.ids[:2]
    )
    assert list(moved(parallel(Selector(("IR_SWAP/*/1?Y", "FX/*JPY")), 1.0))) == [
        QUOTES.ids[2],
        QUOTES.ids[5],
    ]
    assert list(moved(parallel(Selector(curves=("CPTY_A",)), 1.0))) == [QUOTES.ids[8]]
    assert len(moved(parallel(Selector(), 1.0))) == len(QUOTES.ids)


def test_by_tenor_is_linear_between_and_flat_outside() -> None:
    found = moved(Shift(RATES, "absolute", (0.0010, 0.0040, -0.0010), ("1Y", "4Y", "14Y")))
    assert list(found.values()) == pytest.approx([0.0010, 0.0020, 0.0010, -0.0010], abs=1e-15)


def test_a_twist_is_by_tenor_with_two_ends_and_may_be_relative() -> None:
    found = moved(twist(RATES, -0.0050, 0.0050, "1Y", "11Y"))
    assert list(found.values()) == pytest.approx([-0.0050, -0.0040, 0.0040, 0.0050], abs=1e-15)
    relative = moved(twist(RATES, -0.5, 0.5, "1Y", "11Y", "relative"))
    assert list(relative.values()) == pytest.approx([-0.01, -0.0088, 0.01, 0.02], abs=1e-15)


def test_a_swaption_goes_by_its_expiry_and_a_date_by_its_distance() -> None:
    by_tenor = {"amounts": (0.0, 0.0030), "tenors": ("0D", "30Y")}
    assert moved(Shift(Selector(families=("swaption vol",)), "absolute", **by_tenor)) == pytest.approx(
        {QUOTES.ids[6]: 0.0005}
    )
    assert moved(Shift(Selector(families=("funding",)), "absolute", **by_tenor)) == pytest.approx(
        {QUOTES.ids[7]: 0.0001 * 730 / 365}
    )


def test_shifts_follow_one_another() -> None:
    fx = Selector(("FX/RATE/EUR/USD",))
    up, double = parallel(fx, 0.1), parallel(fx, 1.0, "relative")
    assert moved(up, double)["FX/RATE/EUR/USD"] == pytest.approx(2 * 1.2 - 1.1)
    assert moved(double, up)["FX/RATE/EUR/USD"] == pytest.approx(2 * 1.1 + 0.1 - 1.1)


def test_shifts_are_differentiable_in_the_quotes() -> None:
    leaf = QUOTES.as_leaf()
    scenario = Scenario("s", (parallel(RATES, 0.01), parallel(RATES, 0.5, "relative")))
    (gradient,) = torch.autograd.grad(shifted(leaf, scenario, AS_OF).values.sum(), leaf.values)
    assert gradient.tolist() == [1.5] * 4 + [1.0] * 5


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3), min_size=9, max_size=9), st.floats(-1.0, 1.0))
def test_what_is_not_picked_keeps_every_bit(values: list[float], amount: float) -> None:
    quotes = QuoteSet(QUOTES.ids, torch.tensor(values, dtype=torch.float64))
    for kind in ("absolute", "relative"):
        found = shifted(quotes, Scenario("s", (parallel(RATES, amount, kind),)), AS_OF)
        assert torch.equal(found.values[4:], quotes.values[4:])
        by_hand = [v + amount if kind == "absolute" else v * (1.0 + amount) for v in values[:4]]
        assert found.values[:4].tolist() == by_hand


def test_everything_that_does_not_fit_the_market_comes_at_once() -> None:
    scenarios = ScenarioSet(
        "set",
        (
            Scenario("gbp", (parallel(RATES, 0.01), parallel(Selector(currencies=("GBP",)), 0.01))),
            Scenario("typo", (parallel(Selector(families=("IBOR swaps",)), 0.01),)),
            Scenario("spot", (twist(Selector(families=("FX",)), 0.1, 0.2, "1Y", "2Y", "relative"),)),
            Scenario("fine", (Shift(Selector(families=("equity",)), "relative", (0.1,), (), optional=True),)),
        ),
    )
    problems = scenarios.problems(QUOTES.ids, AS_OF)
    assert [p.where for p in problems] == [
        "scenario gbp, shift 2",
        "scenario typo, shift 1",
        "scenario spot, shift 1",
    ]
    assert problems[1].fix == "did you mean IBOR swap?"
    assert "FX/RATE/EUR/USD" in problems[2].got
    with pytest.raises(InputErrors, match="scenario typo, shift 1"):
        shifted(QUOTES, scenarios.scenarios[1], AS_OF)


@pytest.mark.parametrize(
    ("amounts", "tenors", "said"),
    [
        ((0.1, 0.2), (), "1 finite numbers"),
        ((float("nan"),), (), "1 finite numbers"),
        ((0.1, 0.2), ("5Y", "2Y"), "increasing"),
        ((0.1, 0.2), ("5Y", "soon"), "soon"),
        ((0.1,), ("5Y", "10Y"), "2 finite numbers"),
    ],
)
def test_a_shift_checks_itself(amounts: tuple[float, ...], tenors: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputErrors, match=said):
        Shift(RATES, "absolute", amounts, tenors)


def test_a_set_has_scenarios_and_each_name_once() -> None:
    with pytest.raises(InputErrors, match="at least one scenario"):
        ScenarioSet("empty", ())
    with pytest.raises(InputErrors, match="scenario a: expected each name once, got 2"):
        ScenarioSet("twice", (Scenario("a", ()), Scenario("a", ()), Scenario("b", ())))
