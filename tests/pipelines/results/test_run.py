"""Opening a run: finished, half-finished, and what is no run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from pipelines.results.run import open_run
from xva.errors import DomainError, StoreError


def test_a_finished_run(finished: Path, results: xr.Dataset) -> None:
    run = open_run(finished)
    xr.testing.assert_equal(run.xva.load(), results)
    assert run.blocks_done == 2
    assert run.completion is not None
    assert set(run.profiles) == {"epe", "ene", "pfe", "epe_se", "ene_se", "ee"}
    one = run.cube.sel(netting_set="CP_A").xva
    np.testing.assert_allclose(one.ee(), one.epe() / results["discount"])
    assert one.epe().attrs["paths"] == 16


def test_its_repr_names_it_and_shows_the_numbers(finished: Path, results: xr.Dataset) -> None:
    run = open_run(finished)
    assert repr(run).startswith("<Run demo-")
    assert "finished, 16 paths, seed 42" in repr(run)
    page = run._repr_html_()
    assert "CVA s.e." in page
    assert str(finished) in page
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(run)
    console.file.close()
    assert "Netting set" in console.export_text()


def test_summary_adds_up(finished: Path, results: xr.Dataset) -> None:
    frame = open_run(finished).summary()
    assert frame.loc["TOTAL", "CVA"] == float(results["total"].sel(measure="CVA"))
    assert frame.loc["TOTAL", "value"] == pytest.approx(frame["value"].iloc[:-1].sum())


def test_a_half_finished_run_opens(half: Path) -> None:
    run = open_run(half)
    assert "unfinished, 1 of 2 blocks done" in repr(run)
    assert "unfinished" in run._repr_html_()
    assert run.profiles.attrs["paths"] == 8
    assert np.isfinite(run.profiles["epe"]).all()
    with pytest.raises(StoreError, match=r"1 of 2 blocks done; finish it with 'xva resume .*demo-half'"):
        _ = run.xva


def test_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"expected a file run\.json"):
        open_run(tmp_path)


def test_sensitivities_are_labelled(finished: Path, results: xr.Dataset) -> None:
    table = open_run(finished).sensitivities("CVA")
    frame = table.to_frame()
    assert list(frame.index) == list(results["quote"].values)
    quote = "FX/RATE/EUR/USD"
    derivative = float(results["total_sensitivity"].sel(measure="CVA", quote=quote))
    assert frame.loc[quote, "derivative"] == derivative
    assert frame.loc[quote, "value"] == pytest.approx(derivative * 0.011)
    assert frame.loc[quote, "netting_set"] == "TOTAL"
    assert table.to_xarray()["sensitivity"].dims == ("quote",)
    top = table.top(3)
    assert len(top) == 3
    assert top["value"].abs().is_monotonic_decreasing
    assert "of 5 quotes" in table._repr_html_()


def test_sensitivities_of_a_netting_set(finished: Path, results: xr.Dataset) -> None:
    frame = open_run(finished).sensitivities("DVA", "CP_B").to_frame()
    expected = results["sensitivity"].sel(measure="DVA", netting_set="CP_B")
    np.testing.assert_array_equal(frame["derivative"], expected)


def test_unknown_measures_and_netting_sets_are_named(finished: Path) -> None:
    run = open_run(finished)
    with pytest.raises(DomainError, match="measure: expected one of CVA, DVA, FCA, FBA, FVA, got 'MVA'"):
        run.sensitivities("MVA")
    with pytest.raises(DomainError, match="netting set: expected one of CP_A, CP_B, CP_C, got 'CP_Z'"):
        run.sensitivities("CVA", "CP_Z")
