"""How curves come from quotes that are rates already, and in which order quotes stand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xva.errors import InputErrors
from xva.market.curves import DiscountCurve
from xva.market.recipes import HazardRecipe, SpreadRecipe, ZeroRecipe, order_by_date, pillar_date

AS_OF = np.datetime64("2026-01-15", "D")
TIMES = np.array([1.0, 5.0])
RATES = torch.tensor([0.02, 0.03], dtype=torch.float64)


def test_zero_rates_are_those_of_the_curve() -> None:
    curve = ZeroRecipe("C", ("A", "B"), (), TIMES).build(RATES, {})
    np.testing.assert_allclose(curve.discount(TIMES), np.exp(-RATES.numpy() * TIMES), rtol=1e-15)


def test_a_spread_is_added_to_the_curve_it_needs() -> None:
    base = DiscountCurve.flat("BASE", 0.01)
    curve = SpreadRecipe("C", ("A", "B"), ("BASE",), TIMES).build(RATES, {"BASE": base})
    np.testing.assert_allclose(curve.discount(TIMES), np.exp(-(0.01 + RATES.numpy()) * TIMES), rtol=1e-14)


def test_a_hazard_rate_holds_on_the_interval_that_ends_at_its_pillar() -> None:
    curve = HazardRecipe("C", ("A", "B"), (), TIMES).build(RATES, {})
    expected = [np.exp(-0.02 * 0.5), np.exp(-0.02), np.exp(-0.02 - 0.03 * 4.0)]
    np.testing.assert_allclose(curve.survival(np.array([0.5, 1.0, 5.0])), expected, rtol=1e-14)


def test_pillars_are_tenors_or_dates() -> None:
    assert pillar_date(AS_OF, "18M") == np.datetime64("2027-07-15")
    assert pillar_date(AS_OF, "2031-02-03") == np.datetime64("2031-02-03")


def test_quotes_are_ordered_by_their_end() -> None:
    ends = [AS_OF + 730, AS_OF + 73, AS_OF + 365]
    order, times = order_by_date("curve C", AS_OF, ["A", "B", "C"], ends)
    assert order == [1, 2, 0]
    np.testing.assert_allclose(times, [0.2, 1.0, 2.0])


def test_pillars_that_are_over_or_meet_are_told_together() -> None:
    ends = [AS_OF + 365, AS_OF, AS_OF + 365]
    with pytest.raises(InputErrors) as told:
        order_by_date("curve C", AS_OF, ["A", "OVER", "TWICE"], ends)
    assert [p.where for p in told.value.problems] == ["quote OVER", "quote TWICE"]
    assert "as A" in told.value.problems[1].got
