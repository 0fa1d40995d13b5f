"""What one kind of surrogate does differently: knots, pivots, ranks; and PyChebyshev's objects converted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pychebyshev import ChebyshevApproximation, ChebyshevSlider, ChebyshevSpline, ChebyshevTT
from scipy.special import ndtr

from surrogates.chebyshev import (
    Axis,
    Box,
    SliderSurrogate,
    SplineSurrogate,
    TensorSurrogate,
    TrainSurrogate,
    build_slider,
    build_spline,
    build_tensor,
    build_to_threshold,
    build_train,
    from_pychebyshev,
)
from tests.support.black_scholes_case import sample
from xva.errors import DomainError

BOX = Box((Axis("spot", 80.0, 120.0), Axis("vol", 0.1, 0.5)))
BOUNDS = [(80.0, 120.0), (0.1, 0.5)]
POINTS = sample(BOX, 40)
ORDERS = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1)]


def kinked(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Payoff-like: a kink at 100."""
    return np.asarray(np.maximum(p[:, 0] - 100.0, 0.0) * np.exp(p[:, 1]) + np.sin(3.0 * p[:, 1]))


def smooth(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(p[:, 0] / 50.0 * p[:, 1]) + np.cos(p[:, 1] * 9.0))


def pointwise(f):  # type: ignore[no-untyped-def]
    return lambda p, _: float(f(np.array([p]))[0])


def test_a_spline_is_exact_on_both_sides_of_a_kink() -> None:
    spline = build_spline(kinked, BOX, (4, 12), [[100.0], []])
    plain = build_tensor(kinked, BOX, (32, 12))
    truth = torch.from_numpy(kinked(POINTS.numpy()))
    assert float((spline(POINTS) - truth).abs().max()) < 1e-11
    assert float((plain(POINTS) - truth).abs().max()) > 0.01
    delta = spline.value_and_derivatives(POINTS, [(1, 0)])[:, 0]
    assert torch.allclose(delta, (POINTS[:, 0] > 100.0) * POINTS[:, 1].exp(), atol=1e-10)


def test_a_derivative_on_a_knot_is_refused_or_one_sided() -> None:
    spline = build_spline(kinked, BOX, (4, 12), [[100.0], []])
    on = torch.tensor([[90.0, 0.2], [100.0, 0.3], [100.0 + 1e-12, 0.3]], dtype=torch.float64)
    assert float(spline(on)[1]) == pytest.approx(np.sin(0.9), abs=1e-12)
    with pytest.raises(
        DomainError, match=r"derivative in spot: 2 queries are on the knot 100.0, first at row 1"
    ):
        spline.value_and_derivatives(on, [(1, 0)])
    assert float(spline.value_and_derivatives(on, [(0, 1)])[1]) == pytest.approx(3.0 * np.cos(0.9), rel=1e-8)
    with warnings.catch_warnings():  # torch scripts its forward-mode formulas on first use
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.exp, (torch.ones(1),), (torch.ones(1),))
    for differentiate in (torch.func.grad, torch.func.jacrev, torch.func.jacfwd):
        with pytest.raises(DomainError, match="on the knot"):
            differentiate(lambda p: spline(p).sum())(on)
    with pytest.raises(DomainError, match="first at row 70001"):
        spline.value_and_derivatives(torch.cat([on[:1].expand(70_000, 2), on]), [(1, 0)])
    right = spline.sided("right").value_and_derivatives(on[1], [(1, 0)])
    left = spline.sided("left").value_and_derivatives(on[1], [(1, 0)])
    assert float(right) == pytest.approx(np.exp(0.3), rel=1e-10)
    assert float(left) == pytest.approx(0.0, abs=1e-10)
    graph = on.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(spline.sided("left")(graph).sum(), graph)
    assert float(gradient[1, 0]) == pytest.approx(0.0, abs=1e-10)


def test_a_jump_takes_the_value_of_the_chosen_side() -> None:
    spline = build_spline(lambda p: np.where(p[:, 0] < 100.0, 0.0, 1.0), BOX, (3, 3), [[100.0], []])
    on = torch.tensor([[100.0, 0.3]], dtype=torch.float64)
    assert float(spline(on)) == pytest.approx(1.0)
    assert float(spline.sided("left")(on)) == pytest.approx(0.0, abs=1e-14)
    assert float(spline.fix(spot=100.0)(on[:, 1:])) == pytest.approx(1.0)
    assert float(spline.sided("left").fix(spot=100.0)(on[:, 1:])) == pytest.approx(0.0, abs=1e-14)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    knots=st.lists(st.sampled_from([82.0, 91.5, 100.0, 107.25, 119.0]), unique=True).map(sorted),
    inner=st.lists(st.sampled_from([0.15, 0.3, 0.42]), unique=True).map(sorted),
)
def test_any_knots_leave_a_polynomial_as_it_is(knots: list[float], inner: list[float]) -> None:
    def cubic(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((p[:, 0] - 100.0) ** 3 * p[:, 1] + p[:, 1] ** 3)

    spline = build_spline(cubic, BOX, (4, 4), [knots, inner])
    truth = torch.from_numpy(cubic(POINTS.numpy()))
    assert torch.allclose(spline(POINTS), truth, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("knots", [[[80.0], []], [[101.0, 100.0], []], [[100.0, 100.0], []], [[]]])
def test_knots_out_of_order_are_refused(knots: list[list[float]]) -> None:
    with pytest.raises(DomainError, match="knots"):
        build_spline(kinked, BOX, (4, 4), knots)


def test_pychebyshev_s_spline_with_its_algebra_and_slices() -> None:
    theirs = [ChebyshevSpline(pointwise(f), 2, BOUNDS, [9, 8], [[95.0, 100.0], []]) for f in (kinked, smooth)]
    for spline in theirs:
        spline.build(verbose=False)
    joined = 2.0 * theirs[0] + theirs[1]
    ours = from_pychebyshev(joined, BOX)
    assert isinstance(ours, SplineSurrogate)
    expected = np.array([joined.eval_multi(p, [list(o) for o in ORDERS]) for p in POINTS.tolist()])
    found = ours.value_and_derivatives(POINTS, ORDERS).numpy()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    sliced = from_pychebyshev(joined.slice((0, 97.0)), BOX.without(["spot"]))
    assert torch.allclose(sliced(POINTS[:, 1:]), ours.fix(spot=97.0)(POINTS[:, 1:]), rtol=1e-11)


def test_pychebyshev_s_tensor_with_its_algebra_and_slices() -> None:
    built = [ChebyshevApproximation(pointwise(f), 2, BOUNDS, [9, 8]) for f in (kinked, smooth)]
    for one in built:
        one.build(verbose=False)
    joined = 2.0 * built[0] - built[1]
    ours = from_pychebyshev(joined, BOX)
    mine = 2.0 * build_tensor(kinked, BOX, (9, 8)) - build_tensor(smooth, BOX, (9, 8))
    expected = np.array([joined.vectorized_eval_multi(p, [list(o) for o in ORDERS]) for p in POINTS.tolist()])
    for surrogate in (ours, mine):
        found = surrogate.value_and_derivatives(POINTS, ORDERS).numpy()
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    extruded = from_pychebyshev(joined.extrude((2, (0.0, 1.0), 3)), Box((*BOX.axes, Axis("new", 0.0, 1.0))))
    wide = torch.cat([POINTS, torch.full((40, 1), 0.3, dtype=torch.float64)], 1)
    assert torch.allclose(extruded(wide), ours(POINTS), rtol=1e-12)


def test_pychebyshev_s_slider_and_its_zero_mixed_derivatives() -> None:
    box = Box((*BOX.axes, Axis("rate", 0.0, 0.1)))
    pivot = [100.0, 0.3, 0.05]

    def three(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return smooth(p) + np.asarray(np.exp(10.0 * p[:, 2]))

    theirs = ChebyshevSlider(pointwise(three), 3, [*BOUNDS, (0.0, 0.1)], [9, 8, 7], [[1, 0], [2]], pivot)
    theirs.build(verbose=False)
    ours = build_slider(three, box, (9, 8, 7), [["vol", "spot"], ["rate"]], pivot)
    converted = from_pychebyshev(theirs, box)
    points = sample(box, 30)
    orders = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 0, 2)]
    expected = np.array([theirs.eval_multi(p, [list(o) for o in orders]) for p in points.tolist()])
    for surrogate in (ours, converted):
        assert isinstance(surrogate, SliderSurrogate)
        found = surrogate.value_and_derivatives(points, orders).numpy()
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)
    truth = torch.from_numpy(three(points.numpy()))
    assert float((ours(points) - truth).abs().max()) < 1e-3  # the function is a sum over the groups
    assert theirs.eval(points[0].tolist(), [1, 0, 1]) == 0.0
    with pytest.raises(DomainError, match=r"mixed derivative in .*'spot', 'rate'"):
        ours.value_and_derivatives(points, [(1, 0, 1)])
    with pytest.raises(DomainError, match="every axis"):
        build_slider(three, box, (9, 8, 7), [["vol"], ["rate"]], pivot)
    with pytest.raises(DomainError, match="outside the box"):
        build_slider(three, box, (9, 8, 7), [["vol", "spot"], ["rate"]], [100.0, 0.3, 0.5])


def test_pychebyshev_s_train_in_another_order_of_axes() -> None:
    box = Box((Axis("a", 0.0, 1.0), Axis("b", -2.0, 3.0), Axis("c", 1.0, 4.0)))
    bounds = [(x.lower, x.upper) for x in box.axes]
    counts = [7, 9, 8]

    def f(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.exp(-p[:, 0] * p[:, 2]) * np.cos(p[:, 1]))

    built = ChebyshevTT(pointwise(f), 3, bounds, counts, max_rank=8, tolerance=1e-12)
    built.build(verbose=False, seed=1)
    theirs = built.reorder([2, 0, 1])
    ours = from_pychebyshev(theirs, box)
    assert isinstance(ours, TrainSurrogate)
    assert ours.sequence == (2, 0, 1)
    points = sample(box, 30)
    assert ours(points).numpy() == pytest.approx(theirs.eval_batch(points.numpy()), rel=1e-11, abs=1e-12)
    orders = [(0, 0, 0), (1, 0, 2), (0, 1, 0)]
    assert torch.allclose(
        ours.value_and_derivatives(points, orders),
        ours.dense().value_and_derivatives(points, orders),
        rtol=1e-9,
        atol=1e-9,
    )
    part = ours.fix(a=0.4)
    assert torch.allclose(part(points[:, 1:]), ours.dense().fix(a=0.4)(points[:, 1:]), rtol=1e-11, atol=1e-12)
    with pytest.raises(DomainError, match="another domain"):
        from_pychebyshev(theirs, Box((box.axes[1], box.axes[0], box.axes[2])))


def test_what_cannot_be_converted_says_why() -> None:
    with pytest.raises(DomainError, match="not built yet"):
        from_pychebyshev(ChebyshevApproximation(pointwise(smooth), 2, BOUNDS, [3, 3]), BOX)
    with pytest.raises(DomainError, match="got dict"):
        from_pychebyshev({}, BOX)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-12])
def test_compression_keeps_its_tolerance(tolerance: float) -> None:
    generator = torch.Generator().manual_seed(4)
    box = Box(tuple(Axis(f"x{k}", 0.0, 1.0) for k in range(4)))
    decay = torch.exp(-torch.arange(6, dtype=torch.float64))
    coefficients = torch.randn(6, 6, 6, 6, generator=generator, dtype=torch.float64)
    for k in range(4):
        coefficients = coefficients * decay.reshape([-1 if j == k else 1 for j in range(4)])
    tensor = TensorSurrogate(box, coefficients)
    scale = float(torch.linalg.vector_norm(coefficients))
    train = TrainSurrogate.compressed(tensor, tolerance)
    assert float(torch.linalg.vector_norm(train.dense().coefficients - coefficients)) <= tolerance * scale
    twice = (train + train).rounded(tolerance)
    error = torch.linalg.vector_norm(twice.dense().coefficients - 2.0 * train.dense().coefficients)
    assert float(error) <= 2.0 * tolerance * scale
    assert max(twice.ranks) <= max(train.ranks)
    with pytest.raises(DomainError, match="tolerance"):
        train.rounded(1.0)


def test_a_threshold_build_keeps_its_word_with_at_most_one_doubling_more_than_pychebyshev() -> None:
    calls = []

    def counted(p: NDArray[np.float64]) -> NDArray[np.float64]:
        calls.append(len(p))
        return smooth(p)

    for threshold, counts in ((1e-3, None), (1e-8, [None, 20])):
        theirs = ChebyshevApproximation(
            pointwise(smooth), 2, BOUNDS, counts, error_threshold=threshold, max_n=48
        )
        theirs.build(verbose=False)
        calls.clear()
        ours = build_to_threshold(counted, BOX, threshold, counts, 48)
        assert all(n <= m <= 2 * n for n, m in zip(theirs.get_used_ns(), ours.counts))
        same = from_pychebyshev(theirs, BOX)
        assert isinstance(same, TensorSurrogate)
        assert sum(same.truncation()) >= theirs.error_estimate() * (1 - 1e-6)
        assert ours.coefficients.numel() in calls  # one call for all nodes
        truth = torch.from_numpy(smooth(POINTS.numpy()))
        assert float((ours(POINTS) - truth).abs().max()) < threshold


def test_a_threshold_that_cannot_be_reached_is_an_error() -> None:
    # PyChebyshev's estimate looks at one coefficient, which symmetry makes 0 here: it delivers 1e-6 and is off by 0.5
    theirs = ChebyshevApproximation(pointwise(kinked), 2, BOUNDS, error_threshold=1e-6, max_n=24)
    theirs.build(verbose=False)
    assert abs(theirs.vectorized_eval([100.0, 0.3], [0, 0]) - np.sin(0.9)) > 0.5
    with pytest.raises(DomainError, match=r"expected an estimated error <= 1.00e-06.*most of it from spot"):
        build_to_threshold(kinked, BOX, 1e-6, max_count=24)
    with pytest.raises(DomainError, match="threshold > 0"):
        build_to_threshold(kinked, BOX, 0.0)


def butterfly(spot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of calls struck at 115, 122 and 129 on a deviation of 3 %: nothing at 50, 100 and 150."""

    def call(strike: float) -> NDArray[np.float64]:
        d = np.log(spot / strike) / 0.03 + 0.015
        return spot * ndtr(d) - strike * ndtr(d - 0.03)

    found: NDArray[np.float64] = call(115.0) - 2.0 * call(122.0) + call(129.0)
    return found


@pytest.mark.parametrize("threshold", [1e-1, 1e-2, 1e-3])
def test_a_butterfly_between_the_first_nodes_is_seen(threshold: float) -> None:
    """Three nodes, an estimate of 1.4e-4 and an error of 4.16, the whole value, while only nodes were looked at."""
    box, spot = Box((Axis("spot", 50.0, 150.0),)), np.linspace(50.0, 150.0, 2001)
    found = build_to_threshold(lambda p: butterfly(p[:, 0]), box, threshold)
    error = np.abs(found(torch.from_numpy(spot[:, None])).numpy() - butterfly(spot)).max()
    assert error < threshold
    assert sum(found.truncation()) <= threshold


def test_what_lies_between_nodes_is_looked_for_along_its_own_axis() -> None:
    box = Box((Axis("rate", 0.0, 0.1), Axis("spot", 50.0, 150.0), Axis("vol", 0.1, 0.5)))
    points = np.random.default_rng(4).uniform([0.0, 50.0, 0.1], [0.1, 150.0, 0.5], (3000, 3))

    def function(p: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = (1.0 + p[:, 0] * p[:, 2]) * butterfly(p[:, 1])
        return found

    found = build_to_threshold(function, box, 1e-2)
    error = np.abs(found(torch.from_numpy(points)).numpy() - function(points)).max()
    assert error < 1e-2
    assert found.counts == (6, 48, 6)


@pytest.mark.parametrize("limits", [{"max_count": 3}, {"counts": [3]}])
def test_a_threshold_not_reached_between_the_nodes_is_refused_with_the_place(limits: dict[str, Any]) -> None:
    box, message = (
        Box((Axis("spot", 50.0, 150.0),)),
        r"1.00e-03 between the nodes, got 4\..* at spot 12.*\[3\] nodes",
    )
    with pytest.raises(DomainError, match=message):
        build_to_threshold(lambda p: butterfly(p[:, 0]), box, 1e-3, **limits)


def test_a_train_that_passed_by_a_peak_is_refused() -> None:
    """Its own estimate was met and the error the whole value, 0.98."""
    box = Box((Axis("x", 0.0, 1.0), Axis("y", 0.0, 1.0), Axis("z", 0.0, 1.0)))

    def peak(p: NDArray[np.float64]) -> NDArray[np.float64]:
        distance = ((p - np.array([0.3, 0.7, 0.6])) ** 2).sum(1)
        found: NDArray[np.float64] = np.exp(-distance / 0.04**2) + 0.001 * p.sum(1)
        return found

    with pytest.raises(DomainError, match=r"tensor train: expected an error <= 0.01 .* at x 0.* with ranks"):
        build_train(peak, box, [33, 33, 33], seed=0)
    seen, dense = build_train(peak, box, [33, 33, 33], seed=2), build_tensor(peak, box, [33, 33, 33])
    top = torch.tensor([[0.3, 0.7, 0.6]], dtype=torch.float64)
    torch.testing.assert_close(seen(top), dense(top), rtol=0, atol=1e-9)


def test_builds_refuse_bad_functions_and_counts() -> None:
    with pytest.raises(DomainError, match=r"got nan at \{'spot': .* and 5 more nodes"):
        build_tensor(lambda p: np.where(p[:, 0] > 110.0, np.nan, 1.0), BOX, (4, 6))
    with pytest.raises(DomainError, match=r"expected values of shape \(24,\)"):
        build_tensor(lambda p: p, BOX, (4, 6))
    for build in (build_tensor, build_train):
        with pytest.raises(DomainError, match="counts"):
            build(smooth, BOX, (4,))
        with pytest.raises(DomainError, match="counts"):
            build(smooth, BOX, (4, 1))


def test_one_axis_is_enough() -> None:
    box = Box((Axis("x", -1.0, 1.0),))
    tensor = build_tensor(lambda p: np.exp(p[:, 0]), box, (14,))
    train = TrainSurrogate.compressed(tensor, 1e-15)
    x = torch.linspace(-1.0, 1.0, 9, dtype=torch.float64)[:, None]
    for surrogate in (tensor, train, train + train - train):
        found = surrogate.value_and_derivatives(x, [(0,), (1,), (2,)])
        assert torch.allclose(found, x.exp().expand(-1, 3), rtol=1e-8)


def test_boxes_and_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DomainError, match="lower < upper"):
        Axis("x", 1.0, 1.0)
    with pytest.raises(DomainError, match="different names"):
        Box((Axis("x", 0.0, 1.0), Axis("x", 0.0, 2.0)))
    with pytest.raises(DomainError, match="2 dimensions"):
        TensorSurrogate(BOX, torch.zeros(3, dtype=torch.float64))
    with pytest.raises(DomainError, match="finite"):
        TensorSurrogate(BOX, torch.full((2, 2), torch.nan, dtype=torch.float64))
    with pytest.raises(DomainError, match="cores"):
        TrainSurrogate(BOX, (torch.zeros(1, 3, 2), torch.zeros(3, 3, 1)))
    piece = build_tensor(smooth, BOX, (3, 3))
    with pytest.raises(DomainError, match="one for each of 2 cells"):
        SplineSurrogate(BOX, ((100.0,), ()), (piece, piece))
