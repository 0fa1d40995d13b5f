"""What the tests of Chebyshev tensors share."""

from __future__ import annotations

import pytest

from surrogates.chebyshev import TensorSurrogate, build_tensor
from tests.support.black_scholes_case import BOX, COUNTS, function


@pytest.fixture(scope="session")
def dense() -> TensorSurrogate:
    """PyChebyshev's documented 5-D test, on its 11^5 nodes."""
    return build_tensor(function, BOX, COUNTS)
