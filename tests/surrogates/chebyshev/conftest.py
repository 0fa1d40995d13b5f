"""Makes `black_scholes_case` importable here and, since spawned workers inherit ``sys.path``, there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from black_scholes_case import BOX, COUNTS, function

from surrogates.chebyshev import TensorSurrogate, build_tensor


@pytest.fixture(scope="session")
def dense() -> TensorSurrogate:
    """PyChebyshev's documented 5-D test, on its 11^5 nodes."""
    return build_tensor(function, BOX, COUNTS)
