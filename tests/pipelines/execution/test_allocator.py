"""A command keeps freed memory: large arrays made one after the other fault their pages in once."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from pipelines.execution.allocator import keep_freed_memory
told = keep_freed_memory() if sys.argv[1] == "keep" else None
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 23).sum()
before = faults()
for _ in range(10):
    np.ones(1 << 23).sum()
print(told, faults() - before)
"""


def _run(how: str) -> tuple[str, int]:
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT, how], check=True, capture_output=True, text=True
    ).stdout
    told, faults = out.split()
    return told, int(faults)


def test_freed_arrays_are_not_handed_back_to_the_system() -> None:
    told, kept = _run("keep")
    if told != "True":
        pytest.skip("this C library has no mallopt")
    _, handed_back = _run("leave")
    assert kept < 0.2 * handed_back
