"""Which of a book's dates join a grid: against trying every set of them."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.value_part_samples import WORLD, Promise
from xva.exposure.flow_dates import FlowDates, flow_dates


def lost(flows, grid):
    """By definition: days from the last grid date before the flow, none where the day before and the day are on the grid."""
    total = 0.0
    for day, share in zip(flows.day, flows.share):
        before = max(g for g in grid if g < day)
        total += share * (0 if before == day - 1 and day in grid else day - before)
    return total / flows.sets


def random_flows(seed, count=9):
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(np.arange(1, 400), count, replace=False))
    share = rng.exponential(size=count)
    return FlowDates(days, share / (share @ days), 1)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_not_seen(seed):
    flows, rng = random_flows(seed), np.random.default_rng(seed)
    grid = np.union1d([0], rng.choice(np.arange(1, 420), 7, replace=False))
    assert flows.unseen(grid) == pytest.approx(lost(flows, set(grid.tolist())), rel=1e-12)
    assert flows.unseen(np.array([0])) == pytest.approx(lost(flows, {0}), rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_one_after_the_other_is_nearly_the_best_choice(seed):
    flows, start = random_flows(seed), np.array([0, 100, 200, 300, 400])
    got = flows.added(start, most=10, enough=0.0)
    assert len(got) - 1 <= 10
    best = min(
        lost(flows, {*start.tolist(), *(d for day in chosen for d in (day - 1, day))})
        for chosen in combinations(flows.day.tolist(), 3)
    )
    whole = lost(flows, set(start.tolist()))
    assert whole - flows.unseen(got) >= 0.85 * (whole - best)


def test_all_is_seen_where_there_is_room():
    flows = random_flows(3, 40)
    assert flows.unseen(flows.added(np.array([0]), most=100, enough=0.0)) == pytest.approx(0.0, abs=1e-15)


def test_a_bound_is_kept_and_a_longer_grid_left_alone():
    flows = random_flows(4, 40)
    assert len(flows.added(np.array([0, 30]), most=17)) - 1 <= 17
    long = np.arange(0, 50)
    assert (flows.added(long, most=17) == long).all()


def test_tomorrow():
    """What is paid tomorrow needs tomorrow's date alone: the valuation date is the day before."""
    flows = FlowDates(np.array([1]), np.array([1.0]), 1)
    assert flows.added(np.array([0]), most=5).tolist() == [0, 1]
    assert flows.unseen(np.array([0, 1])) == 0.0


def test_a_new_kind_of_claim_says_itself_when_it_pays():
    class Paid(NamedTuple):
        payments: tuple[tuple[float, str, float], ...]

    claims = (Paid(((1.0, "EUR", 3.0), (2.0, "USD", 1.0))),)
    found = flow_dates([Promise("A", claims)], [claims], WORLD.context(), {"USD": 2.0})
    assert found.day.tolist() == [365, 730]
    np.testing.assert_allclose(found.share[0] / found.share[1], 1.5)
