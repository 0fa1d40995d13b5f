"""Results as rich tables: by netting set, and the largest sensitivities by quote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from pipelines.results.left_out import left_out_lines
from pipelines.results.sensitivities import TOTAL, Sensitivities
from xva.adjustments.registry import MEASURES, TOTALS, formula
from xva.trades.trade import BROKEN, MATURED

if TYPE_CHECKING:
    import xarray as xr

SHOWN: Final = (*MEASURES, "FVA")
TOTAL_MEASURE: Final = "XVA"
_SCALES: Final = ((1.0, ""), (1e3, " thousand"), (1e6, " million"))
_WRONG: Final = 1e-3  # of the exposure: interpolated values that far off are no numbers to use
_MISSED: Final = 0.05  # of the exposure: means that far from the curve's value, on two dates, are not noise of the usual kind
_WIDEST: Final = 1e7  # of a number in a table: six of them fit on 80 columns
_SIGNS: Final = "CVA, FCA cost; DVA, FBA benefit; FVA = FCA - FBA; ± standard error"


@dataclass(frozen=True)
class XvaTable:
    """Value and every adjustment by netting set, with totals and their standard errors, and what surrogates are worth.

    ``value ± error`` stands on one line where there is room, else on two; no number is ever cut.
    """

    results: xr.Dataset

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self.table(" ")
        if Measurement.get(console, options.update(width=10_000), table).maximum > options.max_width:
            table = self.table("\n")
        yield table
        yield total_line(self.results)
        yield from left_out_lines(self.results)
        yield from truncation_lines(self.results)
        yield from ended_lines(self.results)
        yield from interpolation_lines(self.results)
        yield from sampling_lines(self.results)
        yield from surrogate_lines(self.results)

    def table(self, between: str) -> Table:
        """The table with ``between`` a value and its error."""
        results, (scale, scale_name) = self.results, _scale(self.results)
        measures = [m for m in SHOWN if m in results["measure"].values]
        table = _table(f"Value and adjustments by netting set, {results.attrs.get('units', '')}{scale_name}")
        table.show_footer, table.caption = True, _SIGNS
        value = results["value0"].values / scale
        table.add_column("Netting set", TOTAL, no_wrap=True)
        errors0, total0 = value_errors(results)
        whole = _or_error(value.sum(), total0 / scale, between)
        table.add_column("Value", whole, justify="right", no_wrap=True)
        rows = results[["xva", "xva_se"]].sel(measure=measures).transpose("netting_set", "measure") / scale
        total = results[["total", "total_se"]].sel(measure=measures) / scale
        for measure, amount, error in zip(measures, total["total"].values, total["total_se"].values):
            table.add_column(measure, _with_error(amount, error, between), justify="right", no_wrap=True)
        for name, now, off, amounts, errors in zip(
            results["netting_set"].values,
            value,
            errors0 / scale,
            rows["xva"].values,
            rows["xva_se"].values,
        ):
            cells = [_with_error(amount, error, between) for amount, error in zip(amounts, errors)]
            table.add_row(str(name), _or_error(now, off, between), *cells)
        return table


def value_errors(results: xr.Dataset) -> tuple[NDArray[np.float64], float]:
    """Standard errors of the values at t = 0 ``(netting_set,)`` and of their sum; 0 for closed forms and in older runs."""
    if "value0_se" not in results:
        return np.zeros(results.sizes["netting_set"]), 0.0
    exact = 1e-9 * float(abs(results["value0"]).max())
    errors = results["value0_se"].values
    total = float(results["total_value0_se"])
    return np.where(errors > exact, errors, 0.0), total if total > exact else 0.0


def truncated(results: xr.Dataset) -> dict[tuple[str, str], float]:
    """What measures by (measure, netting set) were before they were truncated at 0."""
    if "xva_untruncated" not in results:
        return {}
    shown, before = results["xva"], results["xva_untruncated"]
    base = [m for m in MEASURES if m in shown["measure"].values]
    pairs = [(m, str(n)) for n in shown["netting_set"].values for m in base]
    found = {p: float(before.sel(measure=p[0], netting_set=p[1])) for p in pairs}
    return {p: x for p, x in found.items() if x != float(shown.sel(measure=p[0], netting_set=p[1]))}


def truncated_by_set(results: xr.Dataset) -> dict[str, str]:
    """Measures truncated at 0 by netting set, in words: what they were, and their standard errors."""
    by_set: dict[str, list[str]] = {}
    for (measure, name), before in truncated(results).items():
        error = float(results["xva_se"].sel(measure=measure, netting_set=name))
        by_set.setdefault(name, []).append(f"{measure} {number(before)} ± {number(error)}")
    return {name: ", ".join(told) for name, told in by_set.items()}


def truncation_lines(results: xr.Dataset, where: str = "") -> Iterator[Text]:
    """A line per netting set with measures truncated at 0, and what they were."""
    for name, told in truncated_by_set(results).items():
        yield Text(f"{where}{name}: truncated at 0, the estimate was below by noise: {told}", "yellow")


def truncation_on(results: xr.Dataset, side: str, where: str = "") -> Iterator[Text]:
    """The same of one side of a comparison: variables ``side``, ``side_se`` and ``side_untruncated``."""
    names = {side: "xva", f"{side}_se": "xva_se", f"{side}_untruncated": "xva_untruncated"}
    if set(names) <= set(results):
        yield from truncation_lines(results[list(names)].rename(names), where)


def total_line(results: xr.Dataset) -> Text:
    """The total of the book, ``CVA - DVA + FCA``, with what is no part of it beside it."""
    totals = results["total"]
    by_measure = {str(m): float(totals.sel(measure=m)) for m in totals["measure"].values}
    cost = sum(sign * by_measure[m] for m, sign in TOTALS[TOTAL_MEASURE].items())
    line = Text(f"{formula(TOTAL_MEASURE)} = ").append(number(cost), style="bold")
    if TOTAL_MEASURE in by_measure:
        line.append(f" ± {number(float(results['total_se'].sel(measure=TOTAL_MEASURE)))}")
    line.append(f" {results.attrs.get('units', '')}")
    if "FBA" in by_measure:
        line.append(f", and FBA {number(by_measure['FBA'])} beside it (it overlaps DVA)", style="dim")
    return line


def ended_lines(results: xr.Dataset) -> Iterator[Text]:
    """Which trades count as 0 because nothing is left of them."""
    if "trade_note" not in results:
        return
    notes = zip(results["trade"].values, results["trade_note"].values)
    found = [f"{name} ({note})" for name, note in notes if str(note).startswith((MATURED, BROKEN))]
    if found:
        yield Text(f"Count as 0: {in_short(found)}", style="dim")


def interpolation_lines(results: xr.Dataset) -> Iterator[Text]:
    """How far off interpolated values are at most, beside the netting set's largest mean exposure on either side."""
    if "interpolation_bound" not in results:
        return
    worst = results["interpolation_bound"].max("time")
    size = (results["epe"] + results["ene"]).max("time")
    shares = (worst / size.where(size > 0, 1.0)).where(size > 0, 0.0)
    if float(worst.max()) > 0.0 and shares.size:
        where = str(shares["netting_set"].values[int(np.argmax(shares.values))])
        share = float(shares.max())
        yield Text(
            f"Interpolation of values: off by at most {share:.0e} of the exposure ({where})", style="dim"
        )
        if not share < _WRONG:
            many = ", ".join(shares["netting_set"].values[~(shares.values < _WRONG)])
            yield Text(
                f"Do not use the numbers of {many}: volatilities over these lives are beyond what is interpolated "
                "-> check mean reversions and volatilities",
                style="bold red",
            )


def sampling_lines(results: xr.Dataset) -> Iterator[Text]:
    """Netting sets of which the paths miss what the curve says of later flows, on several dates and beyond their errors."""
    from scipy.special import stdtrit

    if "value_curve" not in results:
        return
    off = np.abs((results["value"] - results["value_curve"]).values)
    size, error = (results["epe"] + results["ene"]).values, results["value_se"].values
    most = float(stdtrit(max(int(results.attrs["scrambles"]) - 1, 1), 1.0 - 0.0027 / 2.0))
    missed = (off > _MISSED * size) & (off > most * error)  # False where the curve says nothing
    shares = np.where(missed, off / np.where(size > 0.0, size, 1.0), 0.0)
    for row in np.flatnonzero(missed.sum(1) >= 2):
        k = int(shares[row].argmax())
        name, day = results["netting_set"].values[row], str(results["time"].values[k])[:10]
        yield Text(
            f"Do not trust the ± of {name}: the paths' mean value on {day} is {shares[row, k]:.0%} of the exposure away from "
            "what the curve says of later flows -> more paths, or volatilities over these lives are beyond what paths meet",
            style="bold red",
        )


def in_short(items: Sequence[str], most: int = 5) -> str:
    """The first few of a list, and how many more there are."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more:,} more" if more > 0 else "")


def surrogate_lines(results: xr.Dataset) -> Iterator[Text]:
    """A line per trade without closed form: what prices it, and how wrong that is."""
    if "surrogate" not in results.dims:
        return
    yield Text("Trades without a closed form", style="bold")
    mine = [str(name) for name, v in results.data_vars.items() if v.dims == ("surrogate",)]
    for name in results["surrogate"].values:
        one = {k.removeprefix("surrogate_"): results[k].sel(surrogate=name).item() for k in mine}
        line = Text(f" {name} ({one['netting_set']}): ")
        if one["pricer"] == "nested":
            yield line.append(one["route"], style="yellow")
            continue
        verdict = f"{one['route']}, {one['verdict']}" if one["finding"] else "nothing to certify"
        line.append(f"surrogate, {verdict}", style="yellow" if one["verdict"] == "undecided" else "")
        yield line.append(f"; worst: {one['finding']}" if one["finding"] else "", style="dim")


def sensitivity_table(sensitivities: Sensitivities, count: int = 10) -> Table:
    """The ``count`` largest sensitivities by quote, per readable shift of the quote."""
    frame = sensitivities.top(count)
    where = "" if sensitivities.netting_set == TOTAL else f" of {sensitivities.netting_set}"
    quotes = sensitivities.data.sizes["quote"]
    table = _table(
        f"The {len(frame)} largest sensitivities of {sensitivities.measure}{where}, of {quotes} quotes"
    )
    table.add_column("Quote", overflow="fold")
    table.add_column("Shift", no_wrap=True)
    table.add_column(f"Change, {sensitivities.units}", justify="right", no_wrap=True)
    for quote, row in frame.iterrows():
        table.add_row(str(quote), row["shift_name"], _with_error(row["value"], row["standard_error"], " "))
    return table


def number(value: float) -> str:
    """Thousands separated; whole units from 1,000 up, else three significant digits; ``n/a`` for no number.

    A single scramble has no standard error.
    """
    if value == 0.0 or not np.isfinite(value):
        return "0" if value == 0.0 else "n/a"
    decimals = int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 6))
    return f"{value:,.{decimals}f}"


def _with_error(value: float, error: float, between: str) -> Text:
    return Text(number(value)).append(f"{between}± {number(error)}", style="dim")


def _or_error(value: float, error: float, between: str) -> Text:
    return _with_error(value, error, between) if error else Text(number(value))


def _scale(results: xr.Dataset) -> tuple[float, str]:
    largest = max(float(abs(results[name]).max()) for name in ("value0", "xva", "total"))
    largest = max(largest, abs(float(results["value0"].sum())))
    return next(((s, name) for s, name in _SCALES if largest < s * _WIDEST), _SCALES[-1])


def _table(title: str) -> Table:
    return Table(
        title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold",
        caption_justify="left",
    )  # fmt: skip
