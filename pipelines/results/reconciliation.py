"""The reconciliation at t = 0 as stored variables, as a CSV report and as a table on the terminal."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from rich import box
from rich.table import Table

from pipelines.results.tables import number
from xva.exposure.reconciliation.reconciliation import SIMULATED
from xva.trades.trade import BROKEN, MATURED

# column of `xva.exposure.reconciliation.reconciliation.reconcile` -> (variable of the results, column of the CSV)
_NAMES: Final = {
    "type": ("trade_type", "TradeType"),
    "netting_set": ("trade_netting_set", "NettingSet"),
    "value": ("trade_value", "NPV(Base)"),
    "booked_value": ("trade_booked_value", "BookedValue"),
    "difference": ("trade_difference", "Difference"),
    "quoted_vol": ("trade_quoted_vol", "QuotedVol"),
    "quoted_vol_value": ("trade_quoted_vol_value", "QuotedVolValue"),
    "model_minus_quoted": ("trade_model_minus_quoted", "ModelMinusQuoted"),
    "value_se": ("trade_value_se", "NPVSE"),
    "note": ("trade_note", "Note"),
}
_LARGEST: Final = 3


def as_dataset(table: pd.DataFrame) -> xr.Dataset:
    """Variables ``trade_value``, ``trade_difference`` … ``(trade,)`` from a reconciliation."""
    variables = {variable: (("trade",), table[column].to_numpy()) for column, (variable, _) in _NAMES.items()}
    return xr.Dataset(variables, {"trade": list(table.index)})


def reconciliation_report(results: xr.Dataset) -> pd.DataFrame:
    """One row per trade of a run's results, with ORE's names where ORE has the column."""
    frame = pd.DataFrame({"TradeId": results["trade"].values})
    columns = {title: results[variable].values for variable, title in _NAMES.values() if variable in results}
    return frame.assign(**columns)


def reconciliation_table(table: pd.DataFrame, currency: str) -> Table:
    """The largest differences from the books and from quoted volatilities, what is simulated, what is not compared."""
    booked, quoted = table.dropna(subset="difference"), table.dropna(subset="quoted_vol_value")
    simulated = table[table["note"].str.startswith(SIMULATED)]
    shown = Table(
        title=f"Value at t = 0, {currency}: {len(booked):,} of {len(table):,} trades booked, "
        f"{len(quoted):,} options with a quoted volatility",
        box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
    )  # fmt: skip
    for title, side in (("Largest", "left"), ("Trade", "left"), ("Netting set", "left")):
        shown.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for title in ("Model", "Compared with", "Difference"):
        shown.add_column(title, justify="right", no_wrap=True)
    sides = (
        ("model - booked", booked, "booked_value", "difference"),
        ("model - quoted vol", quoted, "quoted_vol_value", "model_minus_quoted"),
    )
    for what, frame, other, difference in sides:
        models = _models(frame)
        for name in _largest(frame, difference):
            numbers = [number(float(frame[c].loc[name])) for c in (other, difference)]
            shown.add_row(what, name, str(frame.at[name, "netting_set"]), models[name], *numbers)
        total = [number(float(frame[c].sum())) for c in ("value", other, difference)]
        shown.add_row(what, f"sum of {len(frame):,}", "", *total, end_section=True)
    models = _models(simulated)
    for name in _largest(simulated, "value"):
        shown.add_row(SIMULATED, name, str(simulated.at[name, "netting_set"]), models[name], "", "")
    if len(simulated):
        error = float(np.linalg.norm(simulated["value_se"]))  # each trade has random numbers of its own
        total = [_with_error(float(simulated["value"].sum()), error), "", ""]
        shown.add_row(SIMULATED, f"sum of {len(simulated):,}", "", *total)
    shown.caption, shown.caption_justify = _not_compared(table), "left"
    return shown


def _largest(frame: pd.DataFrame, column: str) -> list[str]:
    order = frame[column].abs().sort_values(ascending=False, kind="stable").index
    return [str(name) for name in order[:_LARGEST]]


def _models(frame: pd.DataFrame) -> dict[str, str]:
    """The model's values by trade, with standard errors where they are simulated."""
    pairs = zip(frame["value"].tolist(), frame["value_se"].tolist())
    return {str(name): _with_error(*pair) for name, pair in zip(frame.index, pairs)}


def _with_error(value: float, error: float) -> str:
    return number(value) + (f" ± {number(error)}" if error > 0.0 else "")


def _not_compared(table: pd.DataFrame) -> str:
    told = table["note"].str.startswith((MATURED, BROKEN, SIMULATED)) | (table["note"] == "")
    count = int((table["quoted_vol_value"].isna() & ~told).sum())
    return f"{count:,} options not compared; the reasons are in the reconciliation's notes" if count else ""
