"""Incremental and allocated adjustments: labelled arrays for programs, tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from pipelines.results.tables import SHOWN, number, truncation_on
from xva.errors import DomainError

_SAME: Final = 1e-9  # of the largest number before: the run's cube is float64 sums in another order
_ADDS_UP: Final = (
    "contributions are marginal (Euler) and add up to the netting set's measure; ± standard error"
)
_NO_RUN: Final = "the run is not finished: nothing to compare the values before with"
_MOVED: Final = (
    "before differs from the run's own numbers, by Monte Carlo noise (and where there are more dates, by the finer grid):\n"
    "the new trades bring dates, currencies or events; before and after share them, and the change is that of two runs there"
)


@dataclass(frozen=True)
class Fitting:
    """A table with ``value ± error`` on one line where there is room, else on two; no number is ever cut."""

    make: Callable[[str], Table]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self.make(" ")
        wide = Measurement.get(console, options.update(width=10_000), table).maximum > options.max_width
        yield self.make("\n") if wide else table


@dataclass(frozen=True)
class WhatIf:
    """What new and removed trades change.

    Parameters
    ----------
    data : xarray.Dataset
        As `xva.allocation.what_if.increments` says, and ``run (measure, netting_set)``, the run's own numbers.
    """

    data: xr.Dataset

    def to_frame(self) -> pd.DataFrame:
        """One row per netting set and measure: before, after, increment and its standard error, the run's own number."""
        names = ["before", "before_se", "after", "after_se", "increment", "increment_se", "run"]
        order = ["netting_set", "measure"]
        return self.data[names].to_dataframe(dim_order=order)[names]

    def trades(self) -> pd.DataFrame:
        """One row per changed trade and measure: action, netting set, contribution and standalone with standard errors."""
        names = ["contribution", "contribution_se", "standalone", "standalone_se"]
        frame = self.data[names].to_dataframe(dim_order=["trade", "measure"])
        return frame[["action", "trade_netting_set", "trade_type", *names]]

    @property
    def same_paths(self) -> bool | None:
        """Whether the values before are the run's own, to rounding; None where the run is not finished."""
        run, before = self.data["run"].values, self.data["before"].values
        if np.isnan(run).any():
            return None
        return bool(np.abs(run - before).max() <= _SAME * max(float(np.abs(before).max()), 1e-300))

    def table(self) -> Fitting:
        """Before, after and change by netting set and measure, the book's change below."""
        return Fitting(self._table)

    def trade_table(self) -> Fitting:
        """The changed trades: alone, and at the margin."""
        return Fitting(self._trade_table)

    def _table(self, between: str) -> Table:
        found = _table(f"What changes, {self.data.attrs['units']}; ± standard error of the change")
        for title in ("Netting set", "Measure"):
            found.add_column(title, no_wrap=True)
        for title in ("Before", "After", "Change"):
            found.add_column(title, justify="right", no_wrap=True)
        for name in self.data["netting_set"].values:
            found.add_row(str(name), "Value", *self._values(str(name), between))
            for measure in SHOWN:
                one = self.data.sel(netting_set=name, measure=measure)
                change = _with_error(float(one["increment"]), float(one["increment_se"]), between)
                sides = (number(float(one[side])) for side in ("before", "after"))
                found.add_row("", measure, *sides, change)
            found.add_section()
        for measure in (*SHOWN, "XVA"):
            one = self.data.sel(measure=measure)
            change = _with_error(float(one["total_increment"]), float(one["total_increment_se"]), between)
            found.add_row("TOTAL" if measure == SHOWN[0] else "", measure, "", "", change)
        same = self.same_paths
        found.caption = {None: _NO_RUN, True: "XVA = CVA - DVA + FCA", False: _MOVED}[same]
        return found

    def _values(self, netting_set: str, between: str) -> list[Text]:
        """Value before, after and change; with standard errors where there are trades without closed form."""
        one, cells = self.data.sel(netting_set=netting_set), []
        for name in ("value_before", "value_after", "value_increment"):
            value, error = float(one[name]), float(one[f"{name}_se"])
            exact = not error > _SAME * max(abs(value), abs(float(one["value_before"])))
            cells.append(Text(number(value)) if exact else _with_error(value, error, between))
        return cells

    def notes(self) -> Text:
        """A line per netting set, before and after, with measures truncated at 0."""
        sides = (truncation_on(self.data, side, f"{side}, ") for side in ("before", "after"))
        return Text("\n").join(line for lines in sides for line in lines)

    def _trade_table(self, between: str) -> Table:
        found = _table(f"Changed trades, {self.data.attrs['units']}")
        found.add_column("Trade", no_wrap=True)
        found.add_column("Action")
        _fill(
            found,
            self.data,
            self.data["trade"].values.tolist(),
            ("standalone", "contribution"),
            "action",
            between,
        )
        found.caption = "marginal: to the netting set that has the trade, after adding or before removing it"
        return found

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format=number) + self.trades().to_html(float_format=number)


@dataclass(frozen=True)
class Allocation:
    """Which trades the adjustments come from.

    Parameters
    ----------
    data : xarray.Dataset
        As `xva.allocation.allocation.allocated` says.
    """

    data: xr.Dataset

    def to_frame(self, measure: str | None = None) -> pd.DataFrame:
        """One row per trade (and measure, where none is named), the largest contributions to it first.

        Raises
        ------
        DomainError
            An unknown measure.
        """
        names = ["contribution", "contribution_se", "standalone", "standalone_se"]
        columns = ["trade_netting_set", "trade_type", *names]
        if measure is None:
            return self.data[names].to_dataframe(dim_order=["trade", "measure"])[columns]
        known = self.data["measure"].values.tolist()
        if measure not in known:
            raise DomainError(f"measure: expected one of {', '.join(known)}, got {measure!r}", [measure])
        frame = self.data[names].sel(measure=measure, drop=True).to_dataframe()[columns]
        order = frame["contribution"].abs().sort_values(ascending=False, kind="stable").index
        return frame.loc[order]

    def table(self, measure: str, top: int) -> Fitting:
        """The trades that contribute most to a measure, with all measures.

        Raises
        ------
        DomainError
            An unknown measure.
        """
        self.to_frame(measure)
        return Fitting(lambda between: self._table(measure, top, between))

    def notes(self) -> Text:
        """A line per netting set with measures truncated at 0, to which no trade contributes."""
        return Text("\n").join(truncation_on(self.data, "total"))

    def _table(self, measure: str, top: int, between: str) -> Table:
        frame = self.to_frame(measure)
        names = frame.index[:top].tolist()
        title = f"Contributions by trade, {self.data.attrs['units']}: the {len(names)} largest to {measure} of {len(frame)}"
        found = _table(title)
        found.add_column("Trade", no_wrap=True)
        found.add_column("Netting set", no_wrap=True)
        _fill(found, self.data, names, ("contribution",), "trade_netting_set", between)
        left = self.data.drop_sel(trade=names)["contribution"].sum("trade")
        if len(names) < len(frame):
            rest = [number(float(left.sel(measure=m))) for m in SHOWN]
            found.add_row(f"{len(frame) - len(names)} others", "", *rest, end_section=True)
        total = self.data["total"].sum("netting_set")
        found.add_row("TOTAL", "", *(number(float(total.sel(measure=m))) for m in SHOWN))
        found.caption = _ADDS_UP
        return found

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format=number)


def _fill(
    table: Table, data: xr.Dataset, names: Sequence[str], kinds: Sequence[str], label: str, between: str
) -> None:
    """A row per trade: its label, and every measure of each of ``kinds``."""
    if len(kinds) > 1:
        table.add_column("")
    for measure in SHOWN:
        table.add_column(measure, justify="right", no_wrap=True)
    words = {"standalone": "alone", "contribution": "marginal"}
    for name in names:
        one = data.sel(trade=name)
        for k, kind in enumerate(kinds):
            values = one[[kind, f"{kind}_se"]]
            cells = [
                _with_error(
                    float(values[kind].sel(measure=m)), float(values[f"{kind}_se"].sel(measure=m)), between
                )
                for m in SHOWN
            ]
            head = [str(name), str(one[label].item())] if k == 0 else ["", ""]
            table.add_row(*head, *([words[kind]] if len(kinds) > 1 else []), *cells)


def _with_error(value: float, error: float, between: str) -> Text:
    return Text(number(value)).append(f"{between}± {number(error)}", style="dim")


def _table(title: str) -> Table:
    return Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption_justify="left",
    )  # fmt: skip
