"""Stored bytes: JSON that is the same for equal values, and files that are whole or absent, whoever else writes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from xva.errors import StoreError

_DIGITS = 400  # more than the largest double has


def canonical_json(value: Any) -> bytes:
    """Encode with sorted keys, no spaces, UTF-8 and no NaN: equal values have equal bytes.

    Raises
    ------
    StoreError
        The value holds something that JSON does not (NaN, dates, arrays, numpy scalars).
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"not clean JSON: {error}; expected str, int, finite float, bool, list, dict"
        ) from error
    return text.encode()


def canonical_sha256(value: Any) -> str:
    """sha256 of a value's `canonical_json`, 64 hex digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def strict_json(text: str | bytes) -> Any:
    """Decode JSON that says one thing: no key twice in an object, no NaN, nothing too deep or too long to be meant.

    Raises
    ------
    ValueError
        What is wrong, with its line and column where it is no JSON at all.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_whole_number
        )
    except RecursionError:
        raise ValueError("lists or objects nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} twice in one object")
    return found


def _whole_number(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name}, which is no number")


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data``: temporary name, fsync, rename, fsync of the folder; a file of that name is replaced.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    fsync(path.parent)


def fsync(path: Path) -> None:
    """Flush a file or a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
