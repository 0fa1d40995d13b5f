"""Rows of the state, and names made and read in one place."""

from __future__ import annotations

import pytest

from xva.errors import DomainError
from xva.market.factors import equity_of, factor, is_equity, is_log_price, rates_factor, variance_factor
from xva.market.labels import quote_info
from xva.models.state_layout import StateLayout

TWO = StateLayout(("EUR", "USD", "JPY"), (2, 1, 2), ("ACME", "B.C"))


def test_rates_then_fx_then_equities() -> None:
    assert TWO.labels == (
        "IR:EUR", "IR:EUR:1", "IR:USD", "IR:JPY", "IR:JPY:1", "FX:USD", "FX:JPY", "EQ:ACME", "EQ:B.C"
    )  # fmt: skip
    assert (TWO.n_rates, TWO.n_states, TWO.fx_rows, TWO.equity_rows) == (5, 9, slice(5, 7), slice(7, 9))
    assert TWO.rates_of == (slice(0, 2), slice(2, 3), slice(3, 5))
    assert TWO.fx_of == (None, 5, 6)
    assert (TWO.rates("JPY"), TWO.fx("EUR"), TWO.fx("JPY"), TWO.equity("B.C")) == (slice(3, 5), None, 6, 8)
    assert TWO.currency_rows("EUR") == [0, 1]
    assert TWO.currency_rows("JPY") == [3, 4, 6]
    assert all(TWO.labels[row] == name for name, row in TWO.index.items())


def test_labels_say_the_layout() -> None:
    assert StateLayout.of(TWO.labels) == TWO
    with pytest.raises(DomainError, match="expected rates, FX, equities"):
        StateLayout.of(("FX:USD", "IR:EUR", "IR:USD"))
    with pytest.raises(ValueError, match="expected IR"):
        StateLayout.of(("rate",))


def test_factors_are_read_as_they_are_made() -> None:
    assert rates_factor("EUR") == "IR:EUR"
    assert factor(rates_factor("EUR", 1)) == ("IR", "EUR", 1)
    assert factor(variance_factor("A.B")) == ("VAR", "A.B", 0)
    assert [is_equity(x) for x in ("EQ:A", "VAR:A", "FX:USD")] == [True, False, False]
    assert [is_log_price(x) for x in ("EQ:A", "FX:USD", "IR:EUR")] == [True, True, False]
    assert [equity_of(x) for x in ("EQ:A", "VAR:A", "FX:USD", "average")] == ["A", "A", None, None]


def test_correlations_of_second_factors_are_quotes() -> None:
    assert quote_info("CORRELATION/IR:EUR/IR:EUR:1").terms["second"] == "IR:EUR:1"
