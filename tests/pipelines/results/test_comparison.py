"""Today's run beside yesterday's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pipelines.results.comparison import Comparison
from pipelines.results.run import open_run
from tests.support.made_run import make_run
from xva.errors import DomainError


def quoted(results: xr.Dataset, factor: float) -> xr.Dataset:
    values = factor * np.array([0.02, 0.01, 1.1, 0.008, 0.4])
    return results.assign_coords(quote_value=("quote", values))


def test_measures_change_by_their_difference(tmp_path: Path, finished: Path, results: xr.Dataset) -> None:
    before = results.assign(xva=0.9 * results["xva"], total=0.9 * results["total"])
    other = open_run(make_run(tmp_path / "before", before, blocks=2, finished=True))
    frame = open_run(finished).compare(other).to_frame()
    for name in ("CP_A", "CP_B", "CP_C"):
        one = results.sel(netting_set=name, measure="DVA")
        row = frame.loc[name, "DVA"]
        assert row["change"] == pytest.approx(0.1 * float(one["xva"]))
        assert row["change_se"] == pytest.approx(np.sqrt(2.0) * float(one["xva_se"]))
    assert frame.loc[("TOTAL", "CVA"), "change"] == pytest.approx(
        0.1 * float(results["total"].sel(measure="CVA"))
    )
    assert frame.loc[("TOTAL", "value"), "change"] == 0.0


def test_other_netting_sets_and_quotes_are_kept_and_told(results: xr.Dataset) -> None:
    now = quoted(results, 1.0).isel(netting_set=[0, 1], quote=[0, 1, 2, 3])
    then = quoted(results, 0.9).isel(netting_set=[1, 2], quote=[1, 2, 3, 4])
    found = Comparison(now, then)
    frame = found.to_frame()
    assert np.isnan(frame.loc[("CP_A", "CVA"), "before"])
    assert np.isnan(frame.loc[("CP_C", "CVA"), "today"])
    assert np.isfinite(frame.loc[("CP_B", "CVA"), "change"])
    table = found.sensitivities("CVA")
    assert set(table.index) == set(results["quote"].values)
    assert table.loc["IR_SWAP/RATE/EUR/2D/1D/10Y", "only_in"] == "today"
    assert table.loc["RECOVERY_RATE/RATE/CPTY_A/SR/EUR", "only_in"] == "before"
    assert (table.loc[["FX/RATE/EUR/USD", "CDS/CREDIT_SPREAD/CPTY_A/SR/EUR/5Y"], "only_in"] == "").all()


def test_moves_of_quotes_explain_to_first_order(results: xr.Dataset) -> None:
    table = Comparison(quoted(results, 1.0), quoted(results, 0.9)).sensitivities("CVA", "CP_B")
    derivative = results["sensitivity"].sel(measure="CVA", netting_set="CP_B").to_series()
    assert table.loc["FX/RATE/EUR/USD", "move"] == pytest.approx(0.11)
    expected = derivative.reindex(table.index) * table["move"]
    np.testing.assert_allclose(table["explained"], expected)
    assert table["explained"].abs().is_monotonic_decreasing
    assert (table["change"] == 0.0).all()


def test_without_quoted_values_nothing_is_explained(results: xr.Dataset) -> None:
    table = Comparison(results, results).sensitivities("CVA")
    assert table["explained"].isna().all()
    assert (table["today"] == table["before"]).all()


def test_other_currencies_are_refused(results: xr.Dataset) -> None:
    with pytest.raises(DomainError, match="one reporting currency, got EUR and USD"):
        Comparison(results, results.assign_attrs(units="USD"))
