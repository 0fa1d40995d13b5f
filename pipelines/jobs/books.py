"""The trades folder: one file per trade type, its terms named as the fields of its class."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pipelines.jobs.parties import closest
from pipelines.jobs.problems import Problems
from pipelines.jobs.trade_formats import TRADE_FORMATS
from pipelines.jobs.trade_rows import NO_TRADE
from xva.trades import Trade
from xva.trades import registry as TRADE_TYPES
from xva.trades.kinds import TradeTypes


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
        form = TRADE_FORMATS[path.suffix]
        for trade, trade_id, where in form.read(path, told, kind, netting_sets, problems):
            if trade_id and trade_id in places:
                got = f"{trade_id} also in {places[trade_id]}"
                place = f"{where.partition(', trade ')[0]}, {form.term} trade_id"
                problems.add(place, "each trade id once", got, "rename one")
                continue
            places[trade_id] = where
            if trade is not None:
                trades.append(trade)
    if not places:
        empty = [note.partition(":")[0] for note in problems.notes if note.endswith(NO_TRADE)]
        for table in empty:
            problems.add(table, "trades below the header", "none", "fill it, or add a table of another type")
    return tuple(sorted(trades, key=lambda trade: (trade.kind, trade.trade_id))), places


def _tables(folder: Path, name: str, problems: Problems, types: TradeTypes) -> list[Path]:
    """The tables of the folder; unknown names and a type given twice are problems."""
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing there"
        problems.add(name, "a folder with one table per trade type", got, f"looked for {folder}")
        return []
    found: dict[str, Path] = {}
    for path in sorted(
        p for p in folder.iterdir() if p.suffix in TRADE_FORMATS and not p.name.startswith(".")
    ):
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
    _unread(folder, name, problems, types)
    if not found:
        problems.add(name, f"tables such as {sorted(types)[0]}.csv", "none")
    return list(found.values())


def _unread(folder: Path, name: str, problems: Problems, types: TradeTypes) -> None:
    """What lies beside the tables: trades where nobody looks are problems, all else is noted."""
    for path in sorted(
        p for p in folder.iterdir() if p.suffix not in TRADE_FORMATS and not p.name.startswith(".")
    ):
        place, kind = f"{name}/{path.name}", path.name.partition(".")[0].lower()
        within = (
            [p.name for p in sorted(path.iterdir()) if p.name.partition(".")[0] in types]
            if path.is_dir()
            else []
        )
        if within:
            problems.add(
                place,
                "tables in the folder itself",
                f"{within[0]} in a folder of it",
                "move them up, or name that folder",
            )
        elif kind in types and path.is_file():
            problems.add(
                place,
                f"a table ending in {', '.join(TRADE_FORMATS)}",
                path.name,
                f"rename or convert it: {kind}.csv",
            )
        else:
            problems.notes.append(f"{place}: not read, its name is none of a table")
