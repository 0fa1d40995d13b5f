"""CSV reports with ORE's names, so that a risk team can lay them beside its own.

``xva.csv``, ``exposure_nettingset_<name>.csv`` and ``sensitivity.csv``; columns that ORE does not have
(standard errors) come last.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from pipelines.results.run import Run
from pipelines.storage.layout import safe_name
from xva.errors import StoreError
from xva.exposure import profiles

_ADJUSTMENTS: Final = ("CVA", "DVA", "FBA", "FCA")
_VARIANTS: Final = {
    "FBAexOwnSP": "fba_ex_own",
    "FCAexOwnSP": "fca_ex_own",
    "FBAexAllSP": "fba_ex_all",
    "FCAexAllSP": "fca_ex_all",
}
_TWO_DECIMALS: Final = "%.2f"


def export_csv(run: Run, folder: Path, pfe_quantile: float = 0.95) -> tuple[Path, ...]:
    """Write the reports of a finished run.

    Parameters
    ----------
    run : Run
    folder : path
        Made if missing; files of the same names are replaced.
    pfe_quantile : float
        Quantile of the PFE column; PFE is left empty where the run kept no cube.

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
    written = [_write(xva_report(results), folder / "xva.csv")]
    for name, frame in exposure_reports(run, results, pfe_quantile):
        file = folder / f"exposure_nettingset_{safe_name(name, 'netting set')}.csv"
        written.append(_write(frame, file, {"Time": "%.6f"}))
    if "sensitivity" in results:
        written.append(
            _write(sensitivity_report(results), folder / "sensitivity.csv", {}, float_format="%.10g")
        )
    return tuple(written)


def xva_report(results: xr.Dataset) -> pd.DataFrame:
    """Columns of ORE's ``xva.csv`` that are computed, one row per netting set; ``TradeId`` is empty."""
    frame = pd.DataFrame({"TradeId": "", "NettingSetId": results["netting_set"].values})
    values = {m: results["xva"].sel(measure=m).values for m in _ADJUSTMENTS}
    errors = {m: results["xva_se"].sel(measure=m).values for m in _ADJUSTMENTS}
    variants = {title: name for title, name in _VARIANTS.items() if name in results}
    values |= {title: results[name].values for title, name in variants.items()}
    errors |= {title: results[f"{name}_se"].values for title, name in variants.items()}
    ee, times = results["ee"].transpose("time", "netting_set").values, results["year_fraction"].values
    basel = {"BaselEPE": profiles.epe_basel, "BaselEEPE": profiles.eepe}
    return frame.assign(
        **values,
        **{title: average(ee, times, times[-1]) for title, average in basel.items()},
        **{f"{title}SE": error for title, error in errors.items()},
    )


def exposure_reports(
    run: Run, results: xr.Dataset, pfe_quantile: float
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Columns of ORE's ``exposure_nettingset_*.csv`` for each netting set; no collateral in this run: 0."""
    pfe = run.cube.xva.pfe(pfe_quantile) if run.manifest.variables else None
    times = results["year_fraction"].values
    for name in results["netting_set"].values:
        one = results.sel(netting_set=name)
        ee = one["ee"].values
        frame = pd.DataFrame({"NettingSet": name, "Date": one["time"].dt.strftime("%Y-%m-%d").values})
        frame["Time"] = times
        frame["EPE"], frame["ENE"] = one["epe"].values, one["ene"].values
        frame["PFE"] = np.nan if pfe is None else pfe.sel(netting_set=name).values
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
    text = frame.assign(**{c: frame[c].map(f.__mod__) for c, f in (formats or {}).items()})
    first = text.columns[0]
    text.rename(columns={first: f"#{first}"}).to_csv(file, index=False, float_format=float_format)
    return file
