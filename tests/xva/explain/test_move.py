"""A move in terms, on a measure that is a polynomial: each term is known to the last digit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from xva.errors import DomainError, MarketDataError
from xva.explain.move import Explainer, moving_groups
from xva.explain.points import MarketPoint
from xva.market import QuoteSet

IDS = ("FX/RATE/EUR/USD", "FX/RATE/EUR/GBP", "EQUITY_SPOT/PRICE/ACME/EUR")
GROUPS = ("FX", "EQ")
START = np.array([1.0, 2.0, 3.0])
MOVE = np.array([0.2, -0.1, 0.5])


def group_of(quote: str) -> str:
    return quote.split("/")[0][:2]


def quotes(values: np.ndarray) -> QuoteSet:
    return QuoteSet(IDS, torch.from_numpy(values))


def value(q: np.ndarray, cubic: float) -> float:
    return float(q[0] * q[1] + 3.0 * q[0] * q[2] + q[2] ** 2 + 2.0 * q[0] ** 2 + cubic * q[2] ** 3)


def gradient(q: np.ndarray, cubic: float) -> np.ndarray:
    return np.array([q[1] + 3.0 * q[2] + 4.0 * q[0], q[0], 3.0 * q[0] + 2.0 * q[2] + 3.0 * cubic * q[2] ** 2])


def evaluate(cubic: float = 0.0, hard: float = 0.0):  # type: ignore[no-untyped-def]
    """Two scrambles of one measure of one netting set, the second twice the first."""

    def at(found: QuoteSet) -> MarketPoint:
        q = found.values.numpy()
        scale = np.array([1.0, 2.0])
        soft = scale[:, None, None] * value(q, cubic)
        slope = scale[:, None, None, None] * gradient(q, cubic)
        return MarketPoint(IDS, q, soft + hard * q[0], soft, slope)

    return at


def explainer(cubic: float = 0.0, hard: float = 0.0, split: bool = True) -> Explainer:
    at = evaluate(cubic, hard)
    return Explainer(at(quotes(START)), at, group_of, GROUPS, split)


def test_a_quadratic_is_explained_to_the_last_digit() -> None:
    found = explainer().move(quotes(START + MOVE))
    d, g = MOVE, gradient(START, 0.0)
    np.testing.assert_allclose(found.first[0, 0, 0], [g[:2] @ d[:2], g[2] * d[2]], rtol=1e-13)
    own = [d[0] * d[1] + 2.0 * d[0] ** 2, d[2] ** 2]
    np.testing.assert_allclose(found.second_own[0, 0, 0], own, rtol=1e-12)
    cross = 3.0 * d[0] * d[2]  # one term, half of it each
    np.testing.assert_allclose(found.second_cross[0, 0, 0], [cross / 2, cross / 2], rtol=1e-12)
    np.testing.assert_allclose(found.pair[0, 0, 0], [[0.0, cross], [cross, 0.0]], atol=1e-13)
    np.testing.assert_allclose(found.unexplained, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.third_order, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.change[1], 2.0 * found.change[0], rtol=1e-13)


def test_what_third_order_leaves_is_foreseen() -> None:
    """The trapezoid rule of a cubic is off by -c d^3/2; Simpson's middle point says so without a look at the change."""
    found = explainer(cubic=4.0).move(quotes(START + MOVE))
    expected = -0.5 * 4.0 * MOVE[2] ** 3
    assert found.unexplained[0, 0, 0] == pytest.approx(expected, rel=1e-10)
    assert found.third_order[0, 0, 0] == pytest.approx(expected, rel=1e-10)


def test_terms_add_up_and_the_hard_exercise_is_named() -> None:
    found = explainer(cubic=4.0, hard=7.0).move(quotes(START + MOVE))
    assert found.exercise[0, 0, 0] == pytest.approx(7.0 * MOVE[0], rel=1e-12)
    terms = found.first + found.second_own + found.second_cross
    np.testing.assert_allclose(terms.sum(-1) + found.exercise + found.unexplained, found.change, rtol=1e-13)


def test_not_split_each_group_has_half_of_its_cross_gammas() -> None:
    whole = explainer().move(quotes(START + MOVE))
    found = explainer(split=False).move(quotes(START + MOVE))
    np.testing.assert_allclose(found.second_own, whole.second_own + whole.second_cross, rtol=1e-12)
    assert not found.second_cross.any()
    assert not found.pair.any()


def test_one_group_alone_needs_no_splitting() -> None:
    found = explainer().move(quotes(START + np.array([0.2, -0.1, 0.0])))
    assert not found.second_cross.any()
    assert found.second_own[0, 0, 0, 1] == 0.0


def test_other_quotes_are_refused_and_a_market_that_is_none_is_named() -> None:
    with pytest.raises(DomainError, match="expected the same quote ids in the same order"):
        explainer().move(QuoteSet(IDS[::-1], torch.from_numpy(START)))

    def refuse(found: QuoteSet) -> MarketPoint:
        raise MarketDataError("no curve solves these quotes", [IDS[0]])

    told = re.escape("expected a market after the whole move, got: no curve solves these quotes")
    with pytest.raises(DomainError, match=told) as problem:
        replace(explainer(), evaluate=refuse).move(quotes(START + MOVE))
    assert problem.value.ids == (IDS[0],)


def test_groups_that_move_anywhere() -> None:
    base = quotes(START)
    ends = [quotes(START + np.array([0.0, 0.0, 0.1])), base]
    assert moving_groups(base, ends, group_of) == ("EQ",)
    assert moving_groups(base, [base], group_of) == ()
