"""Explained changes: labelled arrays for programs, tables for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from rich import box
from rich.table import Table
from rich.text import Text

from pipelines.results.sensitivities import TOTAL
from pipelines.results.tables import SHOWN, number
from xva.errors import DomainError

_PARTS: Final = ("first", "second_own", "second_cross")
_TITLES: Final = ("First order", "Own gamma", "Cross-gamma")
_LISTS: Final = {
    "matured": "ended, part of time",
    "dead": "dead trade",
    "new": "new trade",
    "amended": "amended trade, dead with its old terms, new with the others",
    "changed_sets": "netting set with other terms, counted with new trades",
    "lost_quotes": "quote of the first run only",
    "gained_quotes": "quote of the second run only",
}
_SOME: Final = 8


@dataclass(frozen=True)
class Explanation:
    """What changed between two runs, and why.

    Parameters
    ----------
    data : xarray.Dataset
        ``value_a``, ``value_b``, ``change`` ``(measure, netting_set)``; ``step_change (step, measure, netting_set)``, which
        adds up to ``change``; of the last step, the market's, everything that `xva.explain.attribution.attribute`
        says of one scenario (``change`` is ``market_change`` there). Of the book under ``total_…``, standard errors under
        ``…_se``; attributes list dead, new, amended and matured trades and quotes that one run only has.
    """

    data: xr.Dataset

    def to_frame(self, netting_set: str | None = None) -> pd.DataFrame:
        """One row per step, market terms by group apart, one column per measure: all adds up to the row ``change``."""
        one = self._one(netting_set)
        rows = {("step", str(s)): one["step_change"].sel(step=s) for s in one["step"].values[:-1]}
        for group in one["group"].values:
            rows |= {(part, str(group)): one[part].sel(group=group) for part in _PARTS}
        rows |= {("rest", name): one[name] for name in ("exercise", "unexplained")}
        rows["change", ""] = one["change"]
        columns = one["measure"].values.tolist()
        index = pd.MultiIndex.from_tuples(list(rows), names=["term", "name"])
        return pd.DataFrame([r.values for r in rows.values()], index=index, columns=columns)

    def table(self, netting_set: str | None = None) -> Table:
        """From the first run's measures to the second's, step by step."""
        one, facts = self._one(netting_set), self.data.attrs
        where = "of the book" if netting_set is None else f"of {netting_set}"
        found = _table(f"What changed {where}, {facts['units']}; ± standard error of the change")
        found.add_column("", no_wrap=True)
        for measure in SHOWN:
            found.add_column(measure, justify="right", no_wrap=True)
        found.add_row(f"{facts['job_a']} {facts['as_of_a']}", *_cells(one, "value_a"), end_section=True)
        for step in one["step"].values[:-1]:
            found.add_row(str(step), *_cells(one.sel(step=step), "step_change"))
        for group in one["group"].values:
            at = one.sel(group=group)
            found.add_row(str(group), *(number(_sum(at, m)) for m in SHOWN))
        found.add_row("exact exercise", *_cells(one, "exercise"))
        found.add_row("unexplained", *_cells(one, "unexplained"))
        found.add_row(
            "  at most", *(Text(number(float(one["bound"].sel(measure=m))), style="dim") for m in SHOWN)
        )
        found.add_section()
        found.add_row(f"{facts['job_b']} {facts['as_of_b']}", *_cells(one, "value_b"))
        found.caption = "market groups: first and second order together"
        return found

    def market_table(self, measure: str = "CVA", netting_set: str | None = None) -> Table:
        """The market's part by risk factor group: first order, own gamma, cross-gamma."""
        return group_table(self._one(netting_set, measure), measure, str(self.data.attrs["units"]))

    def notes(self) -> str:
        """Which trades and quotes came and went, and whose kink a large rest is; one line each."""
        lines = []
        for name, words in _LISTS.items():
            ids = np.atleast_1d(self.data.attrs[name]).tolist()
            if ids:
                more = f" and {len(ids) - _SOME} more" if len(ids) > _SOME else ""
                lines.append(f"{len(ids)} × {words}: {', '.join(map(str, ids[:_SOME]))}{more}")
        return "\n".join([*lines, *kink_notes(self.data)])

    def _one(self, netting_set: str | None, measure: str | None = None) -> xr.Dataset:
        for what, asked in (("netting_set", netting_set), ("measure", measure)):
            known = self.data[what].values.tolist()
            if asked is not None and asked not in known:
                raise DomainError(
                    f"{what.replace('_', ' ')}: expected one of {', '.join(known)}, got {asked!r}", [asked]
                )
        return one_place(self.data, netting_set)

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format=number)


def one_place(data: xr.Dataset, netting_set: str | None) -> xr.Dataset:
    """The variables of one netting set, or of the book under the same names."""
    if netting_set is not None:
        keep = [v for v in data.data_vars if not str(v).startswith("total_")]
        return data[keep].sel(netting_set=netting_set)
    names = {str(v): str(v).removeprefix("total_") for v in data.data_vars if str(v).startswith("total_")}
    return data[list(names)].rename(names)


def group_table(one: xr.Dataset, measure: str, units: str) -> Table:
    """Terms by risk factor group of one netting set or the book (`one_place`), of one scenario."""
    at = one.sel(measure=measure)
    found = _table(f"{measure} by risk factor group, {units}; ± standard error")
    found.add_column("Group", no_wrap=True)
    for title in _TITLES:
        found.add_column(title, justify="right", no_wrap=True)
    for group in at["group"].values:
        mine = at.sel(group=group)
        found.add_row(str(group), *(_cell(mine, part) for part in _PARTS))
    found.add_section()
    found.add_row("TOTAL", *(number(float(at[part].sum("group"))) for part in _PARTS))
    found.caption = (
        f"unexplained {number(float(at['unexplained']))}, {100 * float(at['share']):.2f} % of the absolute terms; "
        f"at most {number(float(at['bound']))} expected"
    )
    return found


def scenario_table(data: xr.Dataset, measure: str, units: str, netting_set: str | None = None) -> Table:
    """One row per scenario: its change, what first and second order explain of it, and what is left."""
    places = one_place(data, netting_set).sel(measure=measure)
    found = _table(f"What explains the change of {measure}, {netting_set or TOTAL}, {units}")
    found.add_column("Scenario", overflow="fold")
    for title in ("Change", "First order", "Second, own", "Second, cross", "Exercise", "Unexplained", "%"):
        found.add_column(title, justify="right", no_wrap=True)
    for name in places["scenario"].values:
        at = places.sel(scenario=name)
        parts = [float(at[part].sum("group")) for part in _PARTS]
        rest = [float(at["exercise"]), float(at["unexplained"])]
        amounts = [number(x) for x in (float(at["change"]), *parts, *rest)]
        found.add_row(str(name), *amounts, f"{100 * float(at['share']):.2f}")
    found.caption = "%: the unexplained rest as a share of the sum of absolute contributions"
    return found


def kink_notes(data: xr.Dataset) -> list[str]:
    """One line per measure and netting set whose rest is above the limit, with the trade that makes most of it."""
    lines = []
    for name in data["netting_set"].values:
        for measure in SHOWN:
            one = data.sel(netting_set=name, measure=measure)
            if float(one["share"]) > float(data.attrs["limit"]):
                who = str(one["kink"].item())
                traced = f", {100 * float(one['kink_share']):.0f} % of it trade {who}" if who else ""
                lines.append(f"{name}, {measure}: {100 * float(one['share']):.1f} % unexplained{traced}")
    return lines


def _cells(one: xr.Dataset, name: str) -> list[Text]:
    return [_cell(one.sel(measure=m), name) for m in SHOWN]


def _cell(one: xr.Dataset, name: str) -> Text:
    found = Text(number(float(one[name])))
    return found.append(f" ± {number(float(one[f'{name}_se']))}", style="dim")


def _sum(one: xr.Dataset, measure: str) -> float:
    return float(sum(one[part].sel(measure=measure) for part in _PARTS))


def _table(title: str) -> Table:
    return Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption_justify="left",
    )  # fmt: skip
