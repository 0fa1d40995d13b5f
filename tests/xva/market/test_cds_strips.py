"""Every CDS strip that comes from hazards is solved back to them, inverted and distressed ones too; others name the quote."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xva.errors import CalibrationError
from xva.market.cds import CdsRecipe, cds_recipe
from xva.market.credit import SurvivalCurve
from xva.market.curves import DiscountCurve

Floats = NDArray[np.float64]
AS_OF = np.datetime64("2026-01-15")
TENORS = ("6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y")
IDS = [f"CDS/CREDIT_SPREAD/X/SR/EUR/{t}" for t in TENORS]


def recipe(ids: list[str] = IDS) -> CdsRecipe:
    return cds_recipe(AS_OF, "X", ids, "RECOVERY_RATE/RATE/X/SR/EUR", "D")


def spreads(hazards: Floats, recovery: float, rate: float = 0.02) -> Floats:
    """Par spreads of hazards, from the legs alone."""
    annuity, protection = recipe()._legs(DiscountCurve.flat("D", rate))(torch.from_numpy(hazards))
    return np.asarray((1.0 - recovery) * protection / annuity)


def solved(quoted: Floats, recovery: float, rate: float = 0.02) -> SurvivalCurve:
    values = torch.tensor([*quoted, recovery], dtype=torch.float64)
    return recipe().build(values, {"D": DiscountCurve.flat("D", rate)})


# each of these had "no solution": the first two are reported strips, the rest steep ones of the same kind
KNOWN = {
    "distressed, inverted": ([2.6164, 2.6935, 0.7193, 0.0955, 0.2056, 3.4061, 3.3178], 0.7),
    "from calm to distress": ([0.01, 0.01, 0.01, 0.01, 4.0, 0.01, 4.0], 0.4),
    "near default": ([8.0, 0.5, 0.1, 0.05, 0.02, 0.02, 0.02], 0.1),
}


@pytest.mark.parametrize("name", KNOWN)
def test_distressed_strips_are_solved(name: str) -> None:
    hazards, recovery = np.array(KNOWN[name][0]), KNOWN[name][1]
    found = solved(spreads(hazards, recovery), recovery)
    np.testing.assert_allclose(found.hazards.numpy(), hazards, rtol=0, atol=1e-8)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    st.lists(st.floats(np.log(1e-4), np.log(0.5)), min_size=7, max_size=7),
    st.floats(0.0, 0.9),
    st.floats(-0.01, 0.1),
)
def test_strips_made_from_hazards_solve_back_to_them(logs: list[float], recovery: float, rate: float) -> None:
    hazards = np.exp(np.array(logs))
    found = solved(spreads(hazards, recovery, rate), recovery, rate)
    np.testing.assert_allclose(found.hazards.numpy(), hazards, rtol=0, atol=1e-10)


def test_survival_is_quantlibs_where_that_solves() -> None:
    """QuantLib's iterative bootstrap with the mid-point engine on random, partly inverted strips."""
    before = ql.Settings.instance().evaluationDate
    today = ql.DateParser.parseISO(str(AS_OF))
    ql.Settings.instance().evaluationDate = today
    draw, compared, days = np.random.default_rng(5), 0, np.array([30, 157, 200, 522, 1253, 2000, 3600])
    try:
        curve = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.02, ql.Actual365Fixed()))
        for _ in range(12):
            hazards, recovery = np.exp(draw.uniform(np.log(5e-3), np.log(0.4), 7)), 0.4
            quoted = spreads(hazards, recovery)
            helpers = [
                ql.SpreadCdsHelper(
                    ql.QuoteHandle(ql.SimpleQuote(float(s))),
                    ql.Period(t),
                    0,
                    ql.WeekendsOnly(),
                    ql.Quarterly,
                    ql.Following,
                    ql.DateGeneration.CDS2015,
                    ql.Actual360(),
                    recovery,
                    curve,
                    True,
                    True,
                    ql.Date(),
                    ql.Actual360(True),
                    True,
                    ql.CreditDefaultSwap.Midpoint,
                )
                for s, t in zip(quoted, TENORS)
            ]
            theirs = ql.PiecewiseFlatHazardRate(today, helpers, ql.Actual365Fixed())
            try:
                expected = [theirs.survivalProbability(today + int(d)) for d in days]
            except RuntimeError:
                continue
            compared += 1
            mine = solved(quoted, recovery).survival(days / 365).numpy()
            np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-9)
    finally:
        ql.Settings.instance().evaluationDate = before
    assert compared >= 8


def test_derivatives_of_a_distressed_strip_are_those_of_solving_again() -> None:
    hazards, recovery = np.array(KNOWN["near default"][0]), 0.1
    quoted = spreads(hazards, recovery)
    leaf = torch.tensor([*quoted, recovery], dtype=torch.float64, requires_grad=True)
    at = np.array([0.3, 1.5, 4.0, 9.0])
    curve = recipe().build(leaf, {"D": DiscountCurve.flat("D", 0.02)})
    for k, value in enumerate(curve.log_survival(at)):
        (slope,) = torch.autograd.grad(value, leaf, retain_graph=True)
        for j in (0, 3, 6, 7):
            moved = [torch.tensor([*quoted, recovery], dtype=torch.float64) for _ in range(2)]
            for way, values in zip((1e-6, -1e-6), moved):
                values[j] += way
            up, down = (
                recipe().build(v, {"D": DiscountCurve.flat("D", 0.02)}).log_survival(at)[k] for v in moved
            )
            assert float(slope[j]) == pytest.approx(float(up - down) / 2e-6, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "tenor", "said"),
    [
        ({3: 0.05}, "3Y", "would be -"),
        ({1: 4.9}, "1Y", "would have to be infinite; expected CDS/CREDIT_SPREAD/X/SR/EUR/1Y below "),
        ({0: 0.5, 6: 0.0}, "1Y", "would be -"),
    ],
)
def test_a_strip_without_solution_names_the_quote(changed: dict[int, float], tenor: str, said: str) -> None:
    quoted = np.full(7, 0.2)
    for k, value in changed.items():
        quoted[k] = value
    with pytest.raises(CalibrationError) as error:
        solved(quoted, 0.4)
    assert f"CDS strip of X has an arbitrage at tenor {tenor}" in error.value.message
    assert said in error.value.message
    assert f"CDS/CREDIT_SPREAD/X/SR/EUR/{tenor}" in error.value.ids


@pytest.mark.parametrize(
    ("word", "quote", "beyond"), [("of at least ", 0.05, 0.9999), ("below ", 4.9, 1.0001)]
)
def test_the_bounds_that_are_told_are_the_bounds(word: str, quote: float, beyond: float) -> None:
    quoted = np.full(7, 0.2)
    quoted[1] = quote
    with pytest.raises(CalibrationError) as error:
        solved(quoted, 0.4)
    bound = float(error.value.message.split(f"/1Y {word}")[1].split(",")[0])
    short = cds_recipe(AS_OF, "X", IDS[:2], "RECOVERY_RATE/RATE/X/SR/EUR", "D")
    curves = {"D": DiscountCurve.flat("D", 0.02)}
    assert float(short.build(torch.tensor([0.2, bound, 0.4], dtype=torch.float64), curves).hazards[1]) >= 0.0
    with pytest.raises(CalibrationError, match="at tenor 1Y"):
        short.build(torch.tensor([0.2, bound * beyond, 0.4], dtype=torch.float64), curves)


def test_a_quote_after_certain_default_is_named() -> None:
    hazards = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 30.0, 0.1])
    with pytest.raises(CalibrationError, match=r"expected a survival before CDS/CREDIT_SPREAD/X/SR/EUR/10Y"):
        solved(spreads(hazards, 0.4), 0.4)
