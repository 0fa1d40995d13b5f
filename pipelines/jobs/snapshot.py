"""A job's files as bytes, taken once: what is read, what identifies the run and what travels with it are the same."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.jobs.tables import require_file
from pipelines.jobs.trade_formats import TRADE_FORMATS
from xva.errors import Problem, StoreError

_JOB, _INPUT = "job:", "input:"
_FILES = ("quotes", "netting_sets", "counterparties", "fixings", "market")


@dataclass(frozen=True)
class Taken:
    """A job file ``job`` in ``folder`` among copies of its inputs, which come from ``root``; ``files`` are their bytes."""

    job: Path
    folder: str
    root: str
    files: Mapping[str, bytes]

    def original(self, problem: Problem) -> Problem:
        """A problem found in the copies, as one of the originals."""
        texts = {
            n: getattr(problem, n).replace(self.folder, self.root)
            for n in ("where", "expected", "got", "fix")
        }
        return replace(problem, **texts)


@contextmanager
def taken(path: Path) -> Iterator[Taken]:
    """Copy a job file and all inputs it names, each read once.

    What cannot be read, and what lies beside the tables of trades without being one, is a link to the original in the copy, so
    that whoever reads the copy finds the same fault; a job file that cannot be read is itself.
    """
    try:
        require_file(path)
        data = path.read_bytes()
    except OSError:
        yield Taken(path, str(path.parent), str(path.parent), {})
        return
    named = _named(path, data)
    inputs = {Path(os.path.normpath(p)) for p, is_read in named.items() if is_read}
    plain = [Path(os.path.normpath(p)) for p in (path, *named)]
    root = Path(os.path.commonpath([p.parent for p in plain]))
    with tempfile.TemporaryDirectory(prefix="xva-inputs-") as aside:
        files = {}
        for source in dict.fromkeys(plain):
            name = source.relative_to(root).as_posix()
            read = data if source == plain[0] else _bytes(source) if source in inputs else None
            target = Path(aside) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if read is None:
                _stand_in(source, target)
                continue
            target.write_bytes(read)
            files[(_JOB if source == plain[0] else _INPUT) + name] = read
        yield Taken(Path(aside) / plain[0].relative_to(root), aside, str(root), files)


def _named(path: Path, data: bytes) -> dict[Path, bool]:
    """Files and folders that the job names, as far as it can be understood, and whether they are inputs.

    What is wrong with the job is told elsewhere.
    """
    try:
        inputs: Any = tomllib.loads(data.decode("utf-8")).get("inputs")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(inputs, dict):
        return {}
    found = {path.parent / inputs[key]: True for key in _FILES if _is_name(inputs.get(key))}
    if _is_name(inputs.get("trades")):
        folder = path.parent / inputs["trades"]
        within = sorted(folder.iterdir()) if folder.is_dir() else []
        found |= {p: p.suffix in TRADE_FORMATS for p in within} or {folder: True}
    return found


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _bytes(source: Path) -> bytes | None:
    """A file's content; None for what is none or cannot be read."""
    try:
        require_file(source)
        return source.read_bytes()
    except OSError:
        return None


def _stand_in(source: Path, target: Path) -> None:
    if os.path.lexists(source) and not target.exists():
        target.symlink_to(source)


def restore(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files of a job below ``folder`` and return the job file.

    Raises
    ------
    StoreError
        There is no job among the files, or a name would leave ``folder``.
    """
    job: Path | None = None
    for name, data in files.items():
        kind, _, relative = name.partition(":")
        target = folder / _inside(relative, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        job = target if kind + ":" == _JOB else job
    if job is None:
        raise StoreError(
            "this run holds no job file: it was not made by 'xva run' and cannot be resumed by it"
        )
    return job


def _inside(relative: str, name: str) -> PurePosixPath:
    path = PurePosixPath(relative)
    if not relative or path.is_absolute() or ".." in path.parts:
        raise StoreError(f"input {name!r}: expected a name below the run's own folder")
    return path
