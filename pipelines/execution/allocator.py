"""The C library's allocator, told to keep what is freed: half of a reverse pass went into handing pages back and forth."""

from __future__ import annotations

import ctypes

KEPT_BYTES = 1 << 30
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3) of glibc


def keep_freed_memory() -> bool:
    """Keep up to 1 GiB of freed arrays in this process, as Dask's workers do; False where the C library has no such option.

    For a process that is ours (a command), not for a user's notebook.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc (macOS, musl, Windows)
        return False
    return all(mallopt(option, KEPT_BYTES) for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))
