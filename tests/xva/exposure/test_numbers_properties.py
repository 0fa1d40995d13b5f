"""What must hold for any book, through the engine: breaks, netting, symmetry between the parties, scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.flat_book import (
    FX_FIXING,
    cross_currency,
    day,
    linear_trades,
    option_trades,
    physical,
    swap,
    world,
)
from tests.support.flat_world import BANK, COUNTERPARTY, FlatWorld, cube, make_engine, run
from tests.support.strategies import mirror
from xva.exposure.compiled import Breaks
from xva.trades import Trade

DATES = ["2025-03-03", "2025-07-15", "2026-02-20", "2027-01-15", "2027-10-01", "2029-06-30"]


# mandatory breaks


def break_cases() -> list[tuple[Trade, str]]:
    fx, equity, cap = option_trades()
    return [
        (swap("SWAP", "payer", 0.031), "2027-01-15"),
        (cross_currency("RESETTING", "pay", "6M"), "2026-10-01"),
        (fx, "2027-01-15"),
        (equity, "2026-12-31"),
        (cap, "2027-01-15"),
        (physical(), "2026-06-30"),
        (physical(), "2028-06-30"),
    ]


@pytest.mark.parametrize(("trade", "stop"), break_cases(), ids=lambda c: getattr(c, "trade_id", c))
def test_a_mandatory_break_truncates_the_exposure(trade: Trade, stop: str) -> None:
    dates = ["2025-08-01", "2026-06-29", "2026-09-15", "2027-01-14", "2027-01-15", "2028-06-29", "2028-07-15"]
    broken = replace(trade, break_date=day(stop))

    def values(book: list[Trade], breaks: Breaks = "truncate") -> np.ndarray:
        engine = make_engine(world(), book, dates, 16, scrambles=2, fixings=FX_FIXING, breaks=breaks)
        return cube(engine.plan(False))[:, :, 0]

    whole = values([trade])
    cut = values([broken])
    before = np.concatenate([["2025-01-15"], dates]).astype("datetime64[D]") < day(stop)
    np.testing.assert_allclose(cut[:, before], whole[:, before], rtol=1e-9, atol=1e-4)
    assert (cut[:, ~before] == 0.0).all()
    assert np.abs(whole[:, ~before]).max() > 0.0
    np.testing.assert_array_equal(values([broken], "ignore"), whole)


# netting


def offsetting() -> list[Trade]:
    return [
        swap("A", "payer", 0.031),
        swap("B", "receiver", 0.029, 8e5, currency="USD", index="USD-FLAT-3M"),
        linear_trades()[6],
        option_trades()[0],
        physical("short"),
        cross_currency("RESETTING", "pay", "6M"),
    ]


def measures(trades: list[Trade], w: FlatWorld | None = None, **options: Any) -> xr.Dataset:
    engine = make_engine(w or world(), trades, DATES, 32, scrambles=2, fixings=FX_FIXING, **options)
    return run(engine)


def test_without_a_netting_agreement_exposures_add_up() -> None:
    """One set without an agreement against one set per trade, in runs with the same events.

    Each is interpolated on nodes of its own, as exactly as it says.
    """
    whole = measures(offsetting(), netted=False)
    alone = measures([replace(t, netting_set=t.trade_id) for t in offsetting()])
    bounds = whole["interpolation_bound"][0] + alone["interpolation_bound"].sum("netting_set")
    assert float(bounds.max()) < 1e-6 * 1e6
    for name in ("epe", "ene", "value"):
        apart = abs(whole[name][0] - alone[name].sum("netting_set"))
        assert bool((apart <= bounds + 1e-9 * abs(whole[name][0]) + 1e-4).all()), (name, apart, bounds)
    np.testing.assert_allclose(whole["xva"][:, 0], alone["xva"].sum("netting_set"), rtol=1e-9, atol=1e-6)


def test_netting_never_raises_an_exposure() -> None:
    netted = make_engine(world(), offsetting(), DATES, 64, scrambles=2, fixings=FX_FIXING).plan(False)
    apart = make_engine(world(), offsetting(), DATES, 64, scrambles=2, netted=False, fixings=FX_FIXING).plan(
        False
    )
    # a trade and its set are interpolated each on nodes of its own, options to 1e-7
    values = cube(netted)
    np.testing.assert_allclose(values, cube(apart), rtol=1e-9, atol=1e-7 * np.abs(values).mean())
    one, sum_of_parts = cube(netted, "exposure"), cube(apart, "exposure")
    assert (one <= sum_of_parts + 1e-4).all()
    assert one.mean() < 0.8 * sum_of_parts.mean()


# symmetry and scale

_sides = st.sampled_from(["payer", "receiver"])
_holders = st.sampled_from(["long", "short"])


@st.composite
def trades(draw: Any) -> Trade:
    kind = draw(st.sampled_from(["swap", "usd", "ccs", "forward", "fx", "equity", "swaption", "cap"]))
    side, holder = draw(_sides), draw(_holders)
    rate = draw(st.floats(0.02, 0.05))
    match kind:
        case "swap":
            return swap("T", side, rate)
        case "usd":
            return swap("T", side, rate, 7e5, currency="USD", index="USD-FLAT-ON")
        case "ccs":
            return cross_currency("T", draw(st.sampled_from(["none", "pay", "receive"])))
        case "forward":
            made: Trade = linear_trades()[6]
        case "fx":
            made = replace(option_trades()[0], side=holder, strike=draw(st.floats(0.7, 1.1)))
        case "equity":
            made = replace(option_trades()[1], side=holder)
        case "cap":
            made = replace(option_trades()[2], side=holder, strike=rate)
        case _:
            made = replace(physical(holder), swap_side=side, strike=rate)
    return made


portfolios = st.lists(trades(), min_size=1, max_size=4).map(
    lambda found: [replace(t, trade_id=f"T{k}", netting_set="N") for k, t in enumerate(found)]
)


def seen_by_them() -> FlatWorld:
    """The same market with the credit names and the funding sides exchanged."""
    us = world()
    swapped = {BANK: COUNTERPARTY, COUNTERPARTY: BANK}
    return replace(
        us,
        hazards={name: us.hazards[other] for name, other in swapped.items()},
        recoveries={name: us.recoveries[other] for name, other in swapped.items()},
        borrow=us.lend,
        lend=us.borrow,
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(portfolios)
def test_our_cva_is_their_dva(book: list[Trade]) -> None:
    us = measures(book).isel(netting_set=0)
    them = measures([mirror(t) for t in book], seen_by_them()).isel(netting_set=0)
    np.testing.assert_allclose(us.value, -them.value, rtol=1e-9, atol=1e-4)
    for one, other in (("CVA", "DVA"), ("DVA", "CVA"), ("FCA", "FBA"), ("FBA", "FCA")):
        expected = them["xva"].sel(measure=other).item()
        assert us["xva"].sel(measure=one).item() == pytest.approx(expected, rel=1e-8, abs=1e-6)
    for variant in ("unilateral", "first_to_default"):
        expected = them.xva_variant.sel(variant=f"DVA {variant}").item()
        assert us.xva_variant.sel(variant=f"CVA {variant}").item() == pytest.approx(
            expected, rel=1e-8, abs=1e-6
        )


_AMOUNTS = ("notional", "quantity", "pay_notional", "receive_notional", "buy_amount", "sell_amount")


def scaled(trade: Trade, factor: float) -> Trade:
    return replace(trade, **{n: factor * getattr(trade, n) for n in _AMOUNTS if hasattr(trade, n)})


@settings(max_examples=8, deadline=None, derandomize=True)
@given(portfolios, st.floats(0.1, 20.0))
def test_adjustments_are_linear_in_the_notional(book: list[Trade], factor: float) -> None:
    one, many = measures(book), measures([scaled(t, factor) for t in book])
    np.testing.assert_allclose(many["xva"], factor * one["xva"], rtol=1e-8, atol=1e-6 * factor)
    np.testing.assert_allclose(many.epe, factor * one.epe, rtol=1e-8, atol=1e-4 * factor)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(portfolios)
def test_profiles_are_positive_and_their_difference_is_the_mean(book: list[Trade]) -> None:
    found = measures(book)
    assert (found.epe.values >= 0.0).all()
    assert (found.ene.values >= 0.0).all()
    np.testing.assert_allclose(found.epe - found.ene, found.value, rtol=1e-9, atol=1e-6)
    assert (found["xva"].sel(measure=["CVA", "DVA", "FCA", "FBA"]).values >= 0.0).all()
