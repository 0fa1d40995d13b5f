"""Makes `dummy_plan` importable here and, since spawned workers inherit ``sys.path``, there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
