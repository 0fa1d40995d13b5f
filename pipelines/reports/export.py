"""CSV reports with ORE's names, so that a risk team can lay them beside its own.

``xva.csv``, ``exposure_nettingset_<name>.csv``, ``reconciliation.csv`` and ``sensitivity.csv``, of a stress run
``stress.csv``; columns that
ORE does not have (standard errors) come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from pipelines.results.reconciliation import reconciliation_report
from pipelines.results.run import Run
from pipelines.results.tables import truncated, value_errors
from pipelines.storage.layout import safe_name
from xva.adjustments.registry import MEASURES
from xva.errors import StoreError
from xva.profiles import profiles

_ADJUSTMENTS: Final = tuple(sorted(MEASURES))
_VARIANTS: Final = {
    "FBAexOwnSP": ("FBA", "ex_own"),
    "FCAexOwnSP": ("FCA", "ex_own"),
    "FBAexAllSP": ("FBA", "ex_all"),
    "FCAexAllSP": ("FCA", "ex_all"),
}
_TWO_DECIMALS: Final = "%.2f"


def export_csv(run: Run, folder: Path) -> tuple[Path, ...]:
    """Write the reports of a finished run.

    Parameters
    ----------
    run : Run
    folder : path
        Made if missing; files of the same names are replaced.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    StoreError
        The run is not finished, or the folder cannot be written.
    """
    results = run.xva.load()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: expected a folder for the reports, got {error.strerror}") from error
    if run.is_stress:
        return (_write(run.stress.report(), folder / "stress.csv"),)
    written = [_write(xva_report(results), folder / "xva.csv")]
    for name, frame in exposure_reports(results):
        file = folder / f"exposure_nettingset_{safe_name(name, 'netting set')}.csv"
        written.append(_write(frame, file, {"Time": "%.6f"}))
    if "trade_value" in results:
        report = reconciliation_report(results)
        written.append(_write(report, folder / "reconciliation.csv", {"QuotedVol": "%.6f"}))
    if "sensitivity" in results:
        written.append(
            _write(sensitivity_report(results), folder / "sensitivity.csv", {}, float_format="%.10g")
        )
    return tuple(written)


def xva_report(results: xr.Dataset) -> pd.DataFrame:
    """Columns of ORE's ``xva.csv`` that are computed, one row per netting set; ``TradeId`` is empty.

    FCA and FBA without survivals have the bracket of the run's own: ``spread``, otherwise ORE's.
    """
    frame = pd.DataFrame({"TradeId": "", "NettingSetId": results["netting_set"].values})
    adjustments = results[["xva", "xva_se"]].rename(xva="value", xva_se="error")
    variants = results[["xva_variant", "xva_variant_se"]].rename(xva_variant="value", xva_variant_se="error")
    columns = {m: adjustments.sel(measure=m) for m in _ADJUSTMENTS}
    form = "spread" if str(results.attrs["funding"]).startswith("spread") else "curve"
    columns |= {
        title: variants.sel(variant=f"{measure} {form}_{without}")
        for title, (measure, without) in _VARIANTS.items()
    }
    return frame.assign(
        **{title: column["value"].values for title, column in columns.items()},
        BaselEPE=[_basel_epe(results.sel(netting_set=name)) for name in results["netting_set"].values],
        BaselEEPE=results["eepe"].values,
        **{f"{title}SE": column["error"].values for title, column in columns.items()},
        NPV=results["value0"].values,
        NPVSE=value_errors(results)[0],
        Truncated=[_truncated(results, str(name)) for name in results["netting_set"].values],
    )


def _truncated(results: xr.Dataset, netting_set: str) -> str:
    """Measures that were below zero by noise and are shown as 0, with what they were."""
    found = [(m, x) for (m, n), x in truncated(results).items() if n == netting_set]
    return "; ".join(f"{measure} {value:.2f}" for measure, value in found)


def _basel_epe(one: xr.Dataset) -> float:
    times = one["year_fraction"].values
    life = profiles.maturity((one["epe"] + one["ene"]).values, times)
    return float(profiles.epe_basel(one["ee"].values, times, life)) if life > 0 else 0.0


def exposure_reports(results: xr.Dataset) -> Iterator[tuple[str, pd.DataFrame]]:
    """Columns of ORE's ``exposure_nettingset_*.csv`` for each netting set.

    ExpectedCollateral is 0 (no CSA yet); PFE is empty where the run kept no cube.
    """
    times = results["year_fraction"].values
    for name in results["netting_set"].values:
        one = results.sel(netting_set=name)
        ee = one["ee"].values
        frame = pd.DataFrame({"NettingSet": name, "Date": one["time"].dt.strftime("%Y-%m-%d").values})
        frame["Time"] = times
        frame["EPE"], frame["ENE"] = one["epe"].values, one["ene"].values
        frame["PFE"] = one["pfe"].values if "pfe" in one else np.nan
        frame["ExpectedCollateral"] = 0.0
        frame["BaselEE"], frame["BaselEEE"] = ee, profiles.eee(ee)
        frame["TimeWeightedBaselEPE"] = profiles.running_average(ee, times)
        frame["TimeWeightedBaselEEPE"] = profiles.running_average(profiles.eee(ee), times)
        frame["EPESE"], frame["ENESE"] = one["epe_se"].values, one["ene_se"].values
        yield str(name), frame


def sensitivity_report(results: xr.Dataset) -> pd.DataFrame:
    """ORE's sensitivity columns: one row per measure, netting set and quote; Delta is per ``ShiftSize_1``."""
    chosen = results[["sensitivity", "sensitivity_se"]].transpose("measure", "netting_set", "quote")
    index = pd.MultiIndex.from_product(
        [chosen[d].values for d in ("measure", "netting_set", "quote")],
        names=["Measure", "NettingSetId", "Factor_1"],
    )
    shift = np.broadcast_to(results["shift"].values, chosen["sensitivity"].shape).ravel()
    frame = index.to_frame(index=False)
    frame["ShiftSize_1"], frame["Currency"] = shift, str(results.attrs.get("units", ""))
    frame["Delta"] = chosen["sensitivity"].values.ravel() * shift
    frame["DeltaSE"] = chosen["sensitivity_se"].values.ravel() * np.abs(shift)
    return frame[frame["Delta"] != 0.0]


def _write(
    frame: pd.DataFrame, file: Path, formats: dict[str, str] | None = None, float_format: str = _TWO_DECIMALS
) -> Path:
    text = frame.assign(
        **{c: frame[c].map(f.__mod__, na_action="ignore") for c, f in (formats or {}).items()}
    )
    first = text.columns[0]
    text.rename(columns={first: f"#{first}"}).to_csv(file, index=False, float_format=float_format)
    return file
