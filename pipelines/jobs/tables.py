"""Tables from CSV or Parquet, as text first, then cell by cell into what a field wants.

Rows are numbered as an editor or a spreadsheet shows them: the header of a CSV is row 1.
"""

from __future__ import annotations

import csv
import difflib
import errno
import io
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
import pandas as pd

from pipelines.jobs.problems import Problems
from xva import dates

LARGEST = 10**9
"""Bytes of the largest input that is read."""
_COMMA = re.compile(r"[-+]?[0-9.' ]*[0-9],[0-9]+%?")
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # pandas' name for a column without one
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_WANTED = {float: "a finite number", int: "a whole number", np.datetime64: "a date as YYYY-MM-DD",
           bool: "true or false", str: "a text"}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table as text; ``frame``'s index is the row number in the file."""

    name: str
    frame: pd.DataFrame

    def where(self, row: int, column: str = "") -> str:
        return f"{self.name}, row {row}" + (f", column {column}" if column else "")

    def has_rows(self, problems: Problems) -> bool:
        """Whether there is anything below the header; if not, says so."""
        if self.frame.empty:
            problems.add(self.name, "rows below the header", "none", "fill it, or name another file")
        return not self.frame.empty

    def rows(self) -> list[tuple[int, dict[str, str]]]:
        columns = list(self.frame.columns)
        cells = self.frame.to_numpy().tolist()
        return [(int(n), dict(zip(columns, row, strict=True))) for n, row in zip(self.frame.index, cells)]


def read_table(
    path: Path, name: str, problems: Problems, required: Sequence[str], optional: Sequence[str] = ()
) -> Table | None:
    """The table at ``path``; None, with the reasons in ``problems``, where it cannot be used.

    ``name`` stands for the file in messages. Unknown, missing and repeated columns are problems. Columns without name and
    cells are left out, as spreadsheets leave them.
    """
    frame = _read(path, name, problems)
    if frame is None:
        return None
    blank = [
        _UNNAMED.fullmatch(str(c)) is not None and (frame.iloc[:, k] == "").all()
        for k, c in enumerate(frame.columns)
    ]
    frame = frame.loc[:, ~np.array(blank, dtype=bool)]
    return Table(name, frame) if _columns_fit(frame, name, problems, required, optional) else None


def require_file(path: Path) -> None:
    """Raise OSError unless ``path`` is a file that ends: not a folder, pipe or device, and below a gigabyte."""
    size = path.stat().st_size
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.is_file():
        raise OSError(errno.EINVAL, "a pipe or device", str(path))
    if size > LARGEST:
        raise OSError(errno.EFBIG, f"{size:,} bytes, more than {LARGEST:,}", str(path))


def _read(path: Path, name: str, problems: Problems) -> pd.DataFrame | None:
    try:
        require_file(path)
        return _parquet(path) if path.suffix == ".parquet" else _csv(path, name, problems)
    except OSError as error:
        problems.add(name, "a readable file", error.strerror or str(error), f"looked for {path}")
    except UnicodeDecodeError as error:
        problems.add(
            name, "text in UTF-8", f"a byte at position {error.start} that is not", "save it as UTF-8"
        )
    except (csv.Error, ValueError) as error:  # pyarrow's errors are ValueErrors
        problems.add(name, f"a {path.suffix[1:] or 'CSV'} table", str(error).splitlines()[0])
    return None


def _csv(path: Path, name: str, problems: Problems) -> pd.DataFrame | None:
    rows, separator = _cells(path.read_text(encoding="utf-8-sig"))
    if not rows:
        problems.add(name, "a header and rows", "an empty file")
        return None
    if separator != "," and not _points(rows, separator, name, problems):
        return None
    (_, names), *body = rows
    width = max((k + 1 for k, cell in enumerate(names) if cell), default=0)
    header = names[:width]
    found, numbers = [], []
    for number, row in body:
        filled = len(row) if len(row) <= width else max(k + 1 for k, cell in enumerate(row) if cell)
        if len(row) < width or filled > width:
            got = f"{max(filled, len(row)) if len(row) < width else filled}"
            problems.add(f"{name}, row {number}", f"{width} cells", got, _why(row, width))
            continue
        found.append(row[:width])
        numbers.append(number)
    return pd.DataFrame(found, columns=header, index=pd.Index(numbers), dtype=object)


def _cells(text: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Rows that are not blank, each with its number in the file, and what separates their cells.

    Spreadsheets write semicolons where the comma is the decimal sign, and some a first line ``sep=;``.
    """
    lines = text.splitlines()
    first = lines[0].strip(' "') if lines else ""
    states = first.lower().startswith("sep=")
    head = next((line for line in lines[states:] if line.strip()), "")
    separator = first[4:5] or "," if states else next((mark for mark in ",;\t" if mark in head), ",")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    if states:
        next(reader)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    return [(number, row) for number, row in rows if any(row)], separator


def _points(rows: list[tuple[int, list[str]]], separator: str, name: str, problems: Problems) -> bool:
    """Whether numbers have decimal points, though commas do not separate cells; if not, says so once."""
    words = {";": "semicolons", "\t": "tabs"}.get(separator, repr(separator))
    for number, row in rows[1:]:
        for cell in row:
            if _COMMA.fullmatch(cell):
                fix = "save it with the point as decimal sign and the comma between cells, or as Parquet"
                got = f"{words} between cells and {cell!r} in row {number}, where the comma may be a decimal sign"
                problems.add(name, "numbers with a decimal point", got, fix)
                return False
    return True


def _why(row: list[str], width: int) -> str:
    """A guess at why a row has too many cells."""
    return "a decimal comma, or a text with a comma and without quotes?" if len(row) > width else ""


def _parquet(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path).reset_index(drop=True)
    text = {str(column): [_text(value) for value in frame[column].tolist()] for column in frame.columns}
    return pd.DataFrame(text, index=frame.index + 1, dtype=object)


def _text(value: Any) -> str:
    """A Parquet cell as a CSV would hold it; floats by repr, so that nothing is lost."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if hasattr(value, "isoformat"):
        return _day(value.isoformat())
    return str(value).strip()


def _day(text: str) -> str:
    """A timestamp at midnight as its date; any other as it is, which is no date: a day in one zone is two in another."""
    day, _, clock = text.partition("T")
    return text if re.match(r"00:00(:00(\.0+)?)?(?![\d:.])", clock) is None and clock else day


def _columns_fit(
    frame: pd.DataFrame, name: str, problems: Problems, required: Sequence[str], optional: Sequence[str]
) -> bool:
    before = len(problems)
    known, present = [*required, *optional], [str(c) for c in frame.columns]
    missing = [c for c in required if c not in present]
    if "" in present:
        at = present.index("") + 1
        problems.add(
            f"{name}, header", "a name for every column", f"none for column {at}", "name it or remove it"
        )
    for column in dict.fromkeys(c for c in present if c):
        if column not in known:
            close = difflib.get_close_matches(column, known, 1)
            fix = f"did you mean {close[0]}?" if close else "remove it or correct its name"
            problems.add(f"{name}, column {column}", f"one of {', '.join(known)}", "an unknown column", fix)
        elif present.count(column) > 1:
            problems.add(f"{name}, column {column}", "one column of that name", str(present.count(column)))
    for column in missing:
        problems.add(f"{name}, header", f"a column {column}", f"columns {', '.join(present)}")
    return len(problems) == before


def convert(text: str, wanted: Any) -> Any:
    """A cell as the type ``wanted`` (str, float, int, bool, datetime64, or one of them or None).

    Raises
    ------
    ValueError
        What was expected, in words.
    """
    kinds = _kinds(wanted)
    if not text:
        if type(None) in kinds:
            return None
        raise ValueError(_WANTED[kinds[0]])
    kind = kinds[0]
    try:
        return _PARSERS[kind](text)
    except dates.OutOfCalendarError:
        raise
    except ValueError:
        raise ValueError(_WANTED[kind]) from None


def _kinds(wanted: Any) -> list[Any]:
    """The type itself, or the members of a union, None last."""
    if get_origin(wanted) in (Union, UnionType):
        return sorted(get_args(wanted), key=lambda kind: kind is type(None))
    return [wanted]


def _number(text: str) -> float:
    value = float(text)
    if "_" in text or not text.isascii() or not math.isfinite(value):
        raise ValueError(text)
    return value


def _whole(text: str) -> int:
    value = _number(text)
    if value != int(value):
        raise ValueError(text)
    return int(value)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(text)
    return _TRUTH[text.lower()]


_PARSERS: dict[Any, Any] = {
    str: str, float: _number, int: _whole, bool: _truth, np.datetime64: dates.parse_date,
}  # fmt: skip


def shown(text: str) -> str:
    """A cell for a message."""
    return repr(text) if text else "an empty cell"
