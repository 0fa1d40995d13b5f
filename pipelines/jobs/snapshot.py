"""A job's files as bytes that travel with its run, so that the run can be resumed without the originals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pipelines.jobs.inputs import LoadedJob
from xva.errors import StoreError

_JOB, _INPUT = "job:", "input:"
_TABLES = (".csv", ".parquet", ".json")


def snapshot(job: LoadedJob) -> dict[str, bytes]:
    """The job file and every input it names, by name relative to their common folder."""
    files = dict.fromkeys(_inputs(job), _INPUT) | {job.path: _JOB}
    plain = {Path(os.path.normpath(path)): kind for path, kind in files.items()}
    root = os.path.commonpath([path.parent for path in plain])
    return {kind + path.relative_to(root).as_posix(): path.read_bytes() for path, kind in plain.items()}


def restore(files: Mapping[str, bytes], folder: Path) -> Path:
    """Write what `snapshot` took below ``folder`` and return the job file.

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


def _inputs(job: LoadedJob) -> list[Path]:
    inputs = job.spec.inputs
    named = (inputs.quotes, inputs.netting_sets, inputs.counterparties, inputs.fixings)
    tables = sorted(p for p in (job.base / inputs.trades).iterdir() if p.suffix in _TABLES)
    return [job.base / name for name in named if name is not None] + tables


def _inside(relative: str, name: str) -> PurePosixPath:
    path = PurePosixPath(relative)
    if not relative or path.is_absolute() or ".." in path.parts:
        raise StoreError(f"input {name!r}: expected a name below the run's own folder")
    return path
