"""Where quotes go, by id alone: curves in building order, what stands on what, and what is missing, all at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xva.market.config import MarketConfig
from xva.market.labels import quote_info
from xva.market.layout import Layout, layout
from xva.market.scope import Scope

AS_OF = np.datetime64("2026-01-15", "D")
ESTR = tuple(f"IR_SWAP/RATE/EUR/2D/1D/{t}" for t in ("1Y", "5Y"))
EURIBOR = tuple(f"IR_SWAP/RATE/EUR/2D/6M/{t}" for t in ("5Y", "10Y"))
SOFR = tuple(f"IR_SWAP/RATE/USD/2D/1D/{t}" for t in ("1Y", "5Y"))
BASIS = ("CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D/5Y",)
NAME = ("CDS/CREDIT_SPREAD/NAME/SR/EUR/5Y", "RECOVERY_RATE/RATE/NAME/SR/EUR")
SPOT = ("FX/RATE/EUR/USD",)
FUNDING = ("ZERO/YIELD_SPREAD/EUR/BORROW/A365/10Y",)


def made(*ids: str, scope: Scope | None = None) -> Layout:
    return layout(ids, replace(MarketConfig.standard(AS_OF), scope=scope))


def names(found: Layout) -> list[str]:
    return [recipe.name for recipe in found.recipes]


def about(found: Layout, where: str) -> list[str]:
    return [problem.expected for problem in found.problems if where in problem.where]


def test_curves_come_after_those_that_they_need() -> None:
    found = made(*BASIS, *EURIBOR, *SOFR, *SPOT, *FUNDING, *NAME, *ESTR)
    order = names(found)
    assert set(order) >= {"EUR-ESTR", "EUR-EURIBOR-6M", "USD-SOFR", "USD-IN-EUR", "FUNDING-BORROW"}
    for recipe in found.recipes:
        assert all(order.index(need) < order.index(recipe.name) for need in recipe.needs), recipe.name
    needs = {recipe.name: set(recipe.needs) for recipe in found.recipes}
    assert needs["EUR-ESTR"] == set()
    assert needs["EUR-EURIBOR-6M"] == {"EUR-ESTR"}
    assert needs["USD-IN-EUR"] == {"EUR-ESTR", "USD-SOFR"}
    assert needs["FUNDING-BORROW"] == {"EUR-ESTR"}
    assert [(c.name, c.needs) for c in found.credit] == [("NAME", ("EUR-ESTR",))]


def test_every_quote_has_its_place() -> None:
    ids = (*ESTR, *EURIBOR, *SOFR, *BASIS, *SPOT, *NAME, *FUNDING)
    found = made(*ids)
    assert found.used == set(ids)
    assert found.recoveries == {"NAME": NAME[1]}
    assert [i for i, _ in found.spots["USD"]] == list(SPOT)


def test_the_order_of_quotes_in_a_curve_is_that_of_their_pillars() -> None:
    found = made(*reversed(ESTR))
    (recipe,) = (r for r in found.recipes if r.name == "EUR-ESTR")
    assert recipe.quote_ids == ESTR
    assert (np.diff(recipe.times) > 0.0).all()


def test_what_is_missing_is_said_with_the_form_of_what_to_add() -> None:
    found = made(*ESTR, *SOFR, NAME[0])
    assert any("CC_BASIS_SWAP" in text for text in about(found, "discount curve USD-IN-EUR"))
    assert about(found, "survival curve NAME") == ["a quote RECOVERY_RATE/RATE/NAME/SR/EUR"]
    assert any("FX/RATE/EUR/USD" in text for text in about(found, "FX rate of USD"))
    assert any("IR_SWAP/RATE/EUR" in text for text in about(made(*SOFR), "curve EUR-ESTR"))


def test_zero_rates_and_swaps_of_one_curve_are_refused() -> None:
    found = made(*ESTR, "ZERO/RATE/EUR/EUR-ESTR/A365/5Y")
    assert about(found, "curve EUR-ESTR") == ["zero rates or swaps"]
    assert "EUR-ESTR" not in names(found)


def test_an_id_of_no_known_form_is_a_problem_and_the_rest_is_laid_out() -> None:
    found = made(*ESTR, "WEATHER/OSLO")
    assert [p.where for p in found.problems if "WEATHER" in p.where] == ["quote WEATHER/OSLO"]
    assert "EUR-ESTR" in names(found)


@pytest.mark.parametrize(
    ("pair", "asked"),
    [
        ("IR:EUR/IR:USD", True),
        ("IR:EUR:1/IR:USD", True),
        ("IR:USD/FX:USD", True),
        ("IR:EUR/IR:EUR:1", False),  # what the currency's rates model says
        ("IR:EUR/IR:GBP", False),
    ],
)
def test_which_correlations_a_book_asks_for(pair: str, asked: bool) -> None:
    scope = Scope(equities=frozenset(), credit=frozenset())
    assert scope.asks(quote_info(f"CORRELATION/{pair}"), ("EUR", "USD"), "EUR") is asked


def test_a_book_that_does_not_ask_for_a_name_leaves_its_quotes_alone() -> None:
    nobody = Scope(equities=frozenset(), credit=frozenset())
    found = made(*ESTR, NAME[0], scope=nobody)
    assert found.credit == ()
    assert about(found, "NAME") == []
    asked = made(*ESTR, *NAME, scope=Scope(equities=frozenset(), credit=frozenset({"NAME"})))
    assert [c.name for c in asked.credit] == ["NAME"]
