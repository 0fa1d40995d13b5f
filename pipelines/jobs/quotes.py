"""The quotes file: one row per quote, each in its family's range where it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import convert, read_table, shown
from xva.errors import MarketDataError, Problem
from xva.market import MarketConfig, QuoteInfo, quote_info
from xva.market.checks import range_table
from xva.market.correlation import correlation_problems
from xva.market.fx_forwards import read_outrights
from xva.market.layout import layout


@dataclass(frozen=True)
class QuoteTable:
    """Quotes as read, in the file's order.

    Parameters
    ----------
    values : dict
        Values of the quotes that have a number.
    infos : tuple of QuoteInfo
        Every quote with an id of a known form, also those without a usable value.
    faults : tuple of (str, Problem)
        What is wrong with values, by quote; it matters where the quote is needed.
    sound : bool
        Whether nothing was wrong with the table itself: its ids, each of them once.
    outrights : tuple of str
        FX forwards of the file that are outrights; ``values`` and ``infos`` have them as points.
    """

    values: dict[str, float]
    infos: tuple[QuoteInfo, ...]
    faults: tuple[tuple[str, Problem], ...]
    sound: bool
    outrights: tuple[str, ...] = ()

    def needed(self, config: MarketConfig) -> frozenset[str]:
        """Quotes that a market is built from, or, where it cannot be planned, that it may ask for."""
        plan = layout(tuple(info.quote_id for info in self.infos), config)
        if not plan.problems:
            return plan.used
        return frozenset(info.quote_id for info in self.infos if self._near(info, config)) | plan.used

    def correlation_problems(self, config: MarketConfig, where: str) -> list[Problem]:
        """What is wrong with the needed correlations together, where no market is built that would say it."""
        quoted = {
            (i.terms["first"], i.terms["second"]): torch.tensor(self.values[i.quote_id], dtype=torch.float64)
            for i in self.infos
            if i.family == "correlation" and i.quote_id in self.values and config.asks(i)
        }
        found = correlation_problems(quoted)
        return [Problem(f"{where}, {p.where}", p.expected, p.got, p.fix) for p in found]

    @staticmethod
    def _near(info: QuoteInfo, config: MarketConfig) -> bool:
        # a curve of another currency stands below one that is needed only where the plan says so
        pair = {
            info.terms.get("base", info.currency),
            info.terms.get("flat_currency", info.currency),
            info.currency,
        }
        return config.asks(info) and (info.family == "correlation" or pair <= set(config.discount))


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
    faults: list[tuple[str, Problem]] = []
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
            told = Problem(f"{where}, column value", str(error), shown(cells["value"]))
            faults.append((quote_id, told))
    usable = [info for info in infos if info.quote_id in values]
    numbers = np.array([values[info.quote_id] for info in usable])
    outside = range_table(range(len(usable)), usable).problems(numbers)
    read = read_outrights(values, points_factors)
    for p in (*outside, *read.problems):
        quote_id = p.where.removeprefix("quote ")
        placed = Problem(f"{table.where(rows[quote_id])}, {p.where}", p.expected, p.got, p.fix)
        faults.append((read.renamed.get(quote_id, quote_id), placed))
    ids = dict.fromkeys(read.renamed.get(info.quote_id, info.quote_id) for info in infos)
    named = tuple(quote_info(i) for i in ids)
    return QuoteTable(read.values, named, tuple(faults), len(problems) == before, tuple(read.renamed))


def with_stated(
    table: QuoteTable | None, stated: Mapping[str, float], problems: Problems
) -> QuoteTable | None:
    """The quotes with parameters that the job states behind them, quotes like any other."""
    if table is None or not stated:
        return table
    for quote_id in stated.keys() & table.values.keys():
        problems.add(f"quote {quote_id}", "one value", "one in the quotes and one in [model]", "remove one")
    infos = tuple(quote_info(i) for i in stated if i not in table.values)
    return replace(table, values={**table.values, **stated}, infos=(*table.infos, *infos))


def _info(quote_id: str, where: str, problems: Problems) -> QuoteInfo | None:
    try:
        return quote_info(quote_id)
    except MarketDataError as error:
        if error.problem is not None:
            problems.add(where, error.problem.expected, error.problem.got)
        return None
