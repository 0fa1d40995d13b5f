"""Some of the points at which a run can stop; all of them: ``make chaos PART=crash``."""

from __future__ import annotations

import subprocess
import sys

from tests.support.places import ROOT


def test_a_run_stopped_anywhere_is_resumed_to_the_same_bytes() -> None:
    """In a process of its own, which is forked for every point."""
    command = [sys.executable, "-W", "error", "-m", "tests.chaos.crash_points", "131"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("resumed to the same bytes in every file") == 3
