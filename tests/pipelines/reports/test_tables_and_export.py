"""What people see: terminal tables on any width, CSV with ORE's columns."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

from pipelines.reports.export import export_csv
from pipelines.results.run import open_run
from pipelines.results.sensitivities import Sensitivities
from pipelines.results.tables import XvaTable, number, sensitivity_table
from xva.errors import StoreError

ORE_XVA = "#TradeId,NettingSetId,CVA,DVA,FBA,FCA,"
ORE_EXPOSURE = (
    "#NettingSet,Date,Time,EPE,ENE,PFE,ExpectedCollateral,BaselEE,BaselEEE,"
    "TimeWeightedBaselEPE,TimeWeightedBaselEEPE"
)


def text(renderable: object, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_number_is_cut_on_any_width(results: xr.Dataset, width: int) -> None:
    shown = text(XvaTable(results), width)
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    for value in results["xva"].values.ravel():
        assert number(value / 1e3) in shown
    assert shown.count("±") >= 4 * 5


def test_the_total_shown_is_cva_less_dva_plus_fca(results: xr.Dataset) -> None:
    cva, dva, fca = (float(results["total"].sel(measure=m)) for m in ("CVA", "DVA", "FCA"))
    shown = " ".join(text(XvaTable(results), 100).split())
    assert f"CVA - DVA + FCA = {number(cva - dva + fca)} EUR" in shown


def test_sensitivity_table_names_shift_and_size(results: xr.Dataset) -> None:
    shown = text(sensitivity_table(Sensitivities.select(results, "CVA")), 100)
    assert re.search(r"FX/RATE/EUR/USD\s+1 % relative\s+-?[\d,.]+", shown)
    assert "RECOVERY_RATE" not in shown  # a zero sensitivity is not among the largest


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (1234567.8, "1,234,568"), (-999.4, "-999"), (56.789, "56.8"), (0.0123456, "0.0123")],
)
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


def test_csv_reports_have_ores_columns(finished: Path, results: xr.Dataset, tmp_path: Path) -> None:
    files = {file.name: file for file in export_csv(open_run(finished), tmp_path / "out")}
    assert files["xva.csv"].read_text().startswith(ORE_XVA)
    exposure = files["exposure_nettingset_CP_B.csv"]
    assert exposure.read_text().startswith(ORE_EXPOSURE)
    frame = pd.read_csv(exposure)
    np.testing.assert_allclose(frame["EPE"], results["epe"].sel(netting_set="CP_B"), atol=0.006)
    np.testing.assert_allclose(frame["PFE"], results["pfe"].sel(netting_set="CP_B"), atol=0.006)
    assert list(frame["Date"])[:2] == ["2026-01-15", "2026-07-16"]
    assert frame["BaselEEE"].is_monotonic_increasing
    table = pd.read_csv(files["sensitivity.csv"])
    row = table[(table["#Measure"] == "CVA") & (table["NettingSetId"] == "CP_A")].set_index("Factor_1")
    one = results.sel(measure="CVA", netting_set="CP_A", quote="FX/RATE/EUR/USD")
    assert row.loc["FX/RATE/EUR/USD", "Delta"] == pytest.approx(
        float(one["sensitivity"] * one["shift"]), rel=1e-9
    )


def test_an_unfinished_run_is_not_exported(half: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not finished"):
        export_csv(open_run(half), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_named(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(StoreError, match="expected a folder for the reports"):
        export_csv(open_run(finished), tmp_path / "out")
