"""PyChebyshev's 5-D Black-Scholes test: errors against the closed form, values against PyChebyshev's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pychebyshev import ChebyshevApproximation
from torch import Tensor

from surrogates.chebyshev import TensorSurrogate, TrainSurrogate, build_train
from tests.support.black_scholes_case import BOX, COUNTS, ORDERS, exact, function, price, sample

BOUNDS = [(axis.lower, axis.upper) for axis in BOX.axes]


@pytest.fixture(scope="module")
def theirs() -> ChebyshevApproximation:
    grid = ChebyshevApproximation.nodes(5, BOUNDS, list(COUNTS))
    return ChebyshevApproximation.from_values(
        function(grid["full_grid"]).reshape(COUNTS), 5, BOUNDS, list(COUNTS)
    )


def worst(found: Tensor, truth: Tensor) -> Tensor:
    """Largest error over largest value, per column."""
    return (found - truth).abs().amax(0) / truth.abs().amax(0)


def test_dense_is_pychebyshev_to_rounding(dense: TensorSurrogate, theirs: ChebyshevApproximation) -> None:
    points = sample(BOX, 40)
    grid = ChebyshevApproximation.nodes(5, BOUNDS, list(COUNTS))
    on_nodes = torch.tensor([[axis[3] for axis in grid["nodes_per_dim"]]], dtype=torch.float64)
    corners = torch.tensor([[b[0] for b in BOUNDS], [b[1] for b in BOUNDS]], dtype=torch.float64)
    points = torch.cat([points, on_nodes, corners])
    orders = [*ORDERS, (1, 1, 0, 0, 0), (0, 0, 1, 2, 1)]
    expected = torch.tensor(
        [theirs.vectorized_eval_multi(p, [list(o) for o in orders]) for p in points.tolist()],
        dtype=torch.float64,
    )
    found = dense.value_and_derivatives(points, orders)
    gap = worst(found, expected)
    assert float(gap[:-1].max()) < 1e-10
    assert float(gap[-1]) < 1e-6  # a fourth derivative at a corner: rounding, in theirs too


def test_errors_per_greek_are_those_of_the_nodes(dense: TensorSurrogate) -> None:
    points = sample(BOX, 20_000)
    truth = exact(points)
    found = worst(dense.value_and_derivatives(points, ORDERS), truth)
    # published, on fewer points: price 3e-6, delta 1.6e-4, gamma 7.7e-3, vega 1.3e-4, rho 1.4e-5 (theta: ours)
    stated = torch.tensor([3e-6, 1.6e-4, 7.7e-3, 1.3e-4, 1.4e-5, 1.4e-4], dtype=torch.float64)
    assert bool((found < 3.5 * stated).all()), found
    for tolerance, slack in ((1e-10, 1e-4), (1e-12, 1e-6)):
        train = TrainSurrogate.compressed(dense, tolerance)
        assert max(train.ranks) < 60
        compressed = worst(train.value_and_derivatives(points, ORDERS), truth)
        assert bool((compressed < found * (1 + slack)).all()), compressed / found - 1


@pytest.mark.slow
def test_a_train_s_greeks_are_analytic_where_pychebyshev_s_are_finite_differences() -> None:
    from pychebyshev import ChebyshevTT

    counts = list(COUNTS)

    def one(point: list[float], _: object) -> float:
        return float(price(torch.tensor(point, dtype=torch.float64)))

    theirs = ChebyshevTT(one, 5, BOUNDS, counts, 8, 1e-6)
    theirs.build(verbose=False, seed=0)
    ours = build_train(function, BOX, counts, max_rank=8, seed=0)
    points = sample(BOX, 60, seed=3)
    found = ours.value_and_derivatives(points, ORDERS)
    # the same train: the values agree to rounding, so do its own derivatives by AD
    assert found[:, 0].numpy() == pytest.approx(theirs.eval_batch(points.numpy()), rel=1e-11)
    x = points.clone().requires_grad_()
    (first,) = torch.autograd.grad(ours(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first[:, 0].sum(), x)
    assert torch.allclose(found[:, [1, 3, 4, 5]], first[:, [0, 3, 4, 2]].detach(), rtol=1e-10, atol=1e-10)
    assert torch.allclose(found[:, 2], second[:, 0], rtol=1e-9, atol=1e-10)
    differences = np.array([theirs.eval_multi(list(p), [list(o) for o in ORDERS]) for p in points.tolist()])
    gap = np.abs(found.numpy() - differences).max(0) / np.abs(differences).max(0)
    assert gap.max() < 1e-6
    truth = exact(points)
    assert float(worst(found, truth)[0]) < 2e-3  # published: 1.3e-3


@pytest.mark.slow
def test_price_error_of_a_cross_train_is_that_of_pychebyshev_s() -> None:
    ours = build_train(function, BOX, COUNTS, max_rank=15, seed=42)
    points = sample(BOX, 5_000, seed=5)
    assert float(worst(ours(points)[:, None], price(points)[:, None])) < 1.3e-3
