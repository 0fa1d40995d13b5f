"""What a grid's dates leave out, in words: of CVA by netting set, and trades that it does not see to their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import xarray as xr
from rich.text import Text

_WORTH_SAYING: Final = 0.02
"""Share of CVA from which on a netting set is named."""
_MOST: Final = 5
_HINT: Final = " -> \"+ cashflows\" behind the grid's steps adds the book's own dates"


def left_out_lines(results: xr.Dataset) -> Iterator[Text]:
    """Lines for the terminal, from ``left_out_share`` and ``trade_unseen``; nothing where a dataset has none."""
    if "left_out_share" not in results:
        return
    yield _shares(results)
    unseen = zip(results["trade"].values, results["trade_unseen"].values)
    if found := [f"{trade} ({why})" for trade, why in unseen if str(why)]:
        hint = "" if results.attrs.get("one_day_intervals") == "day before" else _HINT
        yield Text(f"Not seen to their end: {_short(found)}{hint}", style="yellow")


def _shares(results: xr.Dataset) -> Text:
    share, error = (results[name].values for name in ("left_out_share", "left_out_share_se"))
    names = results["netting_set"].values
    ordered = np.argsort(-np.abs(share), kind="stable")
    large = [k for k in ordered if abs(share[k]) >= _WORTH_SAYING]
    told = [f"{names[k]} {100.0 * share[k]:.1f} % ± {100.0 * error[k]:.1f} %" for k in large]
    line = Text("Left out by the grid's dates, of CVA: ", style="yellow" if large else "dim")
    if large:
        line.append(_short(told))
    elif len(ordered):
        line.append(f"{100.0 * np.abs(share[ordered[0]]):.1f} % at most ({names[ordered[0]]})")
    return line


def _short(items: list[str]) -> str:
    more = len(items) - _MOST
    return ", ".join(items[:_MOST]) + (f" and {more:,} more" if more > 0 else "")
