"""The trades folder: one table per trade type, columns named as the fields of the trade's class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from pipelines.jobs.parties import closest
from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import SUFFIXES, Table, convert, read_table, shown
from xva.errors import Problem, TradeError
from xva.trades import registry as TRADE_TYPES
from xva.trades.terms import TermsError
from xva.trades.trade import Trade


def read_trades(
    folder: Path, name: str, netting_sets: Collection[str] | None, problems: Problems
) -> tuple[tuple[Trade, ...], dict[str, str]]:
    """All trades below ``folder``, in the order of the tables' names and rows, and where each stands.

    ``netting_sets`` are the known ones (None: not known, not checked).
    """
    trades: list[Trade] = []
    places: dict[str, str] = {}
    for path in _tables(folder, name, problems):
        kind = TRADE_TYPES[path.stem]
        required, optional = _columns(kind)
        table = read_table(path, f"{name}/{path.name}", problems, required, optional)
        for row, cells in table.rows() if table is not None else ():
            assert table is not None
            trade = _trade(kind, table, row, cells, netting_sets, problems)
            trade_id = cells["trade_id"]
            if trade_id and trade_id in places:
                got = f"{trade_id} also in {places[trade_id]}"
                problems.add(table.where(row, "trade_id"), "each trade id once", got, "rename one")
                continue
            places[trade_id] = f"{table.where(row)}, trade {trade_id}"
            if trade is not None:
                trades.append(trade)
    return tuple(trades), places


def _tables(folder: Path, name: str, problems: Problems) -> list[Path]:
    """The tables of the folder; unknown names and a type given twice are problems."""
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        problems.add(name, "a folder with one table per trade type", got, f"looked for {folder}")
        return []
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".")):
        if path.stem not in TRADE_TYPES:
            expected = f"a table named {', '.join(sorted(TRADE_TYPES))}"
            fix = closest(path.stem, TRADE_TYPES)
            # a misspelt name is a mistake; any other table holds trades of a kind that is not covered
            problems.add(f"{name}/{path.name}", expected, path.stem, fix, unsupported=not fix)
        elif path.stem in found:
            got = f"{found[path.stem].name} beside it"
            problems.add(f"{name}/{path.name}", "one table per trade type", got, "remove one")
        else:
            found[path.stem] = path
    if not found:
        problems.add(name, f"tables such as {sorted(TRADE_TYPES)[0]}.csv", "none")
    return list(found.values())


@cache
def _columns(kind: type[Trade]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Required and optional columns of a trade type."""
    given = [f for f in fields(kind) if f.init]
    needed = [f.name for f in given if f.default is MISSING and f.default_factory is MISSING]
    return tuple(needed), tuple(f.name for f in given if f.name not in needed)


@cache
def _types(kind: type[Trade]) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _trade(
    kind: type[Trade],
    table: Table,
    row: int,
    cells: Mapping[str, str],
    netting_sets: Collection[str] | None,
    problems: Problems,
) -> Trade | None:
    """One row as a trade; None, with all that is wrong in ``problems``."""
    before = len(problems)
    trade_id, home = cells["trade_id"], cells["netting_set"]
    where = f"{table.where(row)}, trade {trade_id or '(no id)'}"
    required, _ = _columns(kind)
    terms: dict[str, Any] = {}
    for column, text in cells.items():
        if not text and column not in required:
            continue
        try:
            terms[column] = convert(text, _types(kind)[column])
        except ValueError as error:
            problems.add(f"{where}, column {column}", str(error), shown(text))
    if trade_id:
        problems.name(f"{where}, column trade_id", trade_id)
    if home and netting_sets is not None and home not in netting_sets:
        expected = "a netting set of the netting set table"
        problems.add(f"{where}, column netting_set", expected, repr(home), closest(home, netting_sets))
    if len(problems) != before:
        return None
    try:
        return kind(**terms)
    except TermsError as error:
        problems.extend(_placed(p, table.where(row)) for p in error.problems)
    except TradeError as error:
        problems.add(where, "terms that fit together", error.message)
    return None


def _placed(problem: Problem, place: str) -> Problem:
    """The trade's own complaint with file and row in front of it."""
    where = f"{place}, {problem.where}".replace(", field ", ", column ")
    return Problem(where, problem.expected, problem.got, problem.fix)
