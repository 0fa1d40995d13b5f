"""A process that dies at its n-th operation on the disk: writes (before and half done), fsyncs, renames, folders, removals."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

DIED = 9
"""Exit status of the process."""


class DyingDisk:
    """Counts operations of this process from `install` on, and ends it at one of them.

    Parameters
    ----------
    point : int
        At which operation, from 1; 0: never.
    power : bool
        Whether the power goes with the process: what was written and not flushed is lost, as far as a file's content goes.
    """

    def __init__(self, point: int, power: bool = False) -> None:
        self._point = point
        self._power = power
        self._unsynced: set[str] = set()
        self._truncate = os.truncate
        self.count = 0

    def install(self) -> None:
        """From now on; the process is one to be thrown away."""
        opened, fsync = io.open, os.fsync

        def open_file(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            found = opened(file, mode, *args, **options)
            return _File(found, self, str(file)) if set(mode) & set("wxa+") else found

        def flush(descriptor: int) -> None:
            self.step()
            fsync(descriptor)
            self._unsynced.discard(os.readlink(f"/proc/self/fd/{descriptor}"))

        io.open = open_file  # type: ignore[assignment]
        os.fsync = flush  # type: ignore[assignment]
        for name in ("replace", "rename"):
            setattr(os, name, self._moving(getattr(os, name)))
        for name in ("unlink", "remove", "rmdir", "mkdir", "pwrite", "ftruncate"):
            setattr(os, name, self._stepping(getattr(os, name)))

    def step(self, half: Callable[[], object] | None = None) -> None:
        """One operation is about to happen; ``half`` does a part of it before the end."""
        self.count += 1
        if self.count != self._point:
            return
        if half is not None:
            half()
        if self._power:
            for path in self._unsynced:
                if os.path.isfile(path):
                    self._truncate(path, 0)
        os._exit(DIED)

    def written(self, path: str) -> None:
        """A file has content that is not flushed."""
        self._unsynced.add(path)

    def _stepping(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.step()
            return real(*args, **options)

        return call

    def _moving(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def move(source: Any, target: Any, **options: Any) -> None:
            self.step()
            real(source, target, **options)
            old, new = str(source), str(target)
            self._unsynced = {new + p[len(old) :] if _under(p, old) else p for p in self._unsynced}

        return move


class _File:
    """A file open for writing."""

    def __init__(self, file: Any, disk: DyingDisk, path: str) -> None:
        self._file = file
        self._disk = disk
        self._path = path

    def write(self, data: Any) -> Any:
        self._disk.step()
        self._disk.step(lambda: self._half(data))
        self._disk.written(self._path)
        return self._file.write(data)

    def _half(self, data: Any) -> None:
        part = (
            data[: len(data) // 2] if isinstance(data, str) else memoryview(data).cast("B")[: len(data) // 2]
        )
        self._file.write(part)
        self._file.flush()

    def __enter__(self) -> _File:
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
