"""One driver per run: an advisory lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xva.errors import StoreError

_TRIES = 5


class LockedError(StoreError):
    """Another driver is at work in this run directory."""


@contextmanager
def driver_lock(path: Path) -> Iterator[None]:
    """Hold the run's lock.

    Raises
    ------
    LockedError
        Another driver holds it; the message says which process on which host.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _acquire(descriptor):
            raise LockedError(
                f"{path.parent}: another driver is at work here ({_who(path)}); wait for it, follow it with "
                f"'xva status', or stop it"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int) -> bool:
    for _ in range(_TRIES):  # `lock_holder` shares the lock for an instant
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def lock_holder(path: Path) -> str | None:
    """Return who drives the run now (``process 12 on host``), or None."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _who(path)
    finally:
        os.close(descriptor)
    return None


def _who(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown process"
