"""Builds spread over workers: the bits of the serial build, whoever computes the nodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.execution.dask_executors import LocalExecutor
from pipelines.execution.errors import QuarantineError
from pipelines.execution.node_values import spread
from surrogates.chebyshev import TensorSurrogate, build_spline, build_tensor
from surrogates.chebyshev.nodes import Points
from tests.support import black_scholes_case
from tests.support.black_scholes_case import BOX, COUNTS, BlackScholesNodes, function, sample
from xva.errors import DomainError, StoreError

TRUST = (black_scholes_case.__name__,)
SMALL = (4, 3, 3, 4, 3)


def plan(points: Points) -> BlackScholesNodes:
    return BlackScholesNodes(points, rows=100)


def test_blocks_in_this_process_are_the_whole_build(dense: TensorSurrogate) -> None:
    blocks = build_tensor(spread(lambda p: BlackScholesNodes(p, rows=20_000)), BOX, COUNTS)
    points = sample(BOX, 100)
    assert torch.allclose(blocks(points), dense(points), rtol=1e-13)


@pytest.mark.slow
def test_two_workers_give_the_serial_bits() -> None:
    serial = spread(plan)
    workers = spread(plan, LocalExecutor(2), trusted_modules=TRUST)
    assert torch.equal(
        build_tensor(workers, BOX, SMALL).coefficients, build_tensor(serial, BOX, SMALL).coefficients
    )


def test_a_spline_is_spread_too() -> None:
    knots = [[100.0], [], [], [], []]
    found = build_spline(spread(plan), BOX, SMALL, knots)
    expected = build_spline(function, BOX, SMALL, knots)
    for a, b in zip(found.pieces, expected.pieces):
        assert torch.allclose(a.coefficients, b.coefficients, rtol=1e-12, atol=1e-12)


def test_a_plan_travels_as_arrays_and_json() -> None:
    first = BlackScholesNodes(np.random.default_rng(1).uniform(0.1, 1.0, (7, 5)), rows=3, dividend=0.05)
    arrays, meta = first.payload()
    again = BlackScholesNodes.from_payload(arrays, meta)
    assert meta == {"rows": 3, "dividend": 0.05}
    assert again.n_blocks == 3
    for block in range(3):
        np.testing.assert_array_equal(again.run(block).sums["values"], first.run(block).sums["values"])


def test_untrusted_modules_and_misfits_are_refused() -> None:
    with pytest.raises(StoreError, match="trusted_modules"):
        spread(plan, LocalExecutor(1))(np.ones((3, 5)))
    with pytest.raises(DomainError, match="rows >= 1"):
        BlackScholesNodes(np.ones((3, 5)), rows=0)

    class Misfit(BlackScholesNodes):
        def values(self, points: Points) -> Points:
            return points

    with pytest.raises(QuarantineError, match=r"expected values of shape \(3,\)"):
        spread(lambda p: Misfit(p, rows=5))(np.ones((3, 5)))
