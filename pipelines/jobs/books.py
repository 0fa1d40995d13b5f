"""The trades folder: one table or JSON file per trade type, columns or keys named as the fields of its class."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, get_origin

from pipelines.jobs.parties import closest
from pipelines.jobs.problems import Problems
from pipelines.jobs.products import read_documents
from pipelines.jobs.tables import SUFFIXES, Table, convert, read_table, shown
from xva.errors import Problem, TradeError
from xva.trades import TermsError, Trade
from xva.trades import registry as TRADE_TYPES
from xva.trades.documents import field_names
from xva.trades.kinds import TradeTypes

DOCUMENTS = ".json"
"""Terms that do not fit into a row: a list of objects."""
NO_TRADE = "a header and no trade"


def read_trades(
    folder: Path,
    name: str,
    netting_sets: Collection[str] | None,
    problems: Problems,
    types: TradeTypes = TRADE_TYPES,
) -> tuple[tuple[Trade, ...], dict[str, str]]:
    """All trades below ``folder`` by kind and id, and where each stands: rows in another order are the same book.

    ``netting_sets`` are the known ones (None: not known, not checked); ``types`` the classes by table name.
    """
    trades: list[Trade] = []
    places: dict[str, str] = {}
    for path in _tables(folder, name, problems, types):
        kind, told = types[path.stem], f"{name}/{path.name}"
        json = path.suffix == DOCUMENTS
        read = read_documents if json else _read_rows
        for trade, trade_id, where in read(path, told, kind, netting_sets, problems):
            if trade_id and trade_id in places:
                got = f"{trade_id} also in {places[trade_id]}"
                column = ", column trade_id" if not json else ", field trade_id"
                place = where.partition(", trade ")[0] + column
                problems.add(place, "each trade id once", got, "rename one")
                continue
            places[trade_id] = where
            if trade is not None:
                trades.append(trade)
    if not places:
        empty = [note.partition(":")[0] for note in problems.notes if note.endswith(NO_TRADE)]
        for table in empty:
            problems.add(table, "trades below the header", "none")
    return tuple(sorted(trades, key=lambda trade: (trade.kind, trade.trade_id))), places


def _read_rows(
    path: Path, name: str, kind: type[Trade], netting_sets: Collection[str] | None, problems: Problems
) -> list[tuple[Trade | None, str, str]]:
    """Trades of a table, each with its id and where it stands."""
    lists = [field for field, wanted in field_names(kind).items() if get_origin(wanted) is tuple]
    if lists:
        got = f"a table, which has no room for {', '.join(lists)}"
        problems.add(name, f"{path.stem}{DOCUMENTS}, a list of objects", got, "write these trades as JSON")
        return []
    required, optional = _columns(kind)
    table = read_table(path, name, problems, required, optional)
    if table is not None and table.frame.empty:
        problems.notes.append(f"{name}: {NO_TRADE}")
    return [
        (
            _trade(kind, table, row, cells, netting_sets, problems),
            cells["trade_id"],
            f"{table.where(row)}, trade {cells['trade_id']}",
        )
        for row, cells in (table.rows() if table is not None else ())
        if table is not None
    ]


def _tables(folder: Path, name: str, problems: Problems, types: TradeTypes) -> list[Path]:
    """The tables of the folder; unknown names and a type given twice are problems."""
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        problems.add(name, "a folder with one table per trade type", got, f"looked for {folder}")
        return []
    found: dict[str, Path] = {}
    known = (*SUFFIXES, DOCUMENTS)
    for path in sorted(p for p in folder.iterdir() if p.suffix in known and not p.name.startswith(".")):
        if path.stem not in types:
            expected = f"a table named {', '.join(sorted(types))}"
            fix = closest(path.stem, types)
            # a misspelt name is a mistake; any other table holds trades of a kind that is not covered
            problems.add(f"{name}/{path.name}", expected, path.stem, fix, unsupported=not fix)
        elif path.stem in found:
            got = f"{found[path.stem].name} beside it"
            problems.add(f"{name}/{path.name}", "one table per trade type", got, "remove one")
        else:
            found[path.stem] = path
    if not found:
        problems.add(name, f"tables such as {sorted(types)[0]}.csv", "none")
    return list(found.values())


@cache
def _columns(kind: type[Trade]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Required and optional columns of a trade type."""
    given = [f for f in fields(kind) if f.init]
    needed = [f.name for f in given if f.default is MISSING and f.default_factory is MISSING]
    return tuple(needed), tuple(f.name for f in given if f.name not in needed)


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
            terms[column] = convert(text, field_names(kind)[column])
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
