"""The quotes file: one row per quote, each in its family's range, correlations that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import convert, read_table, shown
from xva.errors import InputErrors, MarketDataError, Problem
from xva.market.checks import range_table
from xva.market.correlation import correlation_problems
from xva.market.fx_forwards import as_points
from xva.market.labels import QuoteInfo, quote_info


@dataclass(frozen=True)
class QuoteTable:
    """Quotes as read, in the file's order.

    Parameters
    ----------
    values : dict
        Values of the quotes that have a number.
    infos : tuple of QuoteInfo
        Every quote with an id of a known form, also those without a usable value.
    sound : bool
        Whether nothing was wrong.
    outrights : tuple of str
        FX forwards of the file that are outrights; ``values`` and ``infos`` have them as points.
    """

    values: dict[str, float]
    infos: tuple[QuoteInfo, ...]
    sound: bool
    outrights: tuple[str, ...] = ()


def read_quotes(
    path: Path, name: str, problems: Problems, points_factors: Mapping[str, float] | None = None
) -> QuoteTable | None:
    """The quotes of a table with columns quote_id and value; None where the file cannot be used.

    Outrights of FX forwards become points, by the usual factors or those stated by pair.
    """
    before = len(problems)
    table = read_table(path, name, problems, ("quote_id", "value"))
    if table is None or not table.has_rows(problems):
        return None
    values: dict[str, float] = {}
    infos: list[QuoteInfo] = []
    rows: dict[str, int] = {}
    for row, cells in table.rows():
        quote_id, where = cells["quote_id"], f"{table.where(row)}, quote {cells['quote_id'] or '(no id)'}"
        if quote_id in rows:
            problems.add(where, "each quote once", f"the same id in row {rows[quote_id]}", "remove one")
            continue
        rows[quote_id] = row
        info = _info(quote_id, where, problems)
        if info is None:
            continue
        infos.append(info)
        try:
            values[quote_id] = float(convert(cells["value"], float))
        except ValueError as error:
            problems.add(f"{where}, column value", str(error), shown(cells["value"]))
    usable = [info for info in infos if info.quote_id in values]
    numbers = np.array([values[info.quote_id] for info in usable])
    found = range_table(range(len(usable)), usable).problems(numbers)
    points = values
    try:
        points = as_points(values, points_factors) if not found else values
    except InputErrors as error:
        found += error.problems
    problems.extend(
        Problem(f"{table.where(rows[p.where.removeprefix('quote ')])}, {p.where}", p.expected, p.got, p.fix)
        for p in found
    )
    problems.extend(_correlations(values, usable, name))
    outrights = tuple(i for i in values if i not in points)
    named = [
        quote_info(i.quote_id.replace("PRICE", "RATE", 1)) if i.quote_id in outrights else i for i in infos
    ]
    return QuoteTable(points, tuple(named), len(problems) == before, outrights)


def _info(quote_id: str, where: str, problems: Problems) -> QuoteInfo | None:
    try:
        return quote_info(quote_id)
    except MarketDataError as error:
        expected, _, got = error.message.partition(": expected ")[2].rpartition(", got ")
        problems.add(where, expected, got)
        return None


def _correlations(values: dict[str, float], infos: list[QuoteInfo], name: str) -> list[Problem]:
    quoted = {
        (i.terms["first"], i.terms["second"]): torch.tensor(values[i.quote_id], dtype=torch.float64)
        for i in infos
        if i.family == "correlation"
    }
    found = correlation_problems(quoted)
    return [Problem(f"{name}, {p.where}", p.expected, p.got, p.fix) for p in found]
