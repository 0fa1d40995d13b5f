"""``xva whatif`` on the demo bank with few paths, its Python twin, and what it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import pipelines
from pipelines.cli import app
from pipelines.results.run import Run
from tests.support.bank_run import BankRun, small_bank
from xva.errors import DomainError, InputErrors
from xva.trades import FxForward

NEW = """\
trade_id,netting_set,currency,notional,side,fixed_rate,index,spread,start_date,maturity_date,fixed_frequency,fixed_day_count,amortisation
NEW_1,CP_A,EUR,20000000,payer,0.0275,EUR-EURIBOR-6M,0.0,2026-01-20,2036-01-20,1Y,30/360,none
NEW_2,CP_B,EUR,10000000,receiver,0.0275,EUR-EURIBOR-6M,0.0,2026-01-20,2036-01-20,1Y,30/360,none
"""
# none of these, nor of the new ones, has a coupon above a tenth of its life: they bring and take no simulated fixings
REMOVED = ("IRS_0032", "FXO_0013")


def invoke(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args])


@pytest.fixture(scope="module")
def run(bank_run: BankRun, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return bank_run.copy(tmp_path_factory.mktemp("whatif"))  # what follows needs the run's directory only


@pytest.fixture
def new_swaps(tmp_path: Path) -> Path:
    file = tmp_path / "new/swaps.csv"
    file.parent.mkdir()
    file.write_text(NEW)
    return file


@pytest.mark.slow
def test_a_change_is_the_difference_of_two_runs(run: Run, new_swaps: Path, tmp_path: Path) -> None:
    """The other run is a job of its own, with the new rows in its tables and the removed ones not."""
    job = small_bank(tmp_path / "other")
    table = tmp_path / "other/trades/demo/swaps.csv"
    rows = pd.concat([pd.read_csv(table, dtype=str), pd.read_csv(new_swaps, dtype=str)])
    rows[~rows["trade_id"].isin(REMOVED)].to_csv(table, index=False)
    options = tmp_path / "other/trades/demo/fx_options.csv"
    rows = pd.read_csv(options, dtype=str)
    rows[~rows["trade_id"].isin(REMOVED)].to_csv(options, index=False)
    after = pipelines.ExposureJob.from_toml(job).run().xva["xva"].reset_coords(drop=True)
    before = run.xva["xva"].reset_coords(drop=True)
    found = pipelines.what_if(run, new_swaps, REMOVED)
    sets = found.data["netting_set"]
    assert sets.values.tolist() == ["CP_A", "CP_B", "CP_F"]
    sides = [one.reset_coords(drop=True) for one in (before, after)]
    wide = [side.drop_vars([c for c in side.coords if c not in side.dims]) for side in sides]
    zero = [
        side.reindex(netting_set=sets.values, fill_value=0.0).sel(measure=found.data["measure"])
        for side in wide
    ]
    size = np.maximum(abs(zero[0]), abs(zero[1]))
    assert float((abs(found.data["increment"] - (zero[1] - zero[0])) / size).max()) < 1e-10
    assert found.same_paths


@pytest.mark.slow
def test_allocations_add_up_to_the_run(run: Run) -> None:
    found = pipelines.allocation(run)
    trades = found.to_frame("CVA")
    assert len(trades) == 150
    assert trades["contribution"].abs().is_monotonic_decreasing
    for measure in ("CVA", "DVA", "FCA", "FBA", "FVA", "XVA"):
        total = found.to_frame(measure).groupby("trade_netting_set")["contribution"].sum()
        expected = run.xva["xva"].sel(measure=measure).to_series()
        # a trade and its set are interpolated each on nodes of its own, as exactly as the run says
        size = run.xva["xva"].sel(measure="CVA").to_series()
        bound = run.xva["interpolation_bound"] / run.xva["epe"].max("time")
        assert float(bound.max()) < 1e-6
        assert bool((abs(total - expected) / size <= bound.max("time").to_series() + 1e-12).all())


def test_on_the_terminal_and_as_csv(run: Run, new_swaps: Path, tmp_path: Path) -> None:
    done = invoke("whatif", run.path, new_swaps, "--remove", REMOVED[0], "--csv", tmp_path / "change.csv")
    assert done.exit_code == 0, done.output
    assert re.search(r"CP_A +Value .*\n +CVA .*±", done.stdout)
    assert re.search(r"NEW_2 +add +alone .*±", done.stdout)
    assert re.search(r"IRS_0032 +remove +alone", done.stdout)
    assert "XVA = CVA - DVA + FCA" in done.stdout
    written = pd.read_csv(tmp_path / "change.csv")
    assert len(written) == 3 * 6
    assert {"netting_set", "measure", "increment", "increment_se", "run"} <= set(written)


def test_allocation_on_the_terminal(run: Run, tmp_path: Path) -> None:
    options = ("--netting-set", "CP_H", "--measure", "FCA", "--top", 3, "--csv", tmp_path / "shares.csv")
    done = invoke("whatif", run.path, "--allocate", *options)
    assert done.exit_code == 0, done.output
    assert "the 3 largest to FCA of 37" in done.stdout
    assert "34 others" in done.stdout
    assert len(pd.read_csv(tmp_path / "shares.csv")) == 37 * 6
    wrong = invoke("whatif", run.path, "--allocate", "--netting-set", "CP_Z")
    assert wrong.exit_code == 2
    assert "netting set: expected one of CP_A, CP_C, CP_F, CP_H, got 'CP_Z'" in wrong.stderr


@pytest.mark.parametrize(
    "options", [("--allocate", "x.csv"), ("--allocate", "--remove", "A"), ("--netting-set", "CP_A", "x.csv")]
)
def test_options_that_do_not_go_together(run: Run, options: tuple[str, ...]) -> None:
    assert invoke("whatif", run.path, *options).exit_code == 2


def test_all_problems_at_once(run: Run, tmp_path: Path) -> None:
    bad = (
        NEW.replace("NEW_1,CP_A", "IRS_0001,CP_A")
        .replace("NEW_2,CP_B", "NEW_2,CP_BB")
        .replace("2036-01-20", "2036")
    )
    (tmp_path / "book.csv").write_text(bad)
    done = invoke("whatif", run.path, tmp_path / "book.csv", "--type", "swaps", "--remove", "IRS_9999")
    assert done.exit_code == 2
    assert "book.csv, row 2, trade IRS_0001, column maturity_date: expected a date" in done.stderr
    assert "book.csv, row 3, trade NEW_2, column netting_set: expected a netting set" in done.stderr
    assert "trade to remove IRS_9999: expected a trade of the run's book" in done.stderr
    assert "IRS_0001: expected a trade id that the run's book does not have" in done.stderr
    for name, told in (
        ("book.csv", "expected a trade type of"),
        ("none.csv", "nothing there"),
        ("run.toml", ".toml"),
    ):
        (tmp_path / "run.toml").touch()
        refused = invoke("whatif", run.path, tmp_path / name)
        assert refused.exit_code == 2
        assert told in refused.stderr
    assert invoke("whatif", run.path).exit_code == 2


def test_what_the_market_does_not_have_is_refused(run: Run) -> None:
    terms = {"buy_amount": 1e6, "sell_currency": "EUR", "sell_amount": 1e6}
    francs = FxForward(
        trade_id="CHF_1",
        netting_set="CP_A",
        buy_currency="XXX",
        settlement_date=np.datetime64("2027-01-15"),
        **terms,
    )
    with pytest.raises(InputErrors, match=r"currency XXX: expected a currency of .*needed by trade CHF_1"):
        pipelines.what_if(run, [francs])
    with pytest.raises(InputErrors, match="trade CHF_1: expected each trade id once"):
        pipelines.what_if(run, [francs, francs])
    with pytest.raises(DomainError, match="measure: expected one of CVA"):
        pipelines.allocation(run, "CP_F").to_frame("MVA")


@pytest.mark.slow
def test_a_longer_trade_moves_before_within_noise_and_says_so(run: Run, tmp_path: Path) -> None:
    """Beyond the run's last date the grid grows, and with it the point set; JSON and folders are read too."""
    row = {
        "trade_id": "LONG", "netting_set": "CP_A", "currency": "EUR", "notional": 1e6, "side": "payer",
        "fixed_rate": 0.03, "index": "EUR-EURIBOR-6M", "start_date": "2026-01-20", "maturity_date": "2050-01-20",
    }  # fmt: skip
    folder = tmp_path / "trades"
    folder.mkdir()
    (folder / "swaps.json").write_text(json.dumps([row]))
    found = pipelines.what_if(run, folder)
    before, own = found.data["before"], found.data["run"]
    error = np.hypot(
        found.data["before_se"], run.xva["xva_se"].sel(netting_set="CP_A", measure=before["measure"])
    )
    assert float(abs(before - own).max()) > 0.0
    assert np.all(abs(before - own) < 4.0 * error.values)
    assert found.same_paths is False
    shown = " ".join(invoke("whatif", run.path, folder).stdout.split())
    assert "by Monte Carlo noise" in shown


def test_an_unfinished_run_will_do(run: Run, new_swaps: Path, tmp_path: Path) -> None:
    half = tmp_path / run.path.name
    shutil.copytree(run.path, half)
    shutil.rmtree(half / "xva.zarr")
    (half / "COMPLETE.json").unlink()
    found = pipelines.what_if(half, new_swaps)
    assert found.same_paths is None
    assert np.isnan(found.data["run"]).all()
    console = Console(width=80)
    with console.capture() as shown:
        console.print(found.table())
    assert "nothing to compare" in shown.get()
