"""A stress run's results: tables for people, labelled arrays for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from pipelines.results.sensitivities import TOTAL
from pipelines.results.tables import SHOWN, number, truncation_on
from pipelines.storage.results import plottable
from xva.errors import DomainError

STRESS: Final = "stress"
"""Key of a stress run's scenarios in its identity."""
REUSED: Final = "reused, not certified"
APPROXIMATION: Final = (
    "approximation: surrogates and exercise policies of the base market, not certified here; "
    "the ± leaves out their error"
)
_ANEW: Final = "run with --surrogates anew for numbers without it"
_CUBE: Final = ("value", "exposure")
_REPORT: Final = (
    "Scenario", "NettingSetId", "Measure", "Base", "Stressed", "StressedError", "Change", "ChangeError", "Percent",
    "Reason", "Approximation", "ReusedError", "ReusedErrorSE", "ReusedErrorPercent",
)  # fmt: skip
_COLUMNS: Final = ("base", "stressed", "stressed_se", "change", "change_se")
_SAME: Final = 1e-9
_ERRORS: Final = ("reused_error", "reused_error_se")


@dataclass(frozen=True)
class Stress:
    """Base, stressed and change of every measure by scenario, of one netting set or in total.

    Parameters
    ----------
    results : Dataset
        Of a stress run, dims ``scenario, measure, netting_set, time``.
    """

    results: xr.Dataset

    def to_frame(
        self, measure: str | None = None, netting_set: str | None = None, scenario: str | None = None
    ) -> pd.DataFrame:
        """One row per scenario and measure: base, stressed, change, standard errors, change in percent of the base.

        ``change_se`` is the error of the change itself, on common random numbers. A scenario that could not be computed
        has NaN, and says why in ``reason``. Where surrogates were reused, ``reused_error`` is what that makes of the stressed
        measure (also in per cent of it), measured against surrogates learned on the scenario's market; subtract it.

        Raises
        ------
        DomainError
            An unknown measure, netting set or scenario; the message lists the known ones.
        """
        chosen = self.results
        for dim, name in (("measure", measure), ("netting_set", netting_set), ("scenario", scenario)):
            if name is not None:
                chosen = chosen.sel({dim: [_known(chosen, dim, name)]})
        prefix = "total_" if netting_set is None else ""
        kept = (*_COLUMNS, *(_ERRORS if self.measured else ()))
        part = chosen[[f"{prefix}{c}" for c in kept]].rename({f"{prefix}{c}": c for c in kept})
        part = part.squeeze("netting_set", drop=True) if netting_set is not None else part
        columns = ["scenario", "measure", *kept]
        order = ["scenario", "measure"]
        plain = part.drop_vars([n for n in part.coords if n not in order]).transpose(*order, ...)
        frame = plain.to_dataframe().reset_index()[columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            frame["percent"] = 100.0 * frame["change"] / frame["base"].abs()
            if self.measured:
                frame["reused_error_percent"] = 100.0 * frame["reused_error"] / frame["stressed"].abs()
        reason = chosen["reason"].to_series()
        frame["reason"] = frame["scenario"].map(reason)
        return frame.set_index(["scenario", "measure"])

    def values(self, netting_set: str | None = None) -> pd.DataFrame:
        """Values at t = 0 by scenario, of a netting set or in total: base, stressed, change, with standard errors.

        Errors are rounding where all trades have closed forms.
        """
        chosen, prefix = self.results, "total_" if netting_set is None else ""
        if netting_set is not None:
            chosen = chosen.sel(netting_set=_known(chosen, "netting_set", netting_set))
        names = ("value0_base", "value0", "value0_se", "value0_change", "value0_change_se")
        rows = {c: chosen[f"{prefix}{n}"].reset_coords(drop=True) for c, n in zip(_COLUMNS, names)}
        return xr.Dataset(rows).to_dataframe().rename_axis("scenario")[list(_COLUMNS)]

    def report(self) -> pd.DataFrame:
        """Rows of ``stress.csv``: every scenario and measure, of each netting set and of the book (empty ``NettingSetId``)."""
        names = [None, *(str(n) for n in self.results["netting_set"].values)]
        parts = [self.to_frame(None, n).reset_index().assign(netting_set=n or "") for n in names]
        order = ["scenario", "netting_set", "measure", *_COLUMNS, "percent", "reason", "approximation"]
        every = pd.concat(parts, ignore_index=True).assign(approximation=self.approximation)
        order += [*_ERRORS, "reused_error_percent"]
        return every.reindex(columns=order).set_axis(list(_REPORT), axis="columns")

    def table(
        self, measure: str | None = None, netting_set: str | None = None, scenario: str | None = None
    ) -> Table:
        """The same for a terminal; ``measure`` None shows CVA, DVA, FCA, FBA and FVA."""
        frame = self.to_frame(measure, netting_set, scenario)
        units = self.results.attrs.get("units", "")
        rough = ", APPROXIMATION" if self.approximation else ""
        table = _table(f"Base, stressed and change{rough}, {netting_set or TOTAL}, {units}")
        if self.approximation:
            table.caption, table.caption_style = self.approximation, "yellow"
        table.add_column("Scenario", overflow="fold")
        table.add_column("Measure", no_wrap=True)
        for name in ("Base", "Stressed", "Change", "± s.e.", "%", *(("Error",) if self.measured else ())):
            table.add_column(name, justify="right", no_wrap=True)
        last = ""
        with_values = measure is None and "total_value0" in self.results
        values = self.values(netting_set).to_dict("index") if with_values else {}
        for row in frame.reset_index().to_dict("records"):
            name, label = str(row["scenario"]), str(row["measure"])
            if measure is None and label not in SHOWN:
                continue
            shown, last = ("" if name == last else name), name
            if row["reason"]:
                if shown:
                    table.add_row(shown, Text("not computed", style="bold red"))
                continue
            if shown and name in values:
                table.add_row(shown, "Value", *_value_cells(values[name]))
                shown = ""
            cells = [number(row[c]) for c in ("base", "stressed", "change", "change_se")]
            percent = f"{row['percent']:+.1f}" if np.isfinite(row["percent"]) else "n/a"
            if self.measured:
                cells.append(f"{number(row['reused_error'])} ± {number(row['reused_error_se'])}")
            table.add_row(shown, label, *cells[:4], percent, *cells[4:])
        return table

    @property
    def approximation(self) -> str:
        """Why the numbers are no fresh run's, and how far off such have been; empty where they are."""
        if self.results.attrs.get("surrogates") != REUSED:
            return ""
        if not self.measured:
            return f"{APPROXIMATION}, which was not measured; {_ANEW}"
        return f"{APPROXIMATION}. Measured on {self.results.attrs['reused_error_paths']:,} paths: {self._largest()}; {_ANEW}"

    @property
    def measured(self) -> bool:
        """Whether it is known how far off reused surrogates are."""
        return "reused_error" in self.results

    def _largest(self) -> str:
        """The largest error of a netting set's CVA in per cent of it, over the scenarios."""
        cva = self.results[[*_ERRORS, "stressed"]].sel(measure="CVA").reset_coords(drop=True)
        share = (cva["reused_error"] / cva["stressed"].where(cva["stressed"] != 0.0)).fillna(0.0)
        if not share.size or float(abs(share).max()) == 0.0:
            return "no error of any CVA"
        at = share.isel(abs(share).argmax(...))
        one = cva.sel({d: at[d].item() for d in ("scenario", "netting_set")})
        error, noise = (number(float(one[name])) for name in _ERRORS)
        return (
            f"at most {error} ± {noise} {self.results.attrs.get('units', '')} of a netting set's CVA, "
            f"{100.0 * float(at):+.1f} % of it ({at['netting_set'].item()} in {at['scenario'].item()})"
        )

    @property
    def failed(self) -> dict[str, str]:
        """Scenarios that could not be computed, and why."""
        frame = self.results[["failed", "reason"]]
        return {str(s): str(r) for s, f, r in zip(*_columns(frame)) if f}

    def failures(self) -> Text:
        """One line per scenario that could not be computed."""
        lines = [f"{name}: not computed: {why}" for name, why in self.failed.items()]
        return Text("\n".join(lines), style="red")

    @property
    def missing(self) -> dict[str, str]:
        """Scenarios with shifts that find no quote in this market, and which."""
        if "note" not in self.results:
            return {}
        notes = zip(self.results["scenario"].values, self.results["note"].values)
        return {str(s): str(note) for s, note in notes if str(note)}

    def notes(self) -> Text:
        """What has nothing to shift somewhere, measures truncated at 0, and what stays of FX forwards."""
        lines = [f"{name}: {note}" for name, note in self.missing.items()]
        lines += [str(line) for line in truncation_on(self.results, "base", "base, ")]
        for name in self.results["scenario"].values:
            one = self.results.sel(scenario=name)
            lines += [str(line) for line in truncation_on(one, "stressed", f"{name}, ")]
        for kept, told in (("points", "their points"), ("curve", "the curve they build")):
            names = [name for name, found in self.fx_forwards.items() if found == kept]
            if names:
                lines.append(f"FX forwards keep {told} where the spot moves: {', '.join(names)}")
        return Text("\n".join(lines))

    @property
    def fx_forwards(self) -> dict[str, str]:
        """What stays of quoted FX forwards, ``points`` or ``curve``, by scenario that moves their spot."""
        if "fx_forwards" not in self.results:
            return {}
        found = zip(self.results["scenario"].values, self.results["fx_forwards"].values)
        return {str(s): str(kept) for s, kept in found if str(kept)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table()
        if self.failed:
            yield self.failures()
        if self.notes():
            yield self.notes()

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format=number)


def stress_cube(worlds: xr.Dataset, results: xr.Dataset) -> xr.Dataset:
    """The cube ``(scenario, path, time, netting_set)`` from one variable per different world; lazy where that is."""
    names = [str(n) for n, w in zip(results["scenario"].values, results["world"].values) if w >= 0]
    numbers = [int(w) for w in results["world"].values if w >= 0]
    names_of = [{f"{v}.{w}": v for v in _CUBE} for w in numbers]
    parts = [worlds[list(known)].rename(known) for known in names_of]
    scenarios = pd.Index(names, name="scenario")
    return plottable(xr.concat(parts, scenarios, data_vars="all", coords="minimal", compat="override"))


def _value_cells(row: Mapping[Any, float]) -> list[str]:
    """Base, stressed, change, its standard error (none of closed forms) and per cent."""
    exact = not row["change_se"] > _SAME * max(abs(row["base"]), abs(row["stressed"]))
    cells = [number(row[c]) for c in ("base", "stressed", "change")]
    percent = f"{100.0 * row['change'] / abs(row['base']):+.1f}" if row["base"] else "n/a"
    return [*cells, "" if exact else number(row["change_se"]), percent]


def _table(title: str) -> Table:
    return Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption="± s.e.: standard error of the change, base and scenario on the same random numbers",
        caption_justify="left",
    )  # fmt: skip


def _columns(frame: xr.Dataset) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return frame["scenario"].values, frame["failed"].values, frame["reason"].values


def _known(results: xr.Dataset, dim: str, name: str) -> str:
    known = [str(label) for label in results[dim].values]
    if name not in known:
        some = ", ".join(known[:30]) + (" …" if len(known) > 30 else "")
        raise DomainError(f"{dim.replace('_', ' ')}: expected one of {some}, got {name!r}", [name])
    return name
