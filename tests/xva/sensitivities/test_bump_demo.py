"""Quotes of the demo bank: the reverse pass against central bumps of 0.01 bp, calibration included.

One quote of each family on some dates here, every quote on all of them among the slow tests.

Same paths, exercise widths and Chebyshev intervals of the base run. This checks that AD differentiates the function that is
computed; that the function is the right one where paths decide is for the tests on exact numbers.

A bump is itself wrong where a path's value crosses zero inside it, by up to the path's share of 1/1024: with seed 42 one
does (a swaption volatility, 1.07e-4 of the largest sensitivity at 0.01 bp and 5e-10 at 0.001 bp), with seed 7 none.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import xarray as xr

from tests.support.demo_bank import demo_engine
from xva.sensitivities.bump import Revaluer
from xva.sensitivities.by_quote import bump_samples, labelled, sensitivities

TOTAL, BY_SET = 1e-4, 1e-3
SOME = 6
FAMILIES = {
    "credit": ("CDS/", "RECOVERY_RATE/", "ZERO/YIELD_SPREAD/"),
    "swap rates EUR": ("IR_SWAP/RATE/EUR/",),
    "other swap rates": ("IR_SWAP/",),
    "swaptions EUR, USD": ("SWAPTION/RATE_NVOL/EUR/", "SWAPTION/RATE_NVOL/USD/"),
    "other swaptions": ("SWAPTION/",),
    "correlations with equities": ("CORRELATION/EQ:",),
    "other correlations": ("CORRELATION/",),
    "equities": ("EQUITY",),
    "FX": ("FX", "CC_BASIS_SWAP/"),
    "the rest": ("",),
}


@cache
def revaluer(every: int = 1) -> Revaluer:
    """On every ``every``-th date of the job's."""
    return Revaluer(demo_engine(1024, 128, 8, every, seed=7))


@cache
def aad(every: int = 1) -> xr.Dataset:
    return sensitivities(revaluer(every).engine)


def quotes_of(family: str, every: int = 1) -> list[str]:
    """Quotes whose first match among the families' prefixes is this one: every quote is in exactly one."""

    def first(quote_id: str) -> str:
        return next(name for name, prefixes in FAMILIES.items() if quote_id.startswith(prefixes))

    return [q for q in revaluer(every).engine.quotes.ids if first(q) == family]


@pytest.mark.parametrize("family", FAMILIES)
def test_aad_is_bump(family: str) -> None:
    quotes = quotes_of(family, SOME)
    check(quotes[len(quotes) // 2 :][:1], SOME)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_aad_is_bump_at_every_quote(family: str) -> None:
    check(quotes_of(family))


def check(quotes: list[str], every: int = 1) -> None:
    """The reverse pass is the bump, in total and by netting set."""
    assert quotes, "the bank has no such quote"
    bumped = labelled(revaluer(every).engine, bump_samples(revaluer(every), quotes), quotes)
    exact = aad(every).sel(quote=quotes)
    for name, tolerance in (("total_sensitivity", TOTAL), ("sensitivity", BY_SET)):
        largest = np.abs(aad(every)[name]).max("quote")
        error = np.abs(exact[name] - bumped[name]) / largest
        worst = error.to_series().groupby(["measure"]).agg(["max", "idxmax"])
        assert bool((error <= tolerance).all()), f"{name}, in units of the largest:\n{worst.to_string()}"


def test_the_bank_moves_every_measure_and_kind_of_quote() -> None:
    """The comparison above is not one of zeros."""
    size = np.abs(aad(SOME)["sensitivity"]).max("netting_set") * aad(SOME)["shift"]
    by_family = size.groupby("quote_family").max("quote").max("measure")
    idle = {str(f) for f in by_family.quote_family.values[by_family.values == 0.0]}
    assert idle <= {"cap vol"}, "cap volatilities calibrate nothing; all others do"
