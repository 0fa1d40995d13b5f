"""The report's pictures as SVG text that stands inside the page."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
import numpy as np
import xarray as xr
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from pipelines.reports.sensitivity_plots import plot_ladder
from pipelines.results.sensitivities import Sensitivities

EPE, ENE, PFE = "#1f5fa8", "#b3541e", "#5b5b5b"
_ERRORS = 2.0  # standard errors shown
_CURVES, _SMALLEST = 6, 0.01  # panels of a ladder, and share of the largest curve below which there is none


def svg(figure: Figure, title: str) -> Markup:
    """The figure as SVG; ids are made from the title, so that figures on one page do not share them."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": title, "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    size = r'(<svg[^>]*?) width="([^"]*)" height="[^"]*"'
    text = re.sub(size, r'\1 style="--width: \2" role="img" aria-label="@"', text, count=1)
    prefix = re.sub(r"\W+", "-", title)
    text = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", text)
    return Markup(text.replace('aria-label="@"', Markup('aria-label="{}"').format(title), 1))


def exposure(profiles: xr.Dataset, name: str, quantile: str) -> Figure:
    """EPE upwards and ENE downwards with their bands, and PFE, of one netting set."""
    mine = profiles.sel(netting_set=name)
    figure = Figure(figsize=(7.2, 3.1), layout="constrained")
    axes = figure.add_subplot()
    years = mine["year_fraction"].values
    for side, sign, color in (("epe", 1.0, EPE), ("ene", -1.0, ENE)):
        middle = sign * mine[side].values
        band = _ERRORS * np.nan_to_num(mine[f"{side}_se"].values)
        axes.fill_between(years, middle - band, middle + band, color=color, alpha=0.25, lw=0)
        axes.plot(years, middle, color=color, lw=1.4, label=side.upper())
        if f"{side}_plugin" in mine:
            plug_in = sign * mine[f"{side}_plugin"].values
            axes.plot(years, plug_in, color=color, lw=0.8, ls=":", label=f"{side.upper()}, plug-in")
    if "pfe" in mine:
        axes.plot(years, mine["pfe"].values, color=PFE, lw=0.9, ls="--", label=f"PFE {quantile}")
    axes.axhline(0.0, color="black", lw=0.6)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("years")
    axes.set_title(name, loc="left")
    axes.legend(frameon=False, fontsize=8, ncols=5, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return figure


def ladders(results: xr.Dataset, measure: str, count: int) -> dict[str, Figure]:
    """By family, ladders by tenor of the families of quotes that move a measure most, each with its largest curves."""
    if "total_sensitivity" not in results:
        return {}
    per_shift = (results["total_sensitivity"].sel(measure=measure) * results["shift"]).to_series().abs()
    families = results["quote_family"].to_series()
    with_tenor = results["quote_tenor"].to_series() != ""
    size = per_shift[with_tenor].groupby(families[with_tenor]).sum().sort_values(ascending=False)
    found = {}
    curves = results["quote_curve"].to_series()
    for family in size.index[size > 0.0][:count]:
        mine = per_shift[families == family]
        by_curve = mine.groupby(curves[mine.index]).sum().sort_values(ascending=False)
        kept = [str(c) for c in by_curve.index[by_curve > _SMALLEST * by_curve.max()][:_CURVES]]
        chosen = Sensitivities.select(results, measure, family=str(family), curve=kept)
        found[str(family)] = plot_ladder(chosen, f"{measure}: {family}")
    return found
