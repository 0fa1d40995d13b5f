"""Where things are: the repository, its examples, the tests' reference numbers."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ORACLES = ROOT / "tests" / "oracles"
