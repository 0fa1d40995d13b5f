"""What every rates model that a job may state says of itself."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import pytest

from xva.market import quote_info
from xva.models.rates_kinds import RATES_KINDS
from xva.models.rates_terms import RatesTerms

_STATED = {"rho": -0.5, "sigma": 0.007, "eta": 0.006}


def stated(kind: str) -> RatesTerms:
    """Terms with what has no default."""
    needed = [f.name for f in fields(RATES_KINDS[kind]) if f.default is MISSING]  # type: ignore[arg-type]
    options: dict[str, Any] = {name: _STATED.get(name, 0.1) for name in needed}
    return RATES_KINDS[kind](**options)


@pytest.mark.parametrize("kind", RATES_KINDS)
def test_parameters_and_needs_are_quotes_that_the_market_knows(kind: str) -> None:
    terms = stated(kind)
    assert terms.kind == kind
    assert terms.factors >= 1
    for quote_id in terms.quotes("EUR"):
        assert quote_info(quote_id).currency == "EUR"
    for need in terms.needs("EUR"):
        pillars = {"<expiry>": "5Y", "<tenor>": "10Y", "<pillar>": "10Y"}
        example = need.form
        for word, value in pillars.items():
            example = example.replace(word, value)
        assert quote_info(example).family == need.family


def test_kinds_are_told_apart() -> None:
    assert len({terms.title for terms in RATES_KINDS.values()}) == len(RATES_KINDS)
