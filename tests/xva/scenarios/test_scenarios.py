"""A scenario set on the demo book gives what fresh runs on the shifted quotes give, to the last bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import xarray as xr

from pipelines.jobs.scenarios import read_scenarios
from tests.support.demo_bank import demo_engine
from tests.support.path_products import PathForward
from tests.support.places import EXAMPLES
from xva.blocks.plan import Arrays, Plan
from xva.errors import DomainError, InputErrors
from xva.exposure.block.plan import ExposurePlan
from xva.exposure.engine import ExposureEngine
from xva.exposure.reconciliation.reconciliation import reconcile
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel, shifted
from xva.results.labelled import results
from xva.scenarios.plan import BASE, StressPlan
from xva.scenarios.prepare import StressOptions, prepare
from xva.scenarios.results import stress_results

READY = EXAMPLES / "scenarios/ready.toml"
CHECKED = ("rates_up_100", "steepener", "dollar_up_15", "equities_down_30", "fx_vol_up", "replay_2008")
QUICK = ("rates_up_100", "equities_down_30")
FEW = (
    *QUICK,
    "rates_up_10",
    "dollar_up_15",
    "credit_wider_50",
    "credit_short_end",
    "recoveries_down",
    "funding_freeze",
)


@dataclass(frozen=True)
class Stressed:
    engine: ExposureEngine
    scenarios: ScenarioSet
    base: list[Arrays]
    plan: StressPlan
    blocks: list[Arrays]
    results: xr.Dataset


def sums(plan: Plan) -> list[Arrays]:
    return [plan.run(b).sums for b in range(plan.n_blocks)]


@cache
def engine() -> ExposureEngine:
    return demo_engine(64, 8, 4, every=8)


@cache
def ready(whole: bool = False) -> Stressed:
    """Stressed by some of the ready set, or by all of it."""
    scenarios = read_scenarios(READY)
    if not whole:
        scenarios = ScenarioSet("few", tuple(s for s in scenarios.scenarios if s.name in FEW))
    base = sums(engine().plan(adjoint=False))
    plan = prepare(engine(), scenarios, base)
    blocks = sums(plan)
    return Stressed(engine(), scenarios, base, plan, blocks, stress_results(plan, blocks))


def fresh(scenario: Scenario) -> tuple[ExposureEngine, ExposurePlan]:
    """The same book on the scenario's quotes, nothing reused."""
    base = engine()
    quotes = shifted(base.quotes, scenario, base.book.context.as_of)
    made = ExposureEngine(base.book, quotes, base.build, base.dates[1:], base.xva, base.simulation)
    return made, made.plan(adjoint=False)


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        *((name, False) for name in QUICK),
        *(pytest.param(name, True, marks=pytest.mark.slow) for name in CHECKED),
    ],
)
def test_a_scenario_is_a_fresh_run_to_the_last_bit(name: str, whole: bool) -> None:
    done = ready(whole)
    number = [s.name for s in done.scenarios.scenarios].index(name)
    other, plan = fresh(done.scenarios.scenarios[number])
    mine, theirs = list(done.plan.scenario_sums(done.blocks))[number], sums(plan)
    assert len(mine) == len(theirs) == 8
    for a, b in zip(mine, theirs):
        assert list(a) == list(b)
        for key in b:
            np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    expected, found = results(other, plan.data, theirs), done.results.isel(scenario=number)
    for here, there in (("stressed", "xva"), ("stressed_se", "xva_se"), ("total_stressed", "total")):
        np.testing.assert_array_equal(found[here], expected[there])
    for key in ("epe", "ene", "epe_se", "value0"):
        np.testing.assert_array_equal(found[key], expected[key])


def test_the_base_is_the_base_run() -> None:
    done = ready()
    expected = results(engine(), engine().data(adjoint=False), done.base)
    np.testing.assert_array_equal(done.results["base"], expected["xva"])
    np.testing.assert_array_equal(done.results["total_base_se"], expected["total_se"])
    np.testing.assert_array_equal(done.results["epe_base"], expected["epe"])


@pytest.mark.parametrize(
    ("names", "whole"), [(QUICK, False), pytest.param(CHECKED, True, marks=pytest.mark.slow)]
)
def test_values_at_t0_are_the_closed_form_sum_of_all_trades_on_the_shifted_market(
    names: tuple[str, ...], whole: bool
) -> None:
    done = ready(whole)
    for name in names:
        number = [s.name for s in done.scenarios.scenarios].index(name)
        other, _ = fresh(done.scenarios.scenarios[number])
        table = reconcile(other.book, other.world)
        expected = table.groupby("netting_set")["value"].sum()
        scale = table["value"].abs().groupby(table["netting_set"]).sum()
        found = done.results["value0"].sel(scenario=name).to_series()
        assert float(((found - expected) / scale).abs().max()) < 1e-6


def test_only_what_a_shift_reaches_is_computed_again() -> None:
    done = ready()
    of = {case.name: case for case in done.plan.cases}
    for name in ("credit_wider_50", "credit_short_end", "recoveries_down", "funding_freeze"):
        assert (of[name].world, of[name].reached) == (BASE, ())
    assert of["rates_up_100"].reached == (0, 1, 2, 3)
    with_equity = [i for i, c in enumerate(engine().compiled) if c.equity_names]
    assert 0 < len(with_equity) < 4
    spots = ScenarioSet(
        "s", (Scenario("spots", (parallel(Selector(families=("equity",)), -0.3, "relative"),)),)
    )
    assert prepare(engine(), spots, done.base).cases[0].reached == tuple(with_equity)
    recomputed = done.results["recomputed"].sel(scenario="funding_freeze")
    assert not recomputed.any()


def test_credit_and_funding_move_only_the_measures_they_weigh() -> None:
    done = ready()
    change = done.results["total_change"]
    assert float(change.sel(scenario="funding_freeze", measure="CVA")) == 0.0
    assert float(change.sel(scenario="funding_freeze", measure="DVA")) == 0.0
    assert float(change.sel(scenario="funding_freeze", measure="FCA")) > 0.0
    assert float(change.sel(scenario="funding_freeze", measure="FBA")) == 0.0
    assert float(change.sel(scenario="credit_wider_50", measure="CVA")) > 0.0
    np.testing.assert_array_equal(
        done.results["epe"].sel(scenario="funding_freeze"), done.results["epe_base"]
    )


def test_scenarios_that_differ_in_weights_only_share_their_paths() -> None:
    rates, credit = Selector(families=("OIS", "IBOR swap", "deposit")), Selector(families=("CDS",))
    up, wider = parallel(rates, 0.01), parallel(credit, 0.5, "relative")
    plan = prepare(
        engine(), ScenarioSet("s", (Scenario("up", (up,)), Scenario("both", (up, wider)))), ready().base
    )
    assert [c.world for c in plan.cases] == [0, 0]
    assert len(plan.worlds) == 1
    found = stress_results(plan, sums(plan))["total_stressed"].sel(measure="CVA").values
    assert found[1] > found[0]


def test_the_error_of_the_change_is_that_of_common_random_numbers() -> None:
    found = ready().results
    small = found.sel(scenario="rates_up_10", measure="CVA")
    apart = np.hypot(float(small["total_stressed_se"]), float(small["total_base_se"]))
    assert 0.0 < float(small["total_change_se"]) < 0.3 * apart
    change = found["total_stressed"] - found["total_base"]
    np.testing.assert_allclose(found["total_change"], change, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("whole", "n_blocks"),
    [
        (False, 8),
        pytest.param(True, 16, marks=pytest.mark.slow),
    ],  # 21 worlds, 16 to a block, on 8 blocks of paths
)
def test_a_stored_plan_gives_the_same_bits_in_any_order(whole: bool, n_blocks: int) -> None:
    done = ready(whole)
    arrays, meta = done.plan.payload()
    again = StressPlan.from_payload(arrays, json.loads(json.dumps(meta)))
    assert again.n_blocks == done.plan.n_blocks == n_blocks
    for block in (n_blocks - 1, 3, 0):
        found = again.run(block).sums
        assert found.keys() == done.blocks[block].keys()
        assert all(np.array_equal(found[k], done.blocks[block][k]) for k in found)
    again_arrays, again_meta = again.payload()
    assert again_meta == json.loads(json.dumps(meta))
    assert all(np.array_equal(arrays[k], again_arrays[k]) for k in arrays)


def test_a_kept_cube_is_the_fresh_runs_cube() -> None:
    chosen = tuple(s for s in ready().scenarios.scenarios if s.name in ("dollar_up_15", "funding_freeze"))
    plan = prepare(engine(), ScenarioSet("s", chosen), ready().base, StressOptions(keep_cube=True))
    assert plan.schema.variables == ("value.0", "exposure.0", "value.1", "exposure.1")
    block = plan.run(3)
    for number, scenario in enumerate(chosen):
        expected = fresh(scenario)[1].run(3).cube
        for name in ("value", "exposure"):
            np.testing.assert_array_equal(block.cube[f"{name}.{plan.cases[number].world}"], expected[name])


def failing() -> ScenarioSet:
    swaptions, credit = Selector(families=("swaption vol",)), Selector(curves=("BANK",), families=("CDS",))
    return ScenarioSet(
        "s",
        (
            Scenario("negative_vol", (parallel(swaptions, -1.0),)),
            Scenario("fine", (parallel(credit, 0.5, "relative"),)),
            Scenario("arbitrage", (parallel(Selector(("CDS/*/BANK/*/10Y",)), -0.9, "relative"),)),
        ),
    )


def test_scenarios_without_a_market_are_refused_all_at_once_by_name() -> None:
    with pytest.raises(InputErrors) as told:
        prepare(engine(), failing(), ready().base)
    names = {p.where.split(",")[0] for p in told.value.problems}
    assert names == {"scenario negative_vol", "scenario arbitrage"}
    assert "BANK" in told.value.message


def test_or_flagged_and_the_others_computed() -> None:
    plan = prepare(engine(), failing(), ready().base, StressOptions(skip_failing=True))
    found = stress_results(plan, sums(plan))
    assert found["failed"].values.tolist() == [True, False, True]
    assert "arbitrage" in str(found["reason"].sel(scenario="arbitrage").values)
    assert np.isnan(found["stressed"].sel(scenario=["negative_vol", "arbitrage"])).all()
    assert np.isfinite(found["stressed"].sel(scenario="fine")).all()


def test_sums_of_another_run_are_refused() -> None:
    with pytest.raises(DomainError, match="expected sums of 8 blocks, got 7"):
        prepare(engine(), ready().scenarios, ready().base[:7])
    with pytest.raises(DomainError, match="epe, ene and value"):
        prepare(engine(), ready().scenarios, [{"paths": np.zeros(1)}] * 8)


def test_a_moved_market_refuses_trades_without_closed_form_and_weights_do_not() -> None:
    base, start = engine(), engine().book.context.as_of
    equity, currency = "NORDWIND", "EUR"
    trade = PathForward(
        trade_id="EXOTIC", netting_set=base.book.netting_sets[0].name, equity=equity, currency=currency, quantity=1.0,
        strike=100.0, fixing_date=start + 365, pay_date=start + 365,
    )  # fmt: skip
    book = replace(base.book, trades=(*base.book.trades, trade))
    mixed = ExposureEngine(book, base.quotes, base.build, base.dates[1:], base.xva, base.simulation)
    zeros = [{n: np.zeros((4, len(mixed.dates))) for n in ("epe", "ene", "value")}] * 8
    up, freeze = (s for s in ready().scenarios.scenarios if s.name in ("funding_freeze", "rates_up_10"))
    with pytest.raises(InputErrors, match=r"scenario rates_up_10: .*EXOTIC"):
        prepare(mixed, ScenarioSet("s", (freeze, up)), zeros)
    plan = prepare(mixed, ScenarioSet("s", (freeze, up)), zeros, StressOptions(skip_failing=True))
    assert [bool(c.reason) for c in plan.cases] == [False, True]
