"""What-if against the difference of two full runs on the same random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tests.support.flat_book import (
    FX_FIXING,
    cross_currency,
    linear_trades,
    option_trades,
    physical,
    swap,
    world,
)
from tests.support.flat_world import days_between, make_engine, run
from xva.allocation.allocation_plan import AllocationPlan
from xva.allocation.what_if import changed, increments
from xva.errors import TradeError
from xva.exposure.engine import ExposureEngine
from xva.trades import Trade

DATES = days_between("2025-01-15", "2031-01-15", 13)
REST = [
    replace(t, netting_set="REST", trade_id=f"R_{t.trade_id}") for t in (*linear_trades(), physical("short"))
]
BASE = [swap("A", "receiver", 0.029), *option_trades()]


def engine_of(trades: Sequence[Trade], netted: bool = True) -> ExposureEngine:
    return make_engine(world(), trades, DATES, 32, scrambles=4, netted=netted, fixings=FX_FIXING)


def what_if(engine: ExposureEngine, added: Sequence[str], removed: Sequence[str] = ()) -> xr.Dataset:
    found = changed(engine, added, removed)
    data = found.data()
    plan = AllocationPlan(data)
    return increments(found, data, [plan.run(b).sums for b in range(plan.n_blocks)])


def assert_is_the_difference(found: xr.Dataset, before: xr.Dataset, after: xr.Dataset) -> None:
    """To 1e-10 of the netting set's measure; a set that a run does not have counts 0 there."""
    sets = [str(n) for n in found["netting_set"].values]
    sides = [
        one["xva"]
        .reset_coords(drop=True)
        .reindex(netting_set=sets, fill_value=0.0)
        .sel(measure=found["measure"])
        for one in (before, after)
    ]
    size = np.maximum(abs(sides[0]), abs(sides[1]))
    assert float((abs(found["increment"] - (sides[1] - sides[0])) / size).max()) < 1e-10
    assert float((abs(found["before"] - sides[0]) / size).max()) < 1e-10
    total = sum(
        (side.sum("netting_set") * sign for side, sign in zip(sides, (-1, 1))),
        start=xr.zeros_like(size[:, 0]),
    )
    np.testing.assert_allclose(found["total_increment"], total, rtol=0.0, atol=1e-9 * float(size.max()))


@pytest.mark.parametrize("netted", [True, False])
def test_new_and_removed_trades(netted: bool) -> None:
    """No new event dates: two plain full runs, of the book before and of the book after."""
    new = [
        swap("NEW", "payer", 0.033, 2e6),
        replace(option_trades()[0], trade_id="NEW_FX", side="short", netting_set="REST"),
    ]
    before, after = [*BASE, *REST], [*BASE[:2], *BASE[3:], *REST, *new]
    found = what_if(engine_of([*before, *new], netted), ["NEW", "NEW_FX"], ["EQ"])
    assert_is_the_difference(found, run(engine_of(before, netted)), run(engine_of(after, netted)))
    assert dict(zip(found["trade"].values, found["action"].values)) == {
        "EQ": "remove",
        "NEW": "add",
        "NEW_FX": "add",
    }


@pytest.mark.parametrize("new", [cross_currency("NEW", "pay", "6M"), replace(physical(), trade_id="NEW")])
def test_new_events_are_in_both_runs(new: Trade) -> None:
    """Resets and exercises on new dates: full runs with a third set that looks at the same events."""
    same = replace(new, trade_id="ELSEWHERE", netting_set="EVENTS")
    found = what_if(engine_of([*BASE, *REST, new]), ["NEW"])
    before, after = run(engine_of([*BASE, *REST, same])), run(engine_of([*BASE, *REST, new, same]))
    assert_is_the_difference(found, before, after)


def test_new_events_move_other_sets_within_noise_only() -> None:
    """Why the two runs share events: the resets of the set before are not those of the run, but close."""
    late = replace(physical(), trade_id="NEW", netting_set="REST", expiry_date=np.datetime64("2026-12-15"))
    found, own = what_if(engine_of([*REST, late]), ["NEW"]), run(engine_of(REST))["xva"]
    moved = abs(found["before"] - own.sel(measure=found["measure"]))
    assert float(moved.max()) > 0.0
    assert np.all(moved <= 3.0 * found["before_se"])


def test_everything_removed_and_a_first_trade() -> None:
    trades = [*BASE, *REST, replace(BASE[0], trade_id="FIRST", netting_set="EMPTY")]
    found = what_if(engine_of(trades), ["FIRST"], [t.trade_id for t in BASE])
    assert found["netting_set"].values.tolist() == ["N", "EMPTY"]
    assert float(abs(found["after"].sel(netting_set="N")).max()) == 0.0
    assert float(abs(found["before"].sel(netting_set="EMPTY")).max()) == 0.0
    first = found.sel(trade="FIRST", netting_set="EMPTY")
    for name in ("contribution", "standalone"):
        np.testing.assert_allclose(first["increment"], first[name], rtol=1e-12)
    removed = found["contribution"].sel(trade=[t.trade_id for t in BASE]).sum("trade")
    np.testing.assert_allclose(removed, found["before"].sel(netting_set="N"), rtol=1e-10)


def test_the_error_of_a_change_is_that_of_the_difference() -> None:
    """A trade that hardly matters has a change known far better than the values before and after."""
    tiny = swap("NEW", "payer", 0.033, 1e3)
    one = what_if(engine_of([*BASE, tiny]), ["NEW"]).sel(measure="CVA", netting_set="N")
    assert 0.0 < float(one["increment_se"]) < 0.01 * float(one["before_se"])
    assert float(one["value_after"] - one["value_before"]) != 0.0


@pytest.mark.parametrize(
    ("added", "removed", "told"),
    [((), (), "got none"), (("X",), (), "got X"), ((), ("Y",), "got Y"), (("A",), ("A",), "got A")],
)
def test_what_is_no_change_is_refused(added: Sequence[str], removed: Sequence[str], told: str) -> None:
    with pytest.raises(TradeError, match=told):
        changed(engine_of(BASE), added, removed)
