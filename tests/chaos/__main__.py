"""``python -m tests.chaos [PART ...]``: one part after the other; figures as a table, exit code 1 where anything was lost."""

from __future__ import annotations

import importlib
import sys

from tests.chaos.figures import HEAD

PARTS = {
    "crash": ("crash_points", "crash_points"),
    "kills": ("kills", "kills"),
    "damage": ("damage", "damage"),
    "fuzz": ("fuzz", "fuzz"),
    "misfortunes": ("misfortunes", "misfortunes"),
    "scale": ("scale", "scale"),
}
"""Module and function of each; every one returns rows."""


def main(names: list[str]) -> int:
    if unknown := sorted(set(names) - PARTS.keys()):
        sys.stderr.write(f"expected parts among {', '.join(PARTS)}, got {', '.join(unknown)}\n")
        return 2
    sys.stdout.write(f"{HEAD}\n")
    lost = False
    for name in names or list(PARTS):
        module, function = PARTS[name]
        for figures in getattr(importlib.import_module(f"tests.chaos.{module}"), function)():
            sys.stdout.write(f"{figures.row()}\n")
            sys.stdout.flush()
            lost |= bool(figures.lost)
    return int(lost)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
