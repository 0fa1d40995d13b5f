"""Figures of surrogates: against nested Monte Carlo, exposure profiles with their band, errors by date.

Figures belong to nobody: no pyplot state is touched, `Figure.savefig` writes them and a notebook shows them.
"""

from __future__ import annotations

from typing import Final

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from surrogates.certificate import Certificate, Evidence

LEARNED, NESTED, ALLOWED = "tab:blue", "black", "tab:green"
VERDICTS: Final = {
    "pass": "tab:green",
    "fail": "tab:red",
    "undecided": "tab:orange",
    "reported": "tab:gray",
}
_ERRORS: Final = 2.0  # standard errors shown
_FAR: Final = 10.0  # tolerances, from which on an error would hide the others
_NAMES: Final = {
    "value": "value, root mean square\n[% of its sd]",
    "gradient": "gradient, root mean square\n[% of its size]",
    "near zero": "mean within ±0.1 sd of 0\n[% of the value's sd]",
    "EPE": "EPE, plug-in\n[% of mean |value|]",
    "ENE": "ENE, plug-in\n[% of mean |value|]",
    "indicator EPE": "EPE and ENE, indicator\n[% of mean |value|]",
    "outside": "outside the domain\n[% of states]",
}


def plot_against_nested(evidence: Evidence, currency: str, title: str = "") -> Figure:
    """A surrogate's values against nested ones, and what is between them, on one date.

    Error bars are two standard errors of the nested values; the band is ±0.1 sd, where the sign is decided.
    """
    figure, (above, below) = _axes(2, 1, (7.5, 7.0), heights=(2.0, 1.0))
    values, near = evidence.values, evidence.near
    for part, marker, color, label in (
        (values, "o", LEARNED, "fresh states"),
        (near, "s", "tab:purple", "more states near zero"),
    ):
        if len(part):
            x, y, error = (z.numpy() for z in (part.learned, part.nested, part.error))
            bars = _ERRORS * error
            above.errorbar(x, y, bars, fmt=marker, ms=3.5, lw=0.9, color=color, label=f"{len(part)} {label}")
            below.errorbar(x, y - x, bars, fmt=marker, ms=3.5, lw=0.9, color=color)
    ends = np.array([float(values.learned.min()), float(values.learned.max())])
    above.plot(ends, ends, color=NESTED, lw=0.8, label="nested = surrogate")
    below.axhline(0.0, color=NESTED, lw=0.8)
    for axes in (above, below):
        axes.axvspan(-0.1 * evidence.deviation, 0.1 * evidence.deviation, color="tab:gray", alpha=0.15, lw=0)
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.yaxis.set_major_formatter(EngFormatter())
    above.set_ylabel(f"nested Monte Carlo [{currency}]")
    below.set_ylabel(f"nested - surrogate [{currency}]")
    below.set_xlabel(f"surrogate's deflated value [{currency}]; shaded: within 0.1 sd of zero")
    above.legend(frameon=False)
    above.set_title(f"{title or 'Surrogate against nested Monte Carlo'}, {evidence.day}", loc="left")
    return figure


def plot_exposure(certificate: Certificate, title: str = "") -> Figure:
    """EPE above zero and ENE below by date: the surrogate's, and the band in which nested Monte Carlo sees the true one."""
    figure, (axes,) = _axes(1, 1, (8.5, 4.5))
    frame = certificate.profiles()
    days = frame.index
    for side, name in ((1.0, "epe"), (-1.0, "ene")):
        first = name == "epe"
        middle, low, high = (side * frame[f"{name}{end}"].to_numpy() for end in ("", "_low", "_high"))
        if len(days) > 1:
            axes.fill_between(days, low, high, color=NESTED, alpha=0.15, lw=0)
        axes.errorbar(
            days, middle, np.abs(np.array([middle - low, high - middle])), fmt="o", ms=3.0, lw=0.9, color=NESTED,
            label=f"nested, {100 * certificate.level:.0f} % interval" if first else None,
        )  # fmt: skip
        for column, dash, label in (("plug_in", "-", "plug-in value"), ("indicator", "--", "indicator")):
            found = side * frame[f"{name}_{column}"]
            shown = f"surrogate, {label}" if first else None
            axes.plot(
                days, found, dash, color=LEARNED, lw=1.4, label=shown, marker="" if len(days) > 1 else "D"
            )
    axes.axhline(0.0, color=NESTED, lw=0.6)
    axes.set_ylabel(f"EPE (up) and -ENE (down), discounted [{certificate.currency}]")
    axes.yaxis.set_major_formatter(EngFormatter())
    _dates(axes, days)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    axes.set_title(title or "Exposure profile", loc="left")
    return figure


def plot_certificate(certificate: Certificate, title: str = "") -> Figure:
    """Every relative error by date with its confidence interval and what is accepted, one panel per measure."""
    frame = certificate.to_frame()
    frame = frame[frame["date"].notna() & (frame["scale"] > 0.0)]
    shown = [name for name in _NAMES if name in set(frame["measure"])]
    rows = (len(shown) + 1) // 2
    figure, panels = _axes(rows, 2, (10.0, 0.6 + 2.3 * rows))
    for axes, name in zip(panels, shown, strict=False):
        part = frame[frame["measure"] == name]
        allowed = part["relative_tolerance"]
        if allowed.notna().any():
            signed = bool((part["relative_low"] < 0.0).any())
            for side in (1.0, -1.0) if signed else (1.0,):
                axes.plot(part["date"], side * allowed, color=ALLOWED, lw=1.0, ls="--")
            if part["relative_error"].abs().max() > _FAR * allowed.max() > 0.0:
                axes.set_yscale("symlog", linthresh=float(allowed.max()))
        for verdict, color in VERDICTS.items():
            rest = part[part["verdict"] == verdict]
            middle = rest["relative_error"].to_numpy()
            reach = [middle - rest["relative_low"].to_numpy(), rest["relative_high"].to_numpy() - middle]
            axes.errorbar(
                rest["date"], middle, np.clip(np.array(reach), 0.0, None), fmt="o", ms=3.5, lw=1.0, color=color,
                label=verdict,
            )  # fmt: skip
        axes.axhline(0.0, color=NESTED, lw=0.6)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylabel(_NAMES[name], fontsize=8)
        axes.tick_params(labelsize=8)
        _dates(axes, pd.Index(frame["date"].unique()))
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    panels[len(shown) - 2].tick_params(labelbottom=True)
    handles = list(panels[0].get_legend_handles_labels()[0])
    used = [v for v in VERDICTS if v in set(frame["verdict"])]
    figure.legend(
        [handles[list(VERDICTS).index(v)] for v in used], used, loc="upper right", ncols=len(used), frameon=False
    )  # fmt: skip
    figure.suptitle(
        f"{title or 'Certificate'}: {certificate.verdict}; dashed: tolerance", x=0.01, ha="left", fontsize=11
    )
    return figure


def _axes(
    rows: int, columns: int, size: tuple[float, float], heights: tuple[float, ...] | None = None
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False, height_ratios=heights)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, list(grid.flat)


def _dates(axes: Axes, days: pd.Index) -> None:
    if len(days) < 2:  # a locator finds no interval to divide
        axes.set_xticks(days, [f"{day:%Y-%m-%d}" for day in days])
        return
    locator = mdates.AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
