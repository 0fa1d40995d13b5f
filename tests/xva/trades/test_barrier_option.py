"""Single barriers: contract of all eight, watched on dates or continuously; parity, fixings, touches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.contracts.path_trade import PathTradeContract
from tests.support.path_trades import BARRIER, BARRIER_KINDS, CONTINUOUS_BARRIER, EXPIRY, D
from tests.support.path_world import AS_OF, CONTEXT, VOL, given
from xva.errors import TradeError
from xva.trades import BarrierOption, TradeContext
from xva.trades.path_trade import PathTrade


class TestDiscrete(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0, 90.0)

    def trade(self) -> PathTrade:
        return BARRIER


class TestDiscreteUpAndInFxPut(PathTradeContract):
    sizes = ("quantity",)
    levels = (1.2, 1.3)

    def trade(self) -> PathTrade:
        return replace(
            BARRIER,
            underlying="FX/EUR/USD",
            option_type="put",
            strike=1.2,
            barrier=1.3,
            barrier_type="up-and-in",
            rebate=0.01,
            pay_date=None,
        )


class TestContinuous(PathTradeContract):
    sizes = ("quantity",)
    levels = (100.0, 90.0)
    seasoned = False

    def trade(self) -> PathTrade:
        return CONTINUOUS_BARRIER


class TestContinuousUpAndInFx(PathTradeContract):
    sizes = ("quantity",)
    levels = (1.2, 1.32)
    seasoned = False

    def trade(self) -> PathTrade:
        return replace(
            CONTINUOUS_BARRIER,
            underlying="FX/EUR/USD",
            strike=1.2,
            barrier=1.32,
            barrier_type="up-and-in",
            start_date=D("2026-02-16"),
            side="short",
        )


def amount(trade: BarrierOption, rows: list[list[float]], report: Any = ()) -> list[float]:
    paths = given(trade, rows, report)
    (flow,) = trade.cashflows(paths, trade.none_exercised(CONTEXT, paths.n_paths))
    assert (flow.observed, flow.pay) == (EXPIRY, trade.maturity)
    return flow.amount.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("kind", "option_type"), BARRIER_KINDS)
def test_discrete_pays_option_or_rebate(kind: str, option_type: str) -> None:
    up = kind.startswith("up")
    barrier = 110.0 if up else 90.0
    trade = replace(BARRIER, barrier_type=kind, option_type=option_type, barrier=barrier)
    beyond = 111.0 if up else 89.0
    rows = [
        [100.0, beyond, 100.0, 100.0, 100.0],  # as_of is not watched
        [100.0, 100.0, beyond, 100.0, 100.0],
        [100.0, 100.0, 100.0, barrier, 100.0],  # on it is beyond it
        [104.0, 104.0, 96.0, 104.0, beyond],
    ]
    found = amount(trade, rows)
    sign = 1.0 if option_type == "call" else -1.0
    touched = [False, False, True, True, True]
    for path, price in enumerate(rows[-1]):
        lives = touched[path] == kind.endswith("in")
        assert found[path] == (10.0 * max(sign * (price - 100.0), 0.0) if lives else 30.0)


@pytest.mark.parametrize(("kind", "option_type"), [k for k in BARRIER_KINDS if k[0].endswith("-in")])
@pytest.mark.parametrize("base", [BARRIER, CONTINUOUS_BARRIER], ids=["discrete", "continuous"])
def test_in_and_out_make_the_option_and_the_rebate(base: BarrierOption, kind: str, option_type: str) -> None:
    barrier = 110.0 if kind.startswith("up") else 90.0
    one = replace(base, barrier_type=kind, option_type=option_type, barrier=barrier)
    other = replace(one, barrier_type=kind.replace("in", "out"))
    rows = 100.0 + 15.0 * np.random.default_rng(1).standard_normal((len(base.monitoring_dates) or 1, 50))
    rows = np.concatenate([np.full((1, 50), 100.0), rows]).tolist()
    sign = 1.0 if option_type == "call" else -1.0
    plain = 10.0 * np.maximum(sign * (np.array(rows[-1]) - 100.0), 0.0)
    both = np.array(amount(one, rows)) + np.array(amount(other, rows))
    np.testing.assert_allclose(both, plain + 30.0, rtol=1e-12)


def test_bridges_join_at_the_report_dates() -> None:
    report = [AS_OF, D("2026-04-15"), D("2026-12-15")]
    rows = [[100.0, 100.0], [95.0, 89.0], [120.0, 120.0], [1.0, 1.0]]
    years = [90 / 365, 91 / 365]
    logs = np.log(np.array([100.0, 95.0, 120.0]) / 90.0)
    first = 1.0 - np.exp(-2.0 * logs[0] * logs[1] / (VOL**2 * years[0]))
    second = 1.0 - np.exp(-2.0 * logs[1] * logs[2] / (VOL**2 * years[1]))
    found = CONTINUOUS_BARRIER.state(given(CONTINUOUS_BARRIER, rows, report))["untouched"]
    np.testing.assert_allclose(
        found, [[1.0, 1.0], [first, 0.0], [first * second, 0.0]], rtol=1e-12, atol=1e-15
    )
    expected = [200.0 * first * second + 30.0 * (1.0 - first * second), 30.0]
    np.testing.assert_allclose(amount(CONTINUOUS_BARRIER, rows, report), expected, rtol=1e-12)


def test_watching_starts_with_the_start_date() -> None:
    late = replace(CONTINUOUS_BARRIER, start_date=D("2026-04-15"))
    assert list(late.observation_dates(CONTEXT)) == [D("2026-04-15"), EXPIRY]
    share = 1.0 - np.exp(-2.0 * np.log(110 / 90) * np.log(120 / 90) / (VOL**2 * 91 / 365))
    found = amount(late, [[50.0], [110.0], [120.0]], [AS_OF, D("2026-04-15")])
    assert found == pytest.approx([200.0 * share + 30.0 * (1.0 - share)])


def test_a_touch_of_the_past_is_a_term() -> None:
    touched = replace(CONTINUOUS_BARRIER, touch_date=D("2026-01-10"))
    assert amount(touched, [[100.0], [120.0]]) == [30.0]
    assert amount(replace(touched, barrier_type="down-and-in"), [[100.0], [120.0]]) == [200.0]
    later = replace(CONTINUOUS_BARRIER, touch_date=AS_OF + 1)  # not known yet
    assert amount(later, [[100.0], [120.0]]) == amount(CONTINUOUS_BARRIER, [[100.0], [120.0]])


def test_beyond_today_is_touched() -> None:
    assert amount(CONTINUOUS_BARRIER, [[89.0], [120.0]]) == [30.0]


def test_fixings_touch() -> None:
    fixings = {("EQ/ACME", "2026-03-16"): 89.0}
    context = TradeContext(D("2026-04-15"), fixings=fixings)
    paths = given(BARRIER, [[100.0], [100.0], [120.0]], context=context)
    (flow,) = BARRIER.cashflows(paths, BARRIER.none_exercised(context, 1))
    assert flow.amount.tolist() == [30.0]


def test_only_watching_on_dates_jumps() -> None:
    assert BARRIER.jumps is True
    assert CONTINUOUS_BARRIER.jumps is False
    near = given(BARRIER, [[100.0, 100.0], [90.0 - 1e-9, 90.0 + 1e-9], [120.0] * 2, [120.0] * 2])
    (sharp,) = BARRIER.cashflows(near, BARRIER.none_exercised(CONTEXT, 2))
    assert sharp.amount.tolist() == [30.0, 200.0]
    soft = torch.tensor([30.0, 200.0]).mean()
    (flow,) = BARRIER.cashflows(
        type(near)(CONTEXT, near.observer, near.report, 2, 0.02), BARRIER.none_exercised(CONTEXT, 2)
    )
    assert flow.amount.tolist() == pytest.approx([float(soft)] * 2, rel=1e-6)
    rows = [[100.0] * 2, [90.0 - 1e-9, 90.0 + 1e-9], [120.0] * 2]
    left, right = amount(CONTINUOUS_BARRIER, rows, [D("2026-03-16")])
    assert left == pytest.approx(right, rel=1e-6)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"barrier": 0.0}, "field barrier: expected a positive number"),
    ({"barrier_type": "knock-out"}, "field barrier_type: expected up-and-in or up-and-out or down-and-in or"),
    ({"rebate": -1.0}, "field rebate: expected zero or a positive number"),
    ({"monitoring_dates": (D("2026-08-15"),)}, "field monitoring_dates: expected dates up to the expiry"),
    ({"start_date": AS_OF}, "field start_date: expected none, because the barrier is watched on"),
    ({"touch_date": AS_OF}, "field touch_date: expected none, because the barrier is watched on"),
    (
        {"monitoring_dates": (), "start_date": EXPIRY},
        "field expiry_date: expected a date after the start_date",
    ),
    ({"monitoring_dates": (), "touch_date": "x"}, "field touch_date: expected a date"),
    ({"pay_date": D("2026-07-14")}, "field pay_date: expected a date not before the last observation"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TradeError) as caught:
        replace(BARRIER, **changes)
    assert message in str(caught.value)
