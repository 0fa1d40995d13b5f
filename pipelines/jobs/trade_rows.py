"""Trades of a table, CSV or Parquet: a row each, columns named as the fields of their class."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, get_origin

from pipelines.jobs.parties import closest
from pipelines.jobs.problems import NAME, Problems
from pipelines.jobs.tables import Table, convert, read_table, shown
from xva.errors import Problem, TradeError
from xva.trades import TermsError, Trade
from xva.trades.documents import field_names

NO_TRADE = "a header and no trade"
_DEFAULT = object()  # where a cell is empty and its field has one


def read_rows(
    path: Path, name: str, kind: type[Trade], netting_sets: Collection[str] | None, problems: Problems
) -> list[tuple[Trade | None, str, str]]:
    """Trades of a table, each with its id and where it stands."""
    lists = [field for field, wanted in field_names(kind).items() if get_origin(wanted) is tuple]
    if lists:
        got = f"a table, which has no room for {', '.join(lists)}"
        problems.add(name, f"{path.stem}.json, a list of objects", got, "write these trades as JSON")
        return []
    required, optional = _columns(kind)
    table = read_table(path, name, problems, required, optional)
    if table is not None and table.frame.empty:
        problems.notes.append(f"{name}: {NO_TRADE}")
    return _rows(kind, table, netting_sets, problems) if table is not None else []


def _rows(
    kind: type[Trade], table: Table, netting_sets: Collection[str] | None, problems: Problems
) -> list[tuple[Trade | None, str, str]]:
    """Trades of a table; every text of a column is read once, and a row with anything amiss is read again to say what."""
    required, _ = _columns(kind)
    columns = [str(column) for column in table.frame.columns]
    cells = table.frame.to_numpy().T.tolist()
    known: dict[str, Collection[str] | None] = {"netting_set": netting_sets}
    read = [
        _column(field_names(kind)[c], texts, c in required, known.get(c)) for c, texts in zip(columns, cells)
    ]
    ids = cells[columns.index("trade_id")]
    amiss = {k for k, trade_id in enumerate(ids) if not NAME.fullmatch(trade_id)}.union(
        *(bad for _, bad in read)
    )
    found: list[tuple[Trade | None, str, str]] = []
    rows = zip(table.frame.index.tolist(), zip(*(values for values, _ in read)))
    for k, (row, values) in enumerate(rows):
        trade = None
        if k not in amiss:
            with suppress(TradeError):
                trade = kind(**{c: value for c, value in zip(columns, values) if value is not _DEFAULT})
        if trade is None:
            texts = dict(zip(columns, (column[k] for column in cells)))
            trade = _trade(kind, table, row, texts, netting_sets, problems)
        found.append((trade, ids[k], f"{table.where(row)}, trade {ids[k]}"))
    return found


def _column(
    wanted: Any, texts: Sequence[str], required: bool, known: Collection[str] | None
) -> tuple[list[Any], set[int]]:
    """Values of a column's cells, `_DEFAULT` where the field keeps it, and the rows of which there is something to say.

    ``known`` are the names that may stand there; anything by default.
    """
    read: dict[str, Any] = {}
    wrong: set[str] = set()
    for text in dict.fromkeys(texts):
        read[text] = _DEFAULT
        if text and known is not None and text not in known:
            wrong.add(text)
        elif text or required:
            try:
                read[text] = convert(text, wanted)
            except ValueError:
                wrong.add(text)
    rows = {k for k, text in enumerate(texts) if text in wrong} if wrong else set()
    return [read[text] for text in texts], rows


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
