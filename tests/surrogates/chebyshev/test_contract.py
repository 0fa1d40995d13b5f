"""What every kind of surrogate does: its box, its derivatives, algebra, slices, dtypes and files."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogates.chebyshev import (
    Axis,
    Box,
    ChebyshevSurrogate,
    TrainSurrogate,
    build_slider,
    build_spline,
    build_tensor,
    build_train,
    load,
    read_card,
    save,
)
from tests.support.black_scholes_case import sample
from xva.errors import DomainError, StoreError

BOX = Box((Axis("x", -1.0, 2.0), Axis("y", 0.5, 1.5, "year"), Axis("z", 0.0, 3.0)))
COUNTS = (13, 10, 9)


def smooth(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(0.4 * p[:, 0]) * np.log(1.0 + p[:, 1]) + np.sin(p[:, 2]) * p[:, 1])


def other(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cos(p[:, 0] + p[:, 2]) - p[:, 1])


Build = Callable[[Callable[[NDArray[np.float64]], NDArray[np.float64]]], ChebyshevSurrogate]
BUILDS: dict[str, Build] = {
    "tensor": lambda f: build_tensor(f, BOX, COUNTS),
    "train": lambda f: TrainSurrogate.compressed(build_tensor(f, BOX, COUNTS), 1e-14),
    "cross": lambda f: build_train(f, BOX, COUNTS, max_rank=9, tolerance=1e-12),
    "spline": lambda f: build_spline(f, BOX, COUNTS, [[0.0, 0.7], [], [1.1]]),
    "slider": lambda f: build_slider(f, BOX, COUNTS, [["x", "y"], ["z"]], [0.1, 1.0, 0.5]),
}


@pytest.fixture(params=BUILDS, scope="module")
def build(request: pytest.FixtureRequest) -> Build:
    return BUILDS[request.param]


@pytest.fixture(scope="module")
def surrogate(build: Build) -> ChebyshevSurrogate:
    return build(smooth)


POINTS = sample(BOX, 50)
ORDERS = [BOX.order(), BOX.order(x=1), BOX.order(x=2), BOX.order(x=1, y=1), BOX.order(z=1), BOX.order(z=3)]


def derivatives_by_ad(surrogate: ChebyshevSurrogate, points: Tensor) -> Tensor:
    x = points.clone().requires_grad_()
    value = surrogate(x)
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (by_x,) = torch.autograd.grad(first[:, 0].sum(), x, retain_graph=True)
    (by_z,) = torch.autograd.grad(first[:, 2].sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(by_z[:, 2].sum(), x)
    return torch.stack(
        [value.detach(), first[:, 0].detach(), by_x[:, 0], by_x[:, 1], first[:, 2].detach(), third[:, 2]], 1
    )


def test_values_are_the_function_s(surrogate: ChebyshevSurrogate) -> None:
    truth = smooth(POINTS.numpy())
    error = np.abs(surrogate(POINTS).numpy() - truth).max()
    # a slider loses what couples y and z: sin(z) y against the pivot's y, at most (1.5 - 1) * 2
    assert error < (1.0 if surrogate.kind == "slider" else 2e-7)


def test_the_one_pass_derivatives_are_those_of_ad(surrogate: ChebyshevSurrogate) -> None:
    found = surrogate.value_and_derivatives(POINTS, ORDERS)
    assert found.shape == (50, 6)
    assert torch.allclose(found, derivatives_by_ad(surrogate, POINTS), rtol=1e-9, atol=1e-9)


def test_first_and_second_order_gradients_pass_gradcheck(surrogate: ChebyshevSurrogate) -> None:
    x = POINTS[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(surrogate, (x,))
    assert torch.autograd.gradgradcheck(surrogate, (x,))


@pytest.fixture(scope="module", autouse=True)
def forward_mode() -> None:
    """torch scripts its forward-mode formulas on first use, with a deprecation warning of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.exp, (torch.ones(1),), (torch.ones(1),))


def test_torch_func_agrees(surrogate: ChebyshevSurrogate) -> None:
    point = POINTS[0]
    (gradient,) = torch.autograd.grad(surrogate(x := point.clone().requires_grad_()), x)
    assert torch.allclose(torch.func.grad(surrogate)(point), gradient, rtol=1e-12)
    assert torch.allclose(torch.func.jacfwd(surrogate)(point), gradient, rtol=1e-12)
    hessian = torch.func.hessian(surrogate)(point)
    assert float(hessian[0, 0]) == pytest.approx(
        float(surrogate.value_and_derivatives(point, [(2, 0, 0)])), rel=1e-10
    )
    if surrogate.kind != "spline":
        each = torch.func.vmap(torch.func.grad(lambda p: surrogate(p, outside="nan")))(POINTS[:4])
        assert torch.allclose(each[0], gradient, rtol=1e-12)


def test_a_batch_has_any_shape_and_chunks_do_not_matter(surrogate: ChebyshevSurrogate) -> None:
    many = sample(BOX, 70_000, seed=8)
    found = surrogate(many)
    assert torch.allclose(found[-50:], surrogate(many[-50:]), rtol=1e-13, atol=1e-13)
    assert surrogate.value_and_derivatives(POINTS.reshape(5, 10, 3), ORDERS).shape == (5, 10, 6)
    assert surrogate(POINTS[:0]).shape == (0,)
    assert surrogate(POINTS[0]).shape == ()


def test_queries_outside_raise_with_names_count_and_row(surrogate: ChebyshevSurrogate) -> None:
    bad = POINTS.clone()
    bad[7, 1] = 1.6
    bad[9, 1] = 0.4
    bad[9, 2] = 3.5
    message = (
        r"2 of 50 .*y in \[0.5, 1.5\] year \(2 rows\); z in \[0, 3\] \(1 rows\), got first y = 1.6 at row 7"
    )
    with pytest.raises(DomainError, match=message) as caught:
        surrogate(bad)
    assert caught.value.ids == ("y", "z")
    with pytest.raises(DomainError, match="outside the box"):
        surrogate.value_and_derivatives(bad, ORDERS)
    lower, upper = BOX.bounds(POINTS)
    assert bool(torch.isfinite(surrogate(torch.stack([lower, upper]))).all())


def test_queries_outside_are_flagged_and_their_gradients_are_not_zero(surrogate: ChebyshevSurrogate) -> None:
    bad = POINTS.clone()
    bad[3, 0] = -1.0001
    bad[4, 2] = torch.inf
    x = bad.clone().requires_grad_()
    values, inside = surrogate(x, outside="flag")
    assert torch.nonzero(~inside).flatten().tolist() == [3, 4]
    assert torch.equal(torch.isnan(values), ~inside)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert torch.equal(torch.isnan(gradient).all(1), ~inside)
    good = POINTS[inside].requires_grad_()
    (plain,) = torch.autograd.grad(surrogate(good).sum(), good)
    assert torch.allclose(gradient[inside], plain, rtol=1e-12)
    assert torch.equal(torch.isnan(surrogate(bad, outside="nan")), ~inside)
    flagged = surrogate.value_and_derivatives(bad, ORDERS, outside="flag")
    assert torch.equal(torch.isnan(flagged.values).all(1), ~inside)


def test_nan_queries_and_other_nonsense_are_refused(surrogate: ChebyshevSurrogate) -> None:
    bad = POINTS.clone()
    bad[5, 2] = torch.nan
    for outside in ("raise", "flag"):
        with pytest.raises(DomainError, match="1 of 50 queries hold a NaN: first at row 5, axis z"):
            surrogate(bad, outside=outside)
    with pytest.raises(DomainError, match=r"expected \(\.\.\., 3\)"):
        surrogate(POINTS[:, :2])
    with pytest.raises(DomainError, match=r"expected torch\.float64"):
        surrogate(POINTS.float())
    with pytest.raises(DomainError, match='expected "raise", "flag" or "nan"'):
        surrogate(POINTS, outside="extrapolate")  # type: ignore[call-overload]
    for order in [(0, 0), (0, -1, 0)]:
        with pytest.raises(DomainError, match="whole numbers"):
            surrogate.value_and_derivatives(POINTS, [order])
    with pytest.raises(DomainError, match="order 10 in y: expected at most 9"):
        surrogate.value_and_derivatives(POINTS, [(0, 10, 0)])
    with pytest.raises(DomainError, match="at least one"):
        surrogate.value_and_derivatives(POINTS, [])
    with pytest.raises(DomainError, match=r"expected an axis of \['x', 'y', 'z'\], got 'w'"):
        surrogate.box.order(w=1)


def test_algebra_is_linear(build: Build, surrogate: ChebyshevSurrogate) -> None:
    second = build(other)
    a, b = surrogate(POINTS), second(POINTS)
    assert torch.allclose((surrogate + second)(POINTS), a + b, rtol=1e-12, atol=1e-12)
    assert torch.allclose((2.0 * surrogate - second * 0.5)(POINTS), 2.0 * a - 0.5 * b, rtol=1e-12, atol=1e-12)
    assert torch.equal((-surrogate)(POINTS), -a)
    shifted = Box((Axis("x", -1.0, 2.5), *BOX.axes[1:]))
    with pytest.raises(DomainError, match="one kind and one box"):
        surrogate.plus(build_tensor(smooth, shifted, COUNTS))  # type: ignore[arg-type]


def test_a_slice_is_the_surrogate_there(surrogate: ChebyshevSurrogate) -> None:
    for fixed in ({"y": 0.8}, {"x": 0.7, "z": 1.3}, {"x": -1.0}, {"z": 3.0}, {"x": 0.3, "y": 1.5}):
        part = surrogate.fix(**fixed)
        assert part.box == BOX.without(fixed)
        full = POINTS.clone()
        for name, value in fixed.items():
            full[:, BOX.index(name)] = value
        left = [k for k, name in enumerate(BOX.names) if name not in fixed]
        assert torch.allclose(part(POINTS[:, left]), surrogate(full), rtol=1e-12, atol=1e-12)
    with pytest.raises(DomainError, match="slice: expected y in"):
        surrogate.fix(y=1.6)
    with pytest.raises(DomainError, match="every axis is fixed"):
        surrogate.fix(x=0.0, y=1.0, z=1.0)


def test_single_precision_is_single_precision(surrogate: ChebyshevSurrogate) -> None:
    single = surrogate.to(dtype=torch.float32)
    found = single.value_and_derivatives(POINTS.float(), ORDERS[:2])
    assert found.dtype == single.dtype == torch.float32
    assert single.device == torch.device("cpu")
    assert torch.allclose(found.double(), surrogate.value_and_derivatives(POINTS, ORDERS[:2]), atol=2e-4)
    _, upper = BOX.bounds(POINTS.float())
    assert bool(torch.isfinite(single(upper)))


def test_files_bring_back_the_same_bits(surrogate: ChebyshevSurrogate, tmp_path: Path) -> None:
    card = save(surrogate, tmp_path / "price.v1", {"function": "smooth", "rounding": 1e-14})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["price.v1.json", "price.v1.safetensors"]
    again = load(tmp_path / "price.v1")
    assert type(again) is type(surrogate)
    assert again.box == surrogate.box
    assert torch.equal(again(POINTS), surrogate(POINTS))
    assert read_card(tmp_path / "price.v1")["notes"] == {"function": "smooth", "rounding": 1e-14}
    first = card.read_bytes(), (tmp_path / "price.v1.safetensors").read_bytes()
    save(again, tmp_path / "price.v1", {"function": "smooth", "rounding": 1e-14})
    assert first == (card.read_bytes(), (tmp_path / "price.v1.safetensors").read_bytes())


def test_damaged_files_and_wrong_cards_are_refused(surrogate: ChebyshevSurrogate, tmp_path: Path) -> None:
    path, tensors = tmp_path / "a", tmp_path / "a.safetensors"
    card = save(surrogate, path)
    good, document = tensors.read_bytes(), card.read_text()
    for place in (3, len(good) // 2, len(good) - 1):
        tensors.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        with pytest.raises(StoreError, match=r"sha256.*damaged or belongs to another card"):
            load(path)
    tensors.write_bytes(good[:-8])
    with pytest.raises(StoreError, match="sha256"):
        load(path)
    tensors.unlink()
    with pytest.raises(StoreError, match="expected a surrogate's file"):
        load(path)
    tensors.write_bytes(good)
    save(2.0 * surrogate, tmp_path / "b")
    card.write_bytes((tmp_path / "b.json").read_bytes())
    with pytest.raises(StoreError, match="belongs to another card"):
        load(path)
    card.write_text(re.sub(r'"upper": 2.0', '"upper": 9.0', document, count=1))
    with pytest.raises(StoreError, match="the card was edited or damaged"):
        load(path)
    card.write_text(document[:-20])
    with pytest.raises(StoreError, match="torn or damaged"):
        load(path)
    card.write_text(json.dumps({"format": "a network"}))
    with pytest.raises(StoreError, match="got 'a network'"):
        load(path)
    with pytest.raises(StoreError, match="clean JSON"):
        save(surrogate, path, {"rounding": float("nan")})
    with pytest.raises(StoreError, match="cannot be written"):
        save(surrogate, tmp_path / "nowhere" / "a")
