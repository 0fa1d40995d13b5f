"""Our profile definitions on the exposure reports of ORE's own examples (``make test-ore-examples``)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.places import ROOT
from xva.adjustments import cva
from xva.profiles import profiles

pytestmark = pytest.mark.ore_examples

FOLDER = Path(os.environ.get("ORE_EXAMPLES", ROOT.parent / "shared/ore_examples"))


@pytest.mark.parametrize("case", ["swap", "fx"])
def test_basel_columns_of_the_reports(case: str) -> None:
    report = pd.read_csv(FOLDER / f"Exposure/Output/{case}/exposure_nettingset_CPTY_A.csv")
    times, ee = report["Time"].to_numpy(), report["BaselEE"].to_numpy()
    np.testing.assert_allclose(profiles.eee(ee), report["BaselEEE"], atol=0.01)
    ours = profiles.running_average(ee, times)
    inside = report["TimeWeightedBaselEPE"].to_numpy() > 0  # ORE stops the averages at the last exposure
    np.testing.assert_allclose(ours[inside], report["TimeWeightedBaselEPE"][inside], rtol=1e-5)
    effective = profiles.running_average(profiles.eee(ee), times)
    np.testing.assert_allclose(effective[inside], report["TimeWeightedBaselEEPE"][inside], rtol=1e-5)


@pytest.mark.parametrize("case", ["swap", "fx"])
def test_cva_from_the_report_and_the_bootstrapped_curve(case: str) -> None:
    """ORE's survivals are reported monthly; between them ours are log-linear, hence the tolerance."""
    output = FOLDER / f"Exposure/Output/{case}"
    report, curves = (
        pd.read_csv(output / "exposure_nettingset_CPTY_A.csv"),
        pd.read_csv(output / "curves.csv"),
    )
    days = [pd.to_datetime(frame["Date"]).to_numpy("datetime64[D]") for frame in (report, curves)]
    grid, pillars = ((d - days[0][0]).astype(float) / 365.0 for d in days)
    logs = np.interp(grid, np.append(0.0, pillars), np.append(0.0, np.log(curves["CPTY_A"])))
    got = cva(grid, torch.tensor(report["EPE"].to_numpy()), torch.from_numpy(np.exp(logs)), None, 0.6)
    expected = pd.read_csv(output / "xva.csv")["CVA"][0]
    assert got.item() == pytest.approx(expected, rel=1e-3)
