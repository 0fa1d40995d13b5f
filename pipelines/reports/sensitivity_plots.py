"""Figures of sensitivities: ladders, heat maps, how much a hedge removes.

Figures belong to nobody: no pyplot state is touched, `Figure.savefig` writes them and a notebook shows them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from pipelines.results.hedge import Hedge
from pipelines.results.sensitivities import Sensitivities
from pipelines.results.tenors import ordered
from xva.errors import DomainError

UP, DOWN, BEFORE, AFTER = "tab:red", "tab:blue", "tab:gray", "tab:green"
_ERRORS: Final = 2.0  # standard errors shown
_ACROSS: Final = 3  # panels
_LINEAR: Final = 0.02  # share of the largest value below which a colour is proportional
_THOUSANDS: Final = 10_000.0  # from which on a cell says k and M
_STRONG: Final = 0.35  # share of the colour scale from which on numbers are white


def plot_ladder(sensitivities: Sensitivities, title: str = "") -> Figure:
    """One panel of bars by tenor for each curve, on one scale; lines are two standard errors.

    Raises
    ------
    DomainError
        Several measures or netting sets, or quotes of different shifts.
    """
    grid, unit = _grid(sensitivities)
    curves = [str(c) for c in grid["curve"].values]
    tenors = [str(t) for t in grid["tenor"].values]
    across = min(len(curves), _ACROSS)
    down = -(-len(curves) // across)
    figure = Figure(figsize=(3.6 * across + 0.6, 2.4 * down + 0.7), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for axes, curve in zip(panels.flat, curves, strict=False):
        value, error = (grid[n].sel(curve=curve).values for n in ("value", "standard_error"))
        colors = [UP if v > 0 else DOWN for v in np.nan_to_num(value)]
        axes.bar(tenors, np.nan_to_num(value), 0.75, color=colors, alpha=0.85)
        axes.errorbar(tenors, value, _ERRORS * error, fmt="none", ecolor="black", elinewidth=0.9, capsize=1.5)
        axes.set_title(curve, fontsize=10, loc="left")
        _plain(axes)
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(curves) - across) : len(curves)]:
        axes.tick_params(axis="x", labelbottom=True, rotation=90)
    figure.supylabel(f"{sensitivities.units} per {unit}", fontsize=9)
    figure.suptitle(title or _title(sensitivities), x=0.01, ha="left", fontsize=11)
    return figure


def plot_heat_map(sensitivities: Sensitivities, title: str = "") -> Figure:
    """Curves by tenors; the colour is logarithmic in size, the numbers are what they are.

    Raises
    ------
    DomainError
        Several measures or netting sets, or quotes of different shifts.
    """
    grid, unit = _grid(sensitivities)
    values = grid["value"].transpose("curve", "tenor").values
    largest = float(np.nanmax(np.abs(values)))
    norm = SymLogNorm(_LINEAR * largest or 1.0, vmin=-largest or -1.0, vmax=largest or 1.0)
    rows, columns = values.shape
    figure = Figure(figsize=(0.72 * columns + 2.4, 0.42 * rows + 1.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.ma.masked_invalid(values), cmap="RdBu_r", norm=norm, aspect="auto")
    axes.set_facecolor("0.96")
    for r, k in np.argwhere(np.isfinite(values)):
        strong = abs(norm(values[r, k]) - 0.5) > _STRONG
        color = "white" if strong else "black"
        axes.text(k, r, _cell(values[r, k]), ha="center", va="center", fontsize=8, color=color)
    axes.set_xticks(range(columns), [str(t) or "spot" for t in grid["tenor"].values], rotation=90, fontsize=8)
    axes.set_yticks(range(rows), [str(c) for c in grid["curve"].values], fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(
        f"{title or _title(sensitivities)}: {sensitivities.units} per {unit}", loc="left", fontsize=11
    )
    return figure


def plot_hedge(hedge: Hedge, title: str = "") -> Figure:
    """What is left by number of instruments, and our result on the paths before and after."""
    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1.0))
    frame = hedge.to_frame()
    count = np.arange(len(frame) + 1)
    for column, color, label in (
        ("ladder_left", BEFORE, "length of the ladder"),
        ("variance_left", AFTER, "variance on the paths"),
    ):
        left.plot(count, [1.0, *frame[column]], "o-", color=color, ms=4, lw=1.3, label=label)
    left.set_xticks(
        count, ["nothing", *(_short(str(i)) for i in frame.index)], rotation=60, ha="right", fontsize=7
    )
    left.yaxis.set_major_formatter(PercentFormatter(1.0))
    left.set_ylim(bottom=0.0)
    left.set_ylabel("left, of the unhedged")
    left.legend(frameon=False)
    left.set_title("With each instrument and those before it", loc="left", fontsize=10)
    found = hedge.results()
    low, high = (float(found["before"].quantile(q)) for q in (0.002, 0.998))
    bins = np.linspace(low, high, 60).tolist()
    for column, color in (("before", BEFORE), ("after", AFTER)):
        sd = float(found[column].std())
        right.hist(
            found[column], bins, color=color, alpha=0.6, label=f"{column}: sd {EngFormatter(places=1)(sd)}"
        )
    right.xaxis.set_major_formatter(EngFormatter())
    right.set_xlabel(f"first-order result to {hedge.moves.date} [{hedge.sensitivities.units}]")
    right.set_ylabel("paths")
    right.legend(frameon=False)
    right.set_title(f"Variance removed: {hedge.variance_removed:.1%}", loc="left", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    named = f"{hedge.sensitivities.measure} of {hedge.sensitivities.netting_set}"
    figure.suptitle(title or f"Hedge of {named}", x=0.01, ha="left", fontsize=11)
    return figure


def _grid(sensitivities: Sensitivities) -> tuple[xr.Dataset, str]:
    """``value`` and ``standard_error`` ``(curve, tenor)``, tenors in order, and the shift they are per."""
    frame = sensitivities.to_frame()
    shifts = list(dict.fromkeys(frame["shift_name"]))
    several = [n for n in ("measure", "netting_set") if frame[n].nunique() > 1]
    if several or len(shifts) != 1:
        got = [f"several {n.replace('_', ' ')}s" for n in several] + (
            [", ".join(shifts)] if len(shifts) != 1 else []
        )
        raise DomainError(
            f"a picture: expected one measure, one netting set (or the total) and one kind of shift, got {'; '.join(got)}; "
            f"choose a family"
        )
    grid = sensitivities.by("curve", "tenor")
    order = ordered([str(t) for t in grid["tenor"].values], sensitivities.as_of).categories
    return grid.assign_coords(tenor=grid["tenor"].astype(str)).sel(tenor=pd.Index(order)), shifts[0]


def _plain(axes: Axes) -> None:
    axes.axhline(0.0, color="black", lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.tick_params(labelsize=8)


def _cell(value: float) -> str:
    if abs(value) < _THOUSANDS:
        return f"{round(value) + 0:,d}"
    return EngFormatter(places=1, sep="")(value)


def _title(sensitivities: Sensitivities) -> str:
    where = "in total" if sensitivities.netting_set == "TOTAL" else f"of {sensitivities.netting_set}"
    return f"{sensitivities.measure} {where}"


def _short(quote_id: str) -> str:
    """A quote's id without what a reader can do without."""
    parts = quote_id.split("/")
    return " ".join([parts[0].removesuffix("_SWAP").replace("_", " "), *parts[2:]])
