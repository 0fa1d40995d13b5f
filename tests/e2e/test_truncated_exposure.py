"""A set whose trades cancel, one of them a surrogate: nothing below zero in any table, and said so; values with their ±."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import pipelines
from pipelines import open_run
from pipelines.cli import app
from pipelines.reports.export import export_csv
from pipelines.reports.html.build import build_report
from pipelines.results.run import Run
from pipelines.results.tables import XvaTable, number, truncated
from xva.market.shocks import Scenario, ScenarioSet, Selector, parallel

QUOTES = """quote_id,value
ZERO/RATE/EUR/EUR-ESTR/A365/10Y,0.03
ZERO/RATE/EUR/EUR-EURIBOR-6M/A365/10Y,0.03
SWAPTION/RATE_NVOL/EUR/5Y/15Y/ATM,2e-05
MEAN_REVERSION/RATE/EUR,0.03
HAZARD_RATE/RATE/CP/SR/EUR/10Y,0.02
RECOVERY_RATE/RATE/CP/SR/EUR,0.4
HAZARD_RATE/RATE/BANK/SR/EUR/10Y,0.01
RECOVERY_RATE/RATE/BANK/SR/EUR,0.4
ZERO/YIELD_SPREAD/EUR/BORROW/A365/10Y,0.01
ZERO/YIELD_SPREAD/EUR/LEND/A365/10Y,0.005
EQUITY/PRICE/AA/EUR,100.0
EQUITY_DIVIDEND/RATE/AA/EUR,0.01
EQUITY_OPTION/RATE_LNVOL/AA/EUR/5Y/ATMF,0.25
"""
# with a seed whose noise takes the cancelling set below zero
JOB = """name = "cancel"
as_of = 2026-01-15
reporting_currency = "EUR"
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
trades = "trades"
[simulation]
paths = 512
block_size = 64
scrambles = 8
seed = 2
grid = "6M..2Y, 1Y..3Y"
[surrogates]
training_paths = 1024
policy_paths = 1024
certificate_states = 16
certificate_dates = 2
inner_paths = 64
tolerance = 0.5
max_effort = 1
[xva]
own_name = "BANK"
sensitivities = false
[execution]
executor = "serial"
output = "runs"
"""
OPTION = {
    "trade_id": "P", "netting_set": "ZERO", "underlying": "EQ/AA", "currency": "EUR", "option_type": "call",
    "side": "long", "quantity": 10000, "strike": 100.0, "expiry_date": "2028-01-17",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("cancel")
    (folder / "trades").mkdir()
    files = {
        "quotes.csv": QUOTES,
        "job.toml": JOB,
        "counterparties.csv": "counterparty,credit_curve,sector,rating,region\nCP,CP,BANK,A,EU\n",
        "netting_sets.csv": "netting_set,counterparty,currency,netted\nZERO,CP,EUR,true\nONE,CP,EUR,true\n",
        "trades/american_options.json": json.dumps([OPTION]),
        "trades/equity_options.csv": "trade_id,netting_set,equity,currency,side,option_type,quantity,strike,expiry_date\n"
        "Q,ZERO,AA,EUR,short,call,10000,100.0,2028-01-17\nR,ONE,AA,EUR,long,call,10000,100.0,2028-01-17\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    done = CliRunner().invoke(app, ["run", str(folder / "job.toml")])
    assert done.exit_code == 0, done.output
    return open_run(next((folder / "runs").glob("cancel-*")))


def test_nothing_is_below_zero(run: Run) -> None:
    results = run.xva
    assert float(results[["xva", "total"]].sel(measure=["CVA", "DVA", "FCA", "FBA"]).to_array().min()) >= 0.0
    for name in ("epe", "ene", "ee", "eee", "eepe", "xva_variant"):
        assert float(results[name].min()) >= 0.0, name
    before = results["xva_untruncated"].sel(netting_set="ZERO", measure=["CVA", "DVA", "FCA", "FBA"]).values
    assert before.min() < 0.0  # CVA -12.7 ± 4.2 in the case that this is made of


def test_what_is_shown_adds_up(run: Run) -> None:
    xva, total = run.xva["xva"], run.xva["total"]
    np.testing.assert_allclose(xva.sum("netting_set").values, total.values, rtol=1e-9, atol=1e-9)
    of = {str(m): xva.sel(measure=m).values for m in xva["measure"].values}
    np.testing.assert_allclose(of["FVA"], of["FCA"] - of["FBA"], atol=1e-9)
    np.testing.assert_allclose(of["XVA"], of["CVA"] - of["DVA"] + of["FCA"], atol=1e-9)


def test_the_standard_error_stays_and_zero_lies_within(run: Run) -> None:
    for (measure, name), before in truncated(run.xva).items():
        assert name == "ZERO"
        error = float(run.xva["xva_se"].sel(measure=measure, netting_set=name))
        assert 0.0 < -before <= 5.41 * error  # 8 scrambles: t(7) at 99.95 %


def test_tables_say_so(run: Run, tmp_path: Path) -> None:
    console = Console(width=160, record=True, file=StringIO())
    console.print(XvaTable(run.xva))
    text = console.export_text()
    assert "ZERO: truncated at 0, the estimate was below by noise" in text
    assert "-0.0" not in text
    value, error = (float(run.xva[n].sel(netting_set="ZERO")) for n in ("value0", "value0_se"))
    assert error > 0.0
    assert abs(value) <= 5.41 * error
    frame = run.summary()
    assert frame.loc["ZERO", "value s.e."] == pytest.approx(error)
    assert frame.loc["ONE", "value s.e."] == 0.0
    assert frame.loc["TOTAL", "value s.e."] == pytest.approx(error)
    export_csv(run, tmp_path / "csv")
    header, *rows = (tmp_path / "csv" / "xva.csv").read_text().splitlines()
    (cut,) = (row for row in rows if "ZERO" in row)
    assert header.endswith(",NPV,NPVSE,Truncated")
    assert "below zero by noise" in build_report(run)
    assert any(f"{m} -" in cut for m in ("CVA", "DVA", "FCA", "FBA"))


def test_summary_stress_and_what_if_say_so_too(run: Run, tmp_path: Path) -> None:
    cut = run.summary()["truncated at 0"]
    assert " -" in cut["ZERO"]
    assert "±" in cut["ZERO"]
    assert cut["ONE"] == ""
    spread = Scenario("credit", (parallel(Selector(families=("hazard rate",)), 0.0),))
    found = pipelines.stress(run, ScenarioSet("s", (spread,)), "serial", output=tmp_path).stress
    told = str(found.notes())
    line = f"ZERO: truncated at 0, the estimate was below by noise: {cut['ZERO']}"
    assert f"base, {line}" in told
    assert f"credit, {line}" in told
    values = found.values("ZERO").loc["credit"]
    assert values["stressed"] == pytest.approx(float(run.xva["value0"].sel(netting_set="ZERO")))
    assert values["stressed_se"] == pytest.approx(float(run.xva["value0_se"].sel(netting_set="ZERO")))
    assert "Value" in _text(found.table())
    total = found.values().loc["credit"]
    assert total["stressed"] == pytest.approx(float(run.xva["total_value0"]))
    assert total["stressed_se"] == pytest.approx(float(run.xva["total_value0_se"]))
    changed = pipelines.what_if(run, (), ("R", "Q"), executor="serial")
    assert f"before, {line}" in str(changed.notes())
    assert "ONE: truncated" not in str(changed.notes())
    one = changed.data.sel(netting_set="ZERO")
    assert float(one["value_before_se"]) == pytest.approx(values["stressed_se"], rel=1e-9)
    assert f"± {number(float(one['value_before_se']))}" in _text(changed.table())


def test_contributions_add_up_to_what_is_shown(run: Run) -> None:
    """None to a truncated measure, whose two trades' estimates are kept beside it and add up to its own."""
    found = pipelines.allocation(run, executor="serial")
    data, cut = found.data, run.xva["xva_untruncated"] < 0.0
    sets = run.xva["netting_set"]
    trades = data[["contribution", "epe", "ene"]].groupby("trade_netting_set")
    by_set = trades.sum("trade").rename(trade_netting_set="netting_set")
    by_set = by_set.sel(netting_set=sets.values)
    shown = run.xva["xva"].sel(measure=data["measure"])
    np.testing.assert_allclose(by_set["contribution"].transpose(*shown.dims), shown, rtol=1e-9, atol=1e-9)
    for side in ("epe", "ene"):
        profile = by_set[side].transpose(*run.xva[side].dims)
        np.testing.assert_allclose(profile, run.xva[side], rtol=1e-9, atol=1e-9)
    for measure in ("CVA", "DVA", "FCA", "FBA"):
        mine = data.sel(measure=measure, trade=["P", "Q"])
        np.testing.assert_allclose(
            mine["contribution_untruncated"].sum(),
            run.xva["xva_untruncated"].sel(measure=measure, netting_set="ZERO"),
            rtol=1e-9,
        )
        assert float(mine["contribution_se"].min()) > 0.0
        if bool(cut.sel(measure=measure, netting_set="ZERO")):
            assert mine["contribution"].values.tolist() == [0.0, 0.0]
            assert float(abs(mine["contribution_untruncated"]).min()) > 0.0
    assert "ZERO: truncated at 0" in str(found.notes())


def test_comparison_has_the_errors_of_values(run: Run) -> None:
    frame = run.compare(run).to_frame()
    error = float(run.xva["value0_se"].sel(netting_set="ZERO"))
    assert frame.loc[("ZERO", "value"), "change_se"] == pytest.approx(np.sqrt(2.0) * error)
    assert frame.loc[("ONE", "value"), "change_se"] == 0.0
    assert frame.loc[("TOTAL", "value"), "change_se"] == pytest.approx(np.sqrt(2.0) * error)


def _text(shown: object) -> str:
    console = Console(width=160, record=True, file=StringIO())
    console.print(shown)
    return console.export_text()


def test_a_plug_in_has_a_name_of_its_own(run: Run) -> None:
    """The cube has surrogates' values on paths; what is reported as ``epe`` averages cash flows."""
    mixed, closed = (run.cube.sel(netting_set=[name]).xva for name in ("ZERO", "ONE"))
    assert [mixed.epe().name, mixed.ene().name, mixed.pfe().name] == [
        "epe_plugin",
        "ene_plugin",
        "pfe_plugin",
    ]
    assert [mixed.ee().name, mixed.eee().name, mixed.eepe().name] == [
        "ee_plugin",
        "eee_plugin",
        "eepe_plugin",
    ]
    assert [closed.epe().name, closed.eepe().name, run.cube.xva.epe().name] == ["epe", "eepe", "epe_plugin"]
    assert mixed.epe().attrs["long_name"].endswith("plug-in of surrogates' values")
    reported = run.xva["epe_plugin"].sel(netting_set="ZERO").values
    np.testing.assert_allclose(mixed.epe().values[:, 0], reported, rtol=1e-5, atol=1e-2)
