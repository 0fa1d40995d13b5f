"""Caplets that are fixed on the path: what they pay is known from then on, and no mean over what it may have been."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.support.flat_book import day, swap
from tests.support.flat_world import FlatWorld, make_engine, run
from tests.support.statistics import assert_within
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.fixing import Fixing
from xva.trades import CapFloor, Trade

START, END = day("2025-07-15"), day("2026-01-15")
DATES = np.array(
    ["2025-05-15", "2025-07-15", "2025-08-15", "2025-10-15", "2026-01-14"], dtype="datetime64[D]"
)


def option(kind: str, strike: float, side: str = "long", netting_set: str = "N", **terms: Any) -> CapFloor:
    """One period of half a year, half a year from now."""
    return CapFloor(
        trade_id=f"{kind}_{side}_{netting_set}",
        netting_set=netting_set,
        currency="EUR",
        side=side,
        cap_floor=kind,
        notional=1e7,
        strike=strike,
        index="EUR-FLAT-6M",
        **({"start_date": START, "maturity_date": END} | terms),
    )


def profiles(trades: list[Trade], fixing: Fixing, paths: int = 1024) -> xr.Dataset:
    return run(make_engine(FlatWorld(), trades, DATES, paths, fixing=fixing)).isel(netting_set=0)


def test_what_a_collar_is_worth_once_it_is_fixed() -> None:
    """Either its cap pays or its floor: mean exposures are their prices today. As a mean given the state they mix."""
    cap, floor = option("cap", 0.032), option("floor", 0.028, "short")
    found, mixed = (profiles([cap, floor], fixing) for fixing in ("path", "projected"))
    prices = [abs(float(profiles([leg], "path", 8)["value"][0])) for leg in (cap, floor)]
    fixed = slice(3, None)
    for side, price in zip(("epe", "ene"), prices):
        assert_within(found[side][fixed], found[f"{side}_se"][fixed], np.full(3, price))
        assert (found[f"{side}_se"][fixed] < 0.01 * price).all()
        assert float(mixed[side][-1]) < 0.93 * price
    for name in ("epe", "ene"):  # before they are fixed both see the same
        np.testing.assert_array_equal(found[name][:3], mixed[name][:3])


def test_a_hedged_coupon_is_a_floor_on_every_path() -> None:
    """Pays the floating coupon less a rate, holds the cap at that rate: a floor, of which all that was fixed is known."""
    trades = [
        swap("S", "receiver", 0.03, 1e7, start_date=START, maturity_date=END, fixed_frequency="6M"),
        option("cap", 0.03),
    ]  # fmt: skip
    plan = ExposurePlan(make_engine(FlatWorld(), trades, DATES, 64, fixing="path").data(adjoint=False))
    value = plan.run(0).cube["value"][:, 3:, 0]
    assert (value > -1e-4).all()  # of a notional of ten million
    assert 0.3 < (value[:, 0] > 1.0).mean() < 0.7
    np.testing.assert_array_equal(value[:, 0] > 1.0, value[:, -1] > 1.0)


def test_one_that_was_fixed_today_and_one_that_is_broken_off() -> None:
    """A strike beneath what today's rate fixes is paid for certain; after a break nothing is."""
    begun = option("cap", 0.01, start_date=day("2025-01-15"), maturity_date=START)
    found = profiles([begun], "path")
    value = found["value"].values
    assert value[0] > 5e4
    assert_within(value[1:2], found["value_se"].values[1:2], value[0], more=1e-6)
    broken = option("cap", 0.01, break_date=day("2025-09-01"))
    found = profiles([broken], "path")
    assert (found["epe"].values[4:] == 0.0).all()
    assert found["epe"].values[3] > 5e4


@pytest.mark.parametrize("fixing", ["auto", "projected"])
def test_only_where_it_is_asked_for(fixing: Fixing) -> None:
    """A caplet's mean given the state is taken unless every fixing is the path's own."""
    cap = option("cap", 0.03)
    made = make_engine(FlatWorld(), [cap], DATES, 8, fixing=fixing)
    assert made.frame(made.world)[1].keys == ()
