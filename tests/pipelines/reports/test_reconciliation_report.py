"""The reconciliation as stored variables, CSV and table."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

from pipelines.reports.export import export_csv
from pipelines.results.reconciliation import as_dataset, reconciliation_report, reconciliation_table
from pipelines.results.run import open_run
from tests.support.made_run import make_run
from xva.exposure.reconciliation.reconciliation import SIMULATED


@pytest.fixture
def table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "netting_set": ["CP_A", "CP_A", "CP_B"],
            "type": ["swaps", "fx_options", "fx_options"],
            "value": [1000.0, 20.0, -5.0],
            "booked_value": [900.0, np.nan, -5.5],
            "quoted_vol": [np.nan, 0.1, np.nan],
            "quoted_vol_value": [np.nan, 21.0, np.nan],
            "value_se": [0.0, 0.0, 0.0],
            "note": ["", "", "no volatility quoted for GBP/USD; the model's is 6.86 %"],
        },
        pd.Index(["IRS_1", "FXO_1", "FXO_2"], name="trade_id"),
    )
    frame["difference"] = frame["value"] - frame["booked_value"]
    frame["model_minus_quoted"] = frame["value"] - frame["quoted_vol_value"]
    return frame


def test_csv_of_a_run(tmp_path: Path, results: xr.Dataset, table: pd.DataFrame) -> None:
    run = open_run(make_run(tmp_path / "run", results.merge(as_dataset(table)), blocks=2, finished=True))
    files = {file.name: file for file in export_csv(run, tmp_path / "out")}
    report = pd.read_csv(files["reconciliation.csv"], index_col="#TradeId")
    assert list(report.columns[:4]) == ["TradeType", "NettingSet", "NPV(Base)", "BookedValue"]
    assert report.loc["IRS_1", "Difference"] == 100.0
    assert report.loc["FXO_1", "QuotedVol"] == 0.1
    assert report.loc["FXO_1", "ModelMinusQuoted"] == -1.0
    assert np.isnan(report.loc["FXO_2", "QuotedVolValue"])
    assert "nan" not in files["reconciliation.csv"].read_text()
    assert report.loc["FXO_2", "Note"].startswith("no volatility quoted for GBP/USD")


def test_a_run_of_before_has_no_such_report(finished: Path, tmp_path: Path) -> None:
    assert "reconciliation.csv" not in {f.name for f in export_csv(open_run(finished), tmp_path / "out")}


def test_report_keeps_every_trade(table: pd.DataFrame) -> None:
    report = reconciliation_report(as_dataset(table))
    assert list(report["TradeId"]) == list(table.index)
    np.testing.assert_array_equal(report["NPV(Base)"], table["value"])


@pytest.mark.parametrize("width", [90, 120])
def test_table_shows_the_largest_first(table: pd.DataFrame, width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(reconciliation_table(table, "EUR"))
    shown = out.getvalue()
    assert "2 of 3 trades booked, 1 options with a quoted volatility" in " ".join(shown.split())
    assert "1 options not compared" in shown
    assert shown.index("IRS_1") < shown.index("FXO_2") < shown.index("FXO_1")
    assert "…" not in shown


def test_table_of_a_book_without_booked_values(table: pd.DataFrame) -> None:
    table[["booked_value", "difference"]] = np.nan
    out = io.StringIO()
    Console(file=out, width=100).print(reconciliation_table(table, "EUR"))
    assert "0 of 3 trades booked" in out.getvalue()


def test_simulated_trades_have_their_error_in_table_and_csv(
    tmp_path: Path, results: xr.Dataset, table: pd.DataFrame
) -> None:
    table.loc["BERM", ["netting_set", "type", "value", "value_se", "note"]] = [
        "CP_B",
        "bermudan_swaptions",
        300.0,
        1.5,
        SIMULATED,
    ]
    table.loc["AUTO", ["netting_set", "type", "value", "value_se", "note"]] = [
        "CP_B",
        "autocallables",
        -700.0,
        2.0,
        SIMULATED,
    ]
    out = io.StringIO()
    Console(file=out, width=120).print(reconciliation_table(table, "EUR"))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    simulated = [
        line.removeprefix("valued by simulation ")
        for line in lines
        if line.startswith("valued by simulation")
    ]
    assert simulated == ["AUTO CP_B -700 ± 2.00", "BERM CP_B 300 ± 1.50", "sum of 2 -400 ± 2.50"]
    assert "1 options not compared" in out.getvalue()
    run = open_run(make_run(tmp_path / "run", results.merge(as_dataset(table)), blocks=2, finished=True))
    export_csv(run, tmp_path / "out")
    report = pd.read_csv(tmp_path / "out" / "reconciliation.csv", index_col="#TradeId")
    assert report.loc["BERM", ["NPV(Base)", "NPVSE"]].tolist() == [300.0, 1.5]
    assert report.loc["IRS_1", "NPVSE"] == 0.0
